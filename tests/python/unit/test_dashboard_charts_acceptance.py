"""The charts of the page Acceptance: gaps stay gaps, and few payments make no rate."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from dashboard import charts, charts_acceptance, definitions

DAY = date(2026, 3, 27)


def days(*values: float | None) -> list[dict[str, Any]]:
    return [
        {"drawn_at": DAY + timedelta(days=back), "rate_percent": value, "before": value}
        for back, value in enumerate(values)
    ]


def lines(*values: float | None, filling: bool = True) -> dict[str, Any]:
    frame = charts.day_frame(days(*values), ("rate_percent", "before"))
    return charts.lines_option(
        frame, {"rate_percent": "Rate"}, "%.2f %%", {}, ("before", "Week before"), filling
    )


def test_today_is_a_hollow_point_and_the_comparison_is_dashed() -> None:
    option = lines(90.0, None, 92.0)
    rate, before, today = option["series"]
    assert option["legend"]["data"] == ["Rate", "Week before"]
    assert (rate["name"], rate["connectNulls"]) == ("Rate", False)
    assert today["data"] == [["2026-03-29T00:00:00+00:00", 92.0]]
    assert (before["name"], before["lineStyle"]["type"]) == ("Week before", "dashed")


def test_a_day_that_is_over_or_unknown_has_no_hollow_point() -> None:
    for option in (lines(90.0, 91.0, filling=False), lines(90.0, None)):
        assert [series["name"] for series in option["series"]] == ["Rate", "Week before"]


def test_percent_does_not_go_past_100() -> None:
    near = charts.day_frame(days(90.0, 99.0), ("rate_percent",))
    far = charts.day_frame(days(80.0, 90.0), ("rate_percent",))
    assert charts_acceptance.percent_axis(near, ("rate_percent",))["max"] == 100
    assert "max" not in charts_acceptance.percent_axis(far, ("rate_percent",))


def test_rates_of_few_are_points_beside_the_line_and_say_what_they_are_of() -> None:
    rows: list[dict[str, Any]] = [
        {"drawn_at": DAY, "p": 90.0, "n": 30, "r_low_percent": 74.4, "r_high_percent": 96.5},
        {"drawn_at": DAY, "p": 50.0, "n": 29, "r_low_percent": 33.0, "r_high_percent": 67.0},
        {"drawn_at": DAY, "p": None, "n": 0, "r_low_percent": None, "r_high_percent": None},
    ]
    frame = charts.sized(charts.day_frame(rows, ("p",)), rows, "p", "n", "r")
    assert frame["p"].isna().tolist() == [False, True, True]
    assert frame["p_few"].isna().tolist() == [True, False, True]
    assert frame["p_said"].tolist() == [
        "90.00 % of 30 (74.4 – 96.5 %)",
        "50.00 % of 29 (33.0 – 67.0 %)",
        "n/a",
    ]
    option = charts.lines_option(frame, {"p": "Rate"}, "%.2f %%", {}, filling=False)
    rate, few = option["series"]
    assert (rate["encode"]["y"], rate["encode"]["tooltip"]) == ("p", ["p_said"])
    assert few["name"] == "Of fewer than 30"
    assert few["data"] == [["2026-03-27T00:00:00+00:00", 50.0]]
    assert option["legend"]["data"] == ["Rate", "Of fewer than 30"]
    by_value = charts.sized(charts.day_frame(rows, ("p",)), rows, "p", "n")
    assert by_value["p_said"].tolist() == ["90.00 % of 30", "50.00 % of 29", "n/a"]


def decline(code: str, group: str, percent: float) -> dict[str, Any]:
    return {
        "decline_code": code,
        "decline_group": group,
        "count_declined": 1234,
        "share_percent": percent,
    }


def test_reasons_are_ranked_from_the_top_and_coloured_by_kind() -> None:
    rows = [
        decline("do_not_honor", "soft", 60.0),
        decline("stolen_card", "hard", 30.0),
        decline("", "unknown", 10.0),
    ]
    frame = charts_acceptance.declines_frame(rows)
    # an axis of categories counts upwards
    assert frame["reason"].tolist() == ["No code", "Stolen card", "Do not honor"]
    assert frame["declines"].tolist() == ["1,234"] * 3
    assert frame["soft"].isna().tolist() == [True, True, False]
    series = charts_acceptance.declines_option(frame)["series"]
    assert [bar["name"] for bar in series] == ["Soft", "Hard", "Unknown"]
    assert {bar["stack"] for bar in series} == {"share"}


RATE = definitions.Metric("acceptance_rate", "Acceptance rate", "%", "percent", "up", "")
VOLUME = definitions.Metric("volume_per_slot_eur", "Volume per hour", "EUR", "euro", "up", "")


def hour(count: int, rate: float | None) -> dict[str, Any]:
    ends = (None, None) if rate is None else (80.0, 95.0)
    return {
        "weekday": 7,
        "hour": 3,
        "count_decided": count,
        "acceptance_rate": rate,
        "acceptance_low_percent": ends[0],
        "acceptance_high_percent": ends[1],
        "volume_per_slot_eur": None if rate is None else Decimal(count),
    }


def test_under_30_decided_payments_an_hour_is_grey() -> None:
    frame = charts_acceptance.week_frame([hour(30, 0.915), hour(29, 0.12), hour(0, None)], RATE)
    assert frame["value"].isna().tolist() == [False, True, True]
    assert frame["few"].isna().tolist() == [True, False, False]
    assert frame["hour"].tolist() == ["03"] * 3
    assert frame["weekday"].tolist() == ["Sun"] * 3
    assert frame["said"].tolist() == [
        "91.50 % of 30 decided (80.0 – 95.0 %)",
        "12.00 % of 29 decided (80.0 – 95.0 %)",
        "n/a",
    ]
    option = charts_acceptance.week_option(frame, RATE)
    # an hour without a rate neither has a colour of the scale nor stretches it
    assert option["visualMap"]["seriesIndex"] == 0
    assert frame.columns[option["visualMap"]["dimension"]] == "value"
    assert (option["visualMap"]["min"], option["visualMap"]["max"]) == (91.5, 92.5)
    assert option["visualMap"]["text"] == ["91.50 %", "91.50 %"]


def test_volume_by_hour_is_of_any_number_of_payments() -> None:
    frame = charts_acceptance.week_frame([hour(30, 0.5), hour(2, 0.5), hour(0, None)], VOLUME)
    assert frame["value"].tolist()[:2] == [30.0, 2.0]
    assert frame["value"].isna().tolist() == [False, False, True]
    assert frame["few"].isna().all()
    assert frame["said"].tolist() == ["€ 30.00", "€ 2.00", "n/a"]
    option = charts_acceptance.week_option(frame, VOLUME)
    assert option["visualMap"]["text"] == ["€ 30.00", "€ 2.00"]
    assert "Volume per hour" in option["series"][0]["tooltip"]["formatter"]


def test_a_map_without_any_rate_still_draws() -> None:
    option = charts_acceptance.week_option(charts_acceptance.week_frame([hour(1, 0.5)], RATE), RATE)
    assert (option["visualMap"]["min"], option["visualMap"]["max"]) == (0.0, 100.0)


def test_recovery_stacks_intents_and_draws_its_rate_on_an_axis_of_percent() -> None:
    rows = [
        {
            "drawn_at": DAY,
            "count_recovered_intents": 4,
            "count_lost_intents": 6,
            "recovery_percent": 40.0,
        }
    ]
    frame = charts.day_frame(
        rows, ("count_recovered_intents", "count_lost_intents", "recovery_percent")
    )
    option = charts_acceptance.recovery_option(frame, "Recovery")
    bars, rate = option["series"][:2], option["series"][2]
    assert {bar["stack"] for bar in bars} == {"intents"}
    assert (rate["name"], rate["yAxisIndex"]) == ("Recovery", 1)
    assert (option["yAxis"][1]["min"], option["yAxis"][1]["max"]) == (0, 100)


def test_options_are_plain_data_around_one_dataframe() -> None:
    week = charts_acceptance.week_option(charts_acceptance.week_frame([hour(30, 0.9)], RATE), RATE)
    declines = charts_acceptance.declines_option(
        charts_acceptance.declines_frame([decline("x", "soft", 1.0)])
    )
    for option in (week, declines, lines(1.0)):
        del option["dataset"]
        json.dumps(option)
