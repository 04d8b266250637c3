"""The charts of the page Risk and fraud: only a mismatch has a colour."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pandas as pd
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


def test_what_still_grows_is_a_line_of_its_own_that_meets_the_other() -> None:
    days = pd.to_datetime(["2026-03-01", "2026-03-02", "2026-03-03"], utc=True)
    frame = pd.DataFrame({"drawn_at": days, "rate": [1.0, 2.0, 3.0]})
    drawn = charts.with_young(frame, "rate", date(2026, 3, 3))
    assert drawn["rate"].isna().tolist() == [False, False, True]
    assert drawn["rate_young"].isna().tolist() == [True, False, False]
    names = {"rate": "Rate", "rate_young": "Rate, immature"}
    grown, young = charts.rates_option(drawn, names, filling=False)["series"]
    assert "lineStyle" not in grown
    assert young["lineStyle"] == {"type": "dashed"}


def test_a_line_without_a_value_is_left_out() -> None:
    days = pd.to_datetime(["2026-03-02", "2026-03-03"], utc=True)
    frame = pd.DataFrame({"drawn_at": days, "rate": [1.0, 2.0]})
    drawn = charts.with_young(frame, "rate", date(2026, 3, 1))
    names = {"rate": "Rate", "rate_young": "Rate, immature"}
    (young,) = charts.rates_option(drawn, names, filling=False)["series"]
    assert young["name"] == "Rate, immature"


def test_the_axis_of_the_ratio_reaches_its_lines() -> None:
    months = [{"month_start_date": date(2026, 3, 1), "vamp_percent": 0.1}]
    frame = charts.vamp_frame([*months, {**months[0], "vamp_percent": None}])
    option = charts.vamp_option(frame, "Ratio", {"Acquirer": 0.005, "Merchant": 0.015})
    assert option["yAxis"]["max"] > 1.5
    lines = option["series"][0]["markLine"]["data"]
    assert [one["label"]["formatter"] for one in lines] == ["Acquirer: 0.50 %", "Merchant: 1.50 %"]


def test_decided_disputes_are_bars_with_their_rate() -> None:
    won, lost, rate = charts.decided_option(pd.DataFrame(), "Won", "Lost", "Rate")["series"]
    assert won["stack"] == lost["stack"]
    assert (won["encode"]["y"], lost["encode"]["y"]) == ("count_won", "count_lost")
    assert rate["yAxisIndex"] == 1
