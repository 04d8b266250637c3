"""The charts of the page Risk and fraud: only a mismatch has a colour."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashboard import charts_risk as charts


def pair(home: str, seen_in: str, share: float) -> dict[str, Any]:
    is_mismatch = "unknown" not in (home, seen_in) and home != seen_in
    return {
        "home": home,
        "seen_in": seen_in,
        "count_attempted": 1200,
        "is_mismatch": int(is_mismatch),
        "share_percent": share,
    }


ROWS = [pair("DE", "DE", 90.0), pair("DE", "FR", 10.0), pair("unknown", "FR", 100.0)]


def test_the_own_country_and_an_unknown_one_are_no_mismatch() -> None:
    frame = charts.countries_frame(ROWS)
    assert frame["percent"].isna().tolist() == [True, False, True]
    assert frame["home"].isna().tolist() == [False, True, False]
    assert frame["share"].tolist() == ["90.00 %", "10.00 %", "100.00 %"]
    assert frame["attempts"].tolist() == ["1,200"] * 3


def test_the_scale_ends_at_the_largest_mismatch() -> None:
    option = charts.countries_option(charts.countries_frame(ROWS))
    assert option["visualMap"]["max"] == pytest.approx(10.0)
    assert option["visualMap"]["text"] == ["10.0 %", "0 %"]
    assert [series["encode"]["value"] for series in option["series"]] == ["percent", "home"]


def test_unknown_countries_come_last() -> None:
    option = charts.countries_option(charts.countries_frame(ROWS))
    assert option["yAxis"]["data"] == ["DE", "unknown"]
    assert option["xAxis"]["data"] == ["DE", "FR"]


def test_options_are_plain_data_also_without_any_mismatch() -> None:
    option = charts.countries_option(charts.countries_frame(ROWS[:1]))
    assert option["visualMap"]["max"] == 1
    del option["dataset"]
    json.dumps(option)


def test_thresholds_are_steps_with_a_line_at_the_one_in_force() -> None:
    rows: list[dict[str, Any]] = [
        {"fraud_score": 0, "precision_percent": 0.5, "recall_percent": 100.0},
        {"fraud_score": 45, "precision_percent": None, "recall_percent": 80.0},
    ]
    frame = charts.thresholds_frame(rows)
    assert frame["points"].tolist() == [0, 45]
    assert frame["precision"].isna().tolist() == [False, True]
    option = charts.thresholds_option(frame, 40)
    assert [series["encode"]["y"] for series in option["series"]] == ["precision", "recall"]
    # what a threshold between two scores finds is what the higher one finds
    assert {series["step"] for series in option["series"]} == {"start"}
    assert option["series"][1]["markLine"]["data"] == [{"xAxis": 40}]
    del option["dataset"]
    assert json.loads(json.dumps(option)) == option
