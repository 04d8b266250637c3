"""The page FX and settlement in each of its states, on a stubbed warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.python.dashboard.pages import UNREACHABLE, OpenPage, captions, metrics, options

PAGE = "app_pages/fx.py"
TODAY = datetime.now(UTC).date()


def revenue(period: str, **changed: Any) -> dict[str, Any]:
    """A row of the `revenue` query."""
    row = {
        "period": period,
        "net_settled_amount_eur": Decimal("1600.00000000"),
        "gross_fees_eur": Decimal("100.00000000"),
        "scheme_cost_eur": Decimal("60.00000000"),
        "refunded_fees_eur": Decimal("5.00000000"),
        "lost_amount_eur": Decimal("10.00000000"),
        "dispute_fees_eur": Decimal("5.00000000"),
        "net_revenue_eur": Decimal("20.00000000"),
        "take_rate": 0.0125,
    }
    return {**row, **changed}


@pytest.fixture(autouse=True)
def rows(warehouse: Any, bare_labels: None) -> Any:
    """What the warehouse answers to this page."""
    warehouse.rows.update(
        exposure=[
            {
                "currency_code": "USD",
                "latest_rate_to_eur": Decimal("0.920000"),
                "latest_rate_date": TODAY,
                "count_open": 12,
                "open_amount": Decimal("1000.50"),
                "exposure_eur": Decimal("920.46000000"),
                "revaluation_eur": Decimal("-3.12500000"),
                "volatility_30d": 0.01,
                "value_at_risk_eur": 15.18,
            },
            {
                "currency_code": "JPY",
                "latest_rate_to_eur": None,
                "latest_rate_date": None,
                "count_open": 1,
                "open_amount": Decimal("5000.00"),
                "exposure_eur": None,
                "revaluation_eur": None,
                "volatility_30d": None,
                "value_at_risk_eur": None,
            },
        ],
        exposure_totals=[
            {"exposure_eur": Decimal("920.46000000"), "revaluation_eur": Decimal("-3.12500000")}
        ],
        rates=[
            {"drawn_at": TODAY - timedelta(days=1), "currency_code": "USD", "rate_index": 100.0},
            {"drawn_at": TODAY, "currency_code": "USD", "rate_index": 101.0},
        ],
        volume=[
            {
                "currency_code": "USD",
                "successful_amount": Decimal("2000.00"),
                "successful_amount_eur": Decimal("1850.00000000"),
                "successful_amount_constant_eur": Decimal("1840.00000000"),
                "fx_effect_eur": Decimal("10.00000000"),
            }
        ],
        pending=[
            {
                "count_pending": 33,
                "pending_amount_eur": Decimal("44.55000000"),
                "age_p50_seconds": 60.0,
                "age_p95_seconds": 600.0,
            }
        ],
        ageing=[
            {
                "age_order": order,
                "age_bucket": bucket,
                "count_pending": order,
                "pending_amount_eur": Decimal("1.00000000"),
            }
            for order, bucket in enumerate(("0-5 m", "5-60 m", "1-24 h", "1-3 d", "> 7 d"), 1)
        ],
        settling=[
            {
                "drawn_at": TODAY,
                "count_settled": 5,
                "time_to_final_p50_seconds": 30.0,
                "time_to_final_p95_seconds": 90.0,
            }
        ],
        revenue=[revenue("now"), revenue("complete", net_revenue_eur=Decimal("15.00000000"))],
        revenue_by_day=[
            {
                "drawn_at": day,
                "net_settled_amount_eur": Decimal("800.00000000"),
                "net_revenue_eur": None,
                "take_rate": 0.01,
            }
            for day in (TODAY - timedelta(days=2), TODAY - timedelta(days=1), TODAY)
        ],
    )
    return warehouse


@pytest.fixture
def open_it(open_page: OpenPage) -> OpenPage:
    """Opens the page itself at a URL with these query parameters."""
    return lambda **url: open_page(**url).switch_page(PAGE).run()


def test_it_shows_what_is_owed_pending_and_left(open_it: OpenPage, rows: Any) -> None:
    app = open_it()
    assert not app.exception
    assert not app.error
    assert list(metrics(app).values()) == [
        "€ 920.46",
        "\N{MINUS SIGN}€ 3.12",
        "33",
        "€ 44.55",
        "60",
        "600",
        "€ 1,600.00",
        "€ 20.00",
        "1.25 %",
    ]
    assert len(options(app)) == 4
    # constant currency means the rates of the last day
    assert rows.last("volume")["valuation"] == TODAY.isoformat()
    exposure = app.dataframe[0].value
    assert exposure["amount"].tolist() == ["USD 1,000.50", "JPY 5,000.00"]
    assert exposure["exposure_eur"].tolist() == ["€ 920.46", "n/a: rate missing"]
    assert "Net revenue € 20.00" in captions(app)


def test_the_days_are_those_of_the_range_and_are_compared(open_it: OpenPage, rows: Any) -> None:
    app = open_it(range="7d")
    sent = [dict(call.parameters) for call in rows.calls if call.name == "revenue"]
    assert [(one["from"], one["to"]) for one in sent] == [
        ((TODAY - timedelta(days=7)).isoformat(), (TODAY + timedelta(days=1)).isoformat()),
        ((TODAY - timedelta(days=14)).isoformat(), (TODAY - timedelta(days=7)).isoformat()),
    ]
    shown = {metric.label: metric for metric in app.metric}
    # 15 of the whole days against 20 of those before
    assert shown["Net revenue"].delta == "-25.0 %"
    assert "whole days against" in captions(app)


def test_what_is_open_now_is_compared_with_nothing(open_it: OpenPage, rows: Any) -> None:
    app = open_it(range="7d")
    (exposure, *_) = app.metric
    assert (exposure.delta, exposure.proto.delta_description) == ("", "as of now")
    assert "As of now, whatever the range: not compared" in captions(app)


def test_what_is_booked_is_not_known_per_currency(open_it: OpenPage, rows: Any) -> None:
    app = open_it(currency="USD")
    assert list(metrics(app).values())[-3:] == ["n/a"] * 3
    assert not [call for call in rows.calls if call.name == "revenue"]


def test_days_without_bookings_say_so(open_it: OpenPage, rows: Any) -> None:
    rows.rows.update(revenue=[], revenue_by_day=[])
    app = open_it()
    assert not app.exception
    assert metrics(app)["Net revenue"] == "n/a"
    assert "Nothing was booked on these days." in captions(app)


def test_a_missing_rate_makes_figures_unknown_and_never_smaller(
    open_it: OpenPage, rows: Any
) -> None:
    rows.rows["exposure_totals"] = [{"exposure_eur": None, "revaluation_eur": None}]
    rows.rows["revenue"] = [{**dict.fromkeys(revenue("now")), "period": "now"}]
    app = open_it()
    assert not app.exception
    assert list(metrics(app).values()).count("n/a: rate missing") == 4
    assert "A rate or a fee of these days is missing: their revenue is unknown." in captions(app)


def test_an_empty_warehouse_says_so(open_it: OpenPage, rows: Any) -> None:
    for name in ("exposure", "rates", "volume", "settling"):
        rows.rows[name] = []
    rows.rows["first_day"] = [{"first_day": None}]
    app = open_it()
    assert not app.exception
    assert "No exchange rate is known on these days." in captions(app)
    assert [box.value for box in app.info if "finhouse gen --resume" in box.value]


def test_without_a_warehouse_it_says_why_and_what_to_do(open_it: OpenPage, rows: Any) -> None:
    rows.error = UNREACHABLE
    app = open_it()
    assert not app.exception
    (error,) = app.error
    assert "`./finhouse status`" in error.value
    assert "Waiting for the warehouse." in captions(app)
