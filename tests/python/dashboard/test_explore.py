"""The page Explore in each of its states, on a stubbed warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.python.dashboard.pages import UNREACHABLE, OpenPage, captions, metrics

PAGE = "app_pages/explore.py"
MERCHANT, PAYMENT, ACCOUNT = (str(UUID(int=number)) for number in (7, 8, 9))
MOMENT = datetime(2026, 3, 29, 14, 37, 42, tzinfo=UTC)


def total(dimension: str, value: str = "", **changed: Any) -> dict[str, Any]:
    """A row of the `slices` query."""
    row = {
        "dimension": dimension,
        "value": value,
        "merchant_name": None,
        "count_attempted": 1200,
        "count_decided": 1100,
        "count_successful": 1000,
        "known_amount_eur": Decimal("98765.43500000"),
        "count_minutes_without_rate": 0,
        "successful_amount_eur": Decimal("98765.43500000"),
        "average_ticket_eur": Decimal("98.76543500"),
        "success_rate": 1000 / 1100,
    }
    return {**row, **changed}


def payment(**changed: Any) -> dict[str, Any]:
    """A row of the `payments` query."""
    row = {
        "transaction_id": UUID(PAYMENT),
        "occurred_at": MOMENT,
        "status": "failed",
        "decline_code": "expired_card",
        "merchant_id": UUID(MERCHANT),
        "merchant_name": "Harbour Books",
        "merchant_category": "books",
        "merchant_country": "DE",
        "amount": Decimal("1234.50"),
        "currency_code": "USD",
        "amount_eur": Decimal("1135.74000000"),
        "account_id": UUID(ACCOUNT),
    }
    return {**row, **changed}


@pytest.fixture(autouse=True)
def rows(warehouse: Any, bare_labels: None) -> Any:
    """What the warehouse answers to this page."""
    bucket = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    warehouse.rows.update(
        slices=[
            total("now"),
            total("complete"),
            total("trend", f"{bucket:%Y-%m-%d %H:%M:%S}"),
            total("merchant", MERCHANT, merchant_name="Harbour Books"),
            *(total("category", f"kind {number}") for number in range(12)),
            total("status", "success"),
            total("reason", "expired_card", successful_amount_eur=Decimal(0)),
        ],
        values=[
            {"dimension": "merchant", "value": MERCHANT, "name": "Harbour *Books*"},
            {"dimension": "category", "value": "books", "name": ""},
            {"dimension": "country", "value": "DE", "name": ""},
            {"dimension": "currency", "value": "USD", "name": ""},
            {"dimension": "reason", "value": "expired_card", "name": ""},
        ],
        places=[
            {
                "lowest": "2026-03-29 14:37:00",
                "highest": "2026-03-29 14:37:00",
                "count_before": 40,
                "count_found": 120,
                "page": 2,
            }
        ],
        payments=[payment(), payment(status="success", decline_code="", merchant_name=None)],
        merchants_found=[
            {
                "merchant_id": UUID(MERCHANT),
                "merchant_name": "Harbour Books",
                "merchant_category": "books",
                "merchant_country": "DE",
                "risk_rating": 4,
                "updated_at": MOMENT,
                "count_found": 1,
            }
        ],
        accounts_found=[
            {
                "account_id": UUID(ACCOUNT),
                "initials": "A. L.",
                "masked_email": "a…@example.com",
                "account_country": "GB",
                "signup_at": MOMENT,
                "updated_at": MOMENT,
                "count_found": 1,
                "count_payments": 3,
                "last_date": MOMENT.date(),
            }
        ],
    )
    return warehouse


@pytest.fixture
def open_it(open_page: OpenPage) -> OpenPage:
    """Opens the page itself at a URL with these query parameters."""
    return lambda **url: open_page(**url).switch_page(PAGE).run()


def test_it_shows_numbers_a_trend_six_lists_and_payments(rows: Any, open_it: OpenPage) -> None:
    app = open_it()
    assert not app.exception
    assert not app.error
    assert metrics(app) == {
        "Successful amount": "€ 98,765.44",
        "Attempted": "1,200",
        "Successful": "1,000",
        "Success rate": "90.91 %",
        "Average ticket": "€ 98.77",
    }
    assert len(app.get("vega_lite_chart")) == 1
    assert len(app.get("echarts_chart")) == 4  # two dimensions have no value here
    assert "8 of 12" in captions(app)
    (table,) = (frame.value for frame in app.dataframe)
    assert table["payment"][0] == f"/payment?payment={PAYMENT}"
    assert table["merchant"].tolist() == ["Harbour Books", "unknown (00000000)"]
    assert table["status"].map(list).tolist() == [["failed"], ["success"]]
    assert "51–52 of 120" in captions(app)
    assert rows.last("payments")["offset"] == 10


def test_the_url_filters_numbers_and_payments_alike_and_is_shown_as_chips(
    rows: Any, open_it: OpenPage
) -> None:
    app = open_it(category="books", status="failed", merchant=MERCHANT, measure="Success rate")
    assert not app.exception
    for name in ("slices", "places", "payments"):
        sent = rows.last(name)
        assert (sent["category"], sent["status"], sent["merchant"]) == ("books", "failed", MERCHANT)
    assert rows.last("slices")["measure"] == "success_rate"
    labels = [button.label for button in app.button]
    assert r"Merchant: Harbour \*Books\*" in labels
    assert "Category: Books" in labels
    app.button(key="chip_category_books").click().run()
    assert rows.last("slices")["category"] == ""
    assert rows.last("slices")["status"] == "failed"
    assert "category" not in app.query_params
    app.button(key="reset_all").click().run()
    assert rows.last("places")["status"] == ""
    assert "reset_all" not in [button.key for button in app.button]


def test_a_value_can_be_chosen_without_a_mouse(rows: Any, open_it: OpenPage) -> None:
    app = open_it()
    app.session_state["filter_bar"] = True
    app.run()
    app.multiselect(key="pick_category_0").set_value(["books"]).run()
    assert not app.exception
    assert rows.last("slices")["category"] == "books"
    assert app.query_params["category"] == "books"


def test_a_zoom_narrows_everything_and_is_compared_with_as_much_before_it(
    rows: Any, open_it: OpenPage
) -> None:
    rows.rows["first_day"] = [{"first_day": MOMENT.date() - timedelta(days=9)}]
    app = open_it(**{"from": "2026-03-29T10:00", "to": "2026-03-29T12:00"})
    assert not app.exception
    now, before = (dict(call.parameters) for call in rows.calls if call.name == "slices")
    assert now["from"] == rows.last("places")["from"] == "2026-03-29 10:00:00"
    assert (now["to"], before["to"]) == ("2026-03-29 12:00:00", "2026-03-29 10:00:00")
    assert before["from"] == "2026-03-29 08:00:00"
    assert "29 Mar 10:00 – 12:00 UTC" in [button.label for button in app.button]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("category", "'; drop table gold.x --"),
        ("status", "success') or 1=1"),
        ("merchant", "7"),
        ("from", "2026-99-99T00:00"),
        ("to", "right now"),
        ("measure", "count_attempted) --"),
        ("grain", "\x00"),
        ("table", "system.users"),
        ("sort_transactions", "1; select"),
        ("explore_page", "-1"),
        ("explore_page", "1 union all select 1"),
    ],
)
def test_a_hostile_url_falls_back_to_the_defaults(
    rows: Any, name: str, value: str, open_it: OpenPage
) -> None:
    app = open_it(**{name: value})
    assert not app.exception
    sent = rows.last("slices")
    assert sent["measure"] == "successful_amount_eur"
    assert not any(sent[key] for key in ("category", "status", "merchant"))
    assert rows.last("places")["page"] == 1
    assert "reset_all" not in [button.key for button in app.button]
    assert all(value not in call.sql for call in rows.calls)


def test_a_search_is_only_ever_a_parameter(rows: Any, open_it: OpenPage) -> None:
    hostile = "' or 1=1 -- {measure:Identifier}"
    app = open_it(search=hostile)
    assert not app.exception
    assert rows.last("places")["search"] == rows.last("payments")["search"] == hostile
    assert all("or 1=1" not in call.sql for call in rows.calls)


def test_merchants_and_accounts_are_searched_and_tell_no_name(rows: Any, open_it: OpenPage) -> None:
    app = open_it(table="Merchants", search="harb", sort_merchants="Riskiest first")
    assert not app.exception
    assert rows.last("merchants_found")["search"] == "harb"
    table = app.dataframe[0].value
    assert table["link"][0] == f"/merchants?merchant={MERCHANT}"
    assert list(table["risk"][0]) == ["4 of 5"]
    app.segmented_control(key="table").set_value("Accounts").run()
    assert not app.exception
    table = app.dataframe[0].value
    assert table["email"].tolist() == ["a…@example.com"]
    assert table["account"][0] == f"/account?account={ACCOUNT}"
    assert rows.last("accounts_found")["offset"] == 0


def test_a_page_that_is_not_there_is_the_first_one(rows: Any, open_it: OpenPage) -> None:
    rows.rows["merchants_found"] = []
    app = open_it(table="Merchants", explore_page="9")
    assert not app.exception
    assert rows.last("merchants_found")["offset"] == 0
    assert "There are no merchants yet." in captions(app)


def test_filters_without_a_payment_say_so(rows: Any, open_it: OpenPage) -> None:
    rows.rows.update(slices=[], places=[])
    app = open_it(category="books")
    assert not app.exception
    assert "Take a filter out" in app.info[-1].value
    assert "No payment passes" in captions(app)


def test_an_empty_warehouse_says_how_to_fill_it(rows: Any, open_it: OpenPage) -> None:
    rows.rows = {name: [] for name in rows.rows} | {
        "first_day": [{"first_day": None}],
        "freshness": rows.rows["freshness"],
    }
    app = open_it()
    assert not app.exception
    assert any("./finhouse gen --resume" in info.value for info in app.info)


def test_without_clickhouse_it_says_what_why_and_fix(rows: Any, open_it: OpenPage) -> None:
    rows.error = UNREACHABLE
    app = open_it(category="books")
    assert not app.exception
    assert not app.metric
    assert "Connection refused" in app.error[0].value
    assert captions(app).count("Waiting for the warehouse.") == 2


def test_a_warehouse_that_stands_still_is_named(rows: Any, open_it: OpenPage) -> None:
    rows.lags([0.1, 0.2, 400.0, 400.0, 400.0])
    app = open_it()
    assert not app.exception
    assert "kafka → bronze" in app.warning[0].value


def test_a_missing_rate_is_named_and_never_zero(rows: Any, open_it: OpenPage) -> None:
    unknown: dict[str, Any] = {
        "successful_amount_eur": None,
        "average_ticket_eur": None,
        "count_minutes_without_rate": 3,
    }
    rows.rows["slices"] = [
        total("now", **unknown),
        total("category", "books", **unknown),
    ]
    rows.rows["payments"] = [payment(amount_eur=None)]
    app = open_it()
    assert not app.exception
    assert metrics(app)["Successful amount"] == "n/a: rate missing"
    assert metrics(app)["Average ticket"] == "n/a"
    assert "n/a" in app.dataframe[0].value["eur"][0]
