"""The charts of the page FX and settlement: a waterfall ends where its figures do."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from dashboard import charts_fx

NAMES = {"fees": "Fees", "cost": "Cost", "lost": "Lost", "net": "Net"}


def steps(fees: str, cost: str, lost: str, net: str) -> list[dict[str, float]]:
    row = {"fees": Decimal(fees), "cost": Decimal(cost), "lost": Decimal(lost), "net": Decimal(net)}
    frame = charts_fx.waterfall_frame(row, NAMES)
    assert frame["name"].tolist() == list(NAMES.values())
    columns = [*charts_fx.HIDDEN, *charts_fx.SHOWN]
    return [
        {name: step[name] for name in columns if step[name]}
        for step in frame.to_dict(orient="records")
    ]


@pytest.mark.parametrize(
    ("figures", "drawn"),
    [
        (
            ("100", "30", "20", "50"),
            [
                {"earned": 100},
                {"below": 70, "taken": 30},
                {"below": 50, "taken": 20},
                {"left": 50},
            ],
        ),
        # past zero a bar goes on beneath it
        (
            ("100", "30", "90", "-20"),
            [
                {"earned": 100},
                {"below": 70, "taken": 30},
                {"taken": 70, "owing": -20},
                {"left": -20},
            ],
        ),
        (
            ("10", "30", "5", "-25"),
            [
                {"earned": 10},
                {"taken": 10, "owing": -20},
                {"under": -20, "owing": -5},
                {"left": -25},
            ],
        ),
        (("0", "0", "0", "0"), [{}, {}, {}, {}]),
    ],
)
def test_bars_stand_where_the_one_before_ends(
    figures: tuple[str, str, str, str], drawn: list[dict[str, float]]
) -> None:
    assert steps(*figures) == drawn


def test_rates_have_a_column_per_currency_and_gaps_where_none_is_known() -> None:
    rows = [
        {"drawn_at": date(2026, 3, 1), "currency_code": "USD", "rate_index": 100.0},
        {"drawn_at": date(2026, 3, 2), "currency_code": "USD", "rate_index": 101.5},
        {"drawn_at": date(2026, 3, 2), "currency_code": "GBP", "rate_index": 100.0},
    ]
    frame = charts_fx.rates_frame(rows)
    assert frame.columns.tolist() == ["drawn_at", "GBP", "USD"]
    assert frame["USD"].tolist() == [100.0, 101.5]
    assert frame["GBP"].isna().tolist() == [True, False]
