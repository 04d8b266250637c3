"""Charts of the page Explore: what is drawn, and what a click or a drag on it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dashboard import charts_explore, definitions, periods, views

WINDOW = periods.window_of(periods.RANGES["1h"], datetime(2026, 3, 29, 14, 37, 42, tzinfo=UTC))
NOTHING = definitions.Definitions()
AMOUNT = NOTHING.metric("successful_amount_eur")
RATE = NOTHING.metric("success_rate")
ROWS: list[dict[str, Any]] = [
    {
        "dimension": "trend",
        "value": "2026-03-29 14:00:00",
        "successful_amount_eur": Decimal("1.50"),
        "success_rate": 0.5,
    },
    {"dimension": "now", "value": "", "successful_amount_eur": Decimal(9), "success_rate": 0.1},
]


def test_a_bucket_without_payments_has_no_volume_and_an_unknown_rate() -> None:
    amounts = charts_explore.trend_frame(ROWS, WINDOW, AMOUNT)
    rates = charts_explore.trend_frame(ROWS, WINDOW, RATE)
    assert len(amounts) == len(rates) == WINDOW.slots == 60
    assert amounts["value"].sum() == 1.5
    assert amounts["value"].notna().all()
    assert rates["value"].notna().sum() == 1
    assert amounts["is_filling"].tolist() == [False] * 59 + [True]


@pytest.mark.parametrize("metric", [AMOUNT, RATE])
def test_a_drag_along_the_time_is_the_brush(metric: definitions.Metric) -> None:
    frame = charts_explore.trend_frame(ROWS, WINDOW, metric)
    spec = charts_explore.trend_chart(frame, metric, "week before", (), 200, "#5B6B68").to_dict()
    (brush,) = spec["params"]
    assert brush["name"] == charts_explore.BRUSH
    assert brush["select"] == {"type": "interval", "encodings": ["x"]}
    (drawn,) = spec["layer"]
    assert drawn["encoding"]["x"]["scale"]["type"] == "utc"


def test_the_comparison_is_a_dashed_line_over_the_same_buckets() -> None:
    week = timedelta(days=7)
    before = [{"dimension": "trend", "value": "2026-03-22 14:01:00", "successful_amount_eur": 7}]
    frame = charts_explore.trend_frame(ROWS, WINDOW, AMOUNT, before, week)
    at = frame.index[frame["begins"] == datetime(2026, 3, 29, 14, 1, tzinfo=UTC)][0]
    assert (frame["before"][at], frame["before"].sum()) == (7, 7)
    assert frame["before_shown"][at] == "€ 7.00"
    spec = charts_explore.trend_chart(frame, AMOUNT, "same time last week", (), 200, "x").to_dict()
    bars, line = spec["layer"]
    assert (line["mark"]["type"], line["mark"]["strokeDash"]) == ("line", [4, 3])
    assert line["encoding"]["y"]["field"] == "before"
    assert bars["encoding"]["tooltip"][-1]["title"] == "Same time last week"


def test_what_happened_is_a_labelled_rule() -> None:
    mark = views.Mark(at=datetime(2026, 3, 29, 14, 5, tzinfo=UTC), label="Deploy", kind="deploy")
    frame = charts_explore.trend_frame(ROWS, WINDOW, AMOUNT)
    spec = charts_explore.trend_chart(frame, AMOUNT, "", [mark], 200, "#5B6B68").to_dict()
    _, rule, text = spec["layer"]
    assert rule["mark"]["type"] == "rule"
    assert (text["mark"]["type"], text["mark"]["color"]) == ("text", "#5B6B68")
    (told,) = spec["datasets"][text["data"]["name"]]
    assert (told["label"], told["at"]) == ("Deploy", "2026-03-29T14:05:00+00:00")


@pytest.mark.parametrize(
    "said",
    [None, {}, [], "x", {"begins": []}, {"begins": [1]}, {"begins": ["x", "y"]},
     {"begins": [2, 1]}, {"begins": [float("nan"), 1]}, {"begins": [1e300, 2e300]}],
)  # fmt: skip
def test_what_is_no_brush_is_none(said: object) -> None:
    assert charts_explore.brushed(said) is None


def test_a_brush_is_two_moments() -> None:
    said = {"begins": [1774792800000, 1774796400000]}
    assert charts_explore.brushed(said) == (
        datetime(2026, 3, 29, 14, tzinfo=UTC),
        datetime(2026, 3, 29, 15, tzinfo=UTC),
    )


def test_a_board_has_a_row_per_value_and_marks_the_chosen() -> None:
    rows: list[dict[str, Any]] = [
        {"value": "a", "successful_amount_eur": Decimal(4)},
        {"value": "b", "successful_amount_eur": None},
    ]
    frame = charts_explore.board_frame(rows, ["A {a}", "B"], AMOUNT, ("b",))
    assert frame["name"].tolist() == ["B", "A {a}"]
    assert frame["length"].tolist() == [0.0, 4.0]
    bars, shown, names = charts_explore.board_option(frame, "Volume", "#0C1B19")["series"]
    assert bars["data"][0]["itemStyle"]["color"] == charts_explore.CHOSEN
    assert names["data"][0]["label"]["formatter"] == "✓ B"
    assert names["data"][1]["label"]["formatter"] == "A (a)"
    assert shown["data"][1]["label"]["formatter"] == "€ 4.00"
    assert names["selectedMode"] == "single"


@pytest.mark.parametrize(
    ("said", "row"),
    [
        ({"selected": [{"data_indices": [2]}]}, 0),
        ({"selected": [{"data_indices": [0]}]}, 2),
        ({"selected": [{"data_indices": [3]}]}, None),
        ({"selected": [{"data_indices": [-1]}]}, None),
        ({"selected": []}, None),
        ({"selected": [{"data_indices": []}]}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_click_is_a_row_from_the_top(said: object, row: int | None) -> None:
    assert charts_explore.clicked(said, 3) == row
