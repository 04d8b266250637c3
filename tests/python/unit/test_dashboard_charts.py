"""The charts' options: the last bucket is marked as filling, the comparison only with data."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard import charts

START = datetime(2026, 3, 29, 12, tzinfo=UTC)


def rows(*values: float | None) -> list[dict[str, Any]]:
    return [
        {"drawn_at": START + timedelta(hours=hour), "measure": value}
        for hour, value in enumerate(values)
    ]


def test_before_is_matched_by_time_not_by_position() -> None:
    frame = charts.trend_frame(rows(1.0, 2.0, 3.0), rows(10.0, 20.0, 30.0)[1:], "measure")
    assert frame["value"].tolist() == [1.0, 2.0, 3.0]
    assert frame["before"].isna().tolist() == [True, False, False]
    assert frame["before"].tolist()[1:] == [20.0, 30.0]
    assert str(frame["drawn_at"].dt.tz) == "UTC"


@pytest.mark.parametrize("build", [charts.volume_option, charts.rate_option])
def test_the_last_bucket_is_drawn_as_still_filling(build: Any) -> None:
    option = build(charts.trend_frame(rows(1.0, 2.0, 3.0), (), "measure"), "previous 24 h")
    filling = [series for series in option["series"] if series["name"] == "Still filling"]
    assert [series["data"] for series in filling] == [[["2026-03-29T14:00:00+00:00", 3.0]]]
    assert len(option["series"]) == 2
    assert option["useUTC"] is True


@pytest.mark.parametrize("build", [charts.volume_option, charts.rate_option])
def test_a_missing_rate_in_the_last_bucket_draws_no_point(build: Any) -> None:
    option = build(charts.trend_frame(rows(1.0, None), (), "measure"), "previous 24 h")
    assert [series["name"] for series in option["series"]][1:] == []


def test_the_comparison_is_named_and_left_out_without_data() -> None:
    frame = charts.trend_frame(rows(1.0, 2.0), rows(3.0, 4.0), "measure")
    names = [series["name"] for series in charts.volume_option(frame, "previous 24 h")["series"]]
    assert names == ["Volume", "Still filling", "Previous 24 h"]


def test_a_success_rate_near_the_top_does_not_go_past_100_percent() -> None:
    near = charts.rate_option(charts.trend_frame(rows(90.0, 99.0), (), "measure"), "x")
    far = charts.rate_option(charts.trend_frame(rows(80.0, 90.0), (), "measure"), "x")
    assert near["yAxis"]["max"] == 100
    assert "max" not in far["yAxis"]


def test_an_option_is_plain_data_around_one_dataframe() -> None:
    option = charts.volume_option(charts.trend_frame(rows(1.0), (), "measure"), "x")
    del option["dataset"]
    json.dumps(option)
