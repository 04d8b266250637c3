"""The page Payment in each of its states, on a stubbed warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from infra.transform import trace
from tests.python.dashboard.pages import UNREACHABLE, OpenPage, captions, metrics, options

PAGE = "app_pages/payment.py"
ID = UUID(int=1)
MOMENT = datetime(2026, 3, 29, 14, 37, 42, 123456, tzinfo=UTC)


def change(operation: str = "u", **changed: Any) -> dict[str, Any]:
    """A row of the `payment_changes` query."""
    row = {
        "transaction_id": ID,
        "account_id": UUID(int=2),
        "merchant_id": UUID(int=7),
        "merchant_name": "Harbour *Books*",
        "device_id": None,
        "ip": "10.0.0.1",
        "ip_country": "PT",
        "is_proxy_or_vpn": False,
        "amount": Decimal("1234.50"),
        "currency_code": "USD",
        "amount_eur": Decimal("1135.74000000"),
        "status": "success",
        "decline_code": None,
        "occurred_at": MOMENT,
        "updated_at": MOMENT,
        "operation": operation,
        "changes": [("status", "pending", "success")],
        "committed_at": MOMENT,
        "captured_at": MOMENT,
        "published_at": MOMENT,
        "ingested_at": MOMENT,
        "silver_at": MOMENT,
        "gold_at": MOMENT + timedelta(seconds=1),
        "is_in_gold": True,
        "total_ms": 1150,
        "_lsn": 0x16A0E618,
        "_tx_id": 7,
        "_partition": 0,
        "_offset": 5,
        **dict(zip(trace.HOPS.values(), (10, 20, 30, 90, 1000), strict=True)),
    }
    return {**row, **changed}


ON_ITS_WAY = {
    "silver_at": None,
    "gold_at": None,
    "is_in_gold": False,
    "silver_ms": None,
    "gold_ms": None,
}


@pytest.fixture(autouse=True)
def rows(warehouse: Any, bare_labels: None) -> Any:
    """What the warehouse answers to this page."""
    warehouse.rows.update(
        payment_changes=[change(), change("c", status="pending", _offset=3)],
        payment_adjustments=[],
        payment_buckets=[
            {
                "fact": fact,
                "bucket_at": MOMENT,
                "count_payments": 3,
                "total_amount": Decimal("2000.00"),
            }
            for fact in ("fct_payments_by_day", "fct_payments_by_minute")
        ],
    )
    return warehouse


@pytest.fixture
def open_it(open_page: OpenPage) -> OpenPage:
    """Opens the page itself at a URL with these query parameters."""
    return lambda **url: open_page(**url).switch_page(PAGE).run()


def table(app: Any, column: str) -> Any:
    return next(frame.value for frame in app.dataframe if column in frame.value.columns)


def test_it_tells_a_payments_life(open_it: OpenPage, rows: Any) -> None:
    app = open_it(payment=str(ID))
    assert not app.exception
    assert not app.error
    assert rows.last("payment_changes")["payment"] == str(ID)
    assert metrics(app) == {
        "In EUR": "€ 1,135.74",
        "Changes": "2",
        "Commit to bronze": "60 ms",
        "Commit to gold": "1,150 ms",
    }
    life = table(app, "lsn")
    assert life["operation"].tolist() == ["insert", "update"]
    assert life["change"].tolist() == ["made: USD 1,234.50, pending", "status pending → success"]
    assert life["lsn"].tolist() == ["0/16A0E618"] * 2
    assert life["kafka"].tolist() == ["0 / 3", "0 / 5"]
    assert life["gold_ms"].tolist() == [1000, 1000]
    assert life["gold"].tolist() == ["by 14:37:43.123"] * 2
    assert len(options(app)) == 1
    assert table(app, "bucket")["payments"].tolist() == [3, 3]
    assert rows.last("payment_buckets")["status"] == "success"
    assert "None." in captions(app)


def test_without_an_id_it_says_where_to_find_one(open_it: OpenPage, rows: Any) -> None:
    app = open_it()
    assert not app.exception
    assert any("Recent payments" in box.value for box in app.info)
    assert not [call for call in rows.calls if call.name == "payment_changes"]


@pytest.mark.parametrize("value", ["x", "00000000", "'; drop table gold.x --", "1" * 99])
def test_what_is_no_id_is_never_asked_for(open_it: OpenPage, rows: Any, value: str) -> None:
    app = open_it(payment=value)
    assert not app.exception
    assert any("hexadecimal" in box.value for box in app.warning)
    assert not [call for call in rows.calls if call.name.startswith("payment_")]


def test_an_unknown_payment_is_told_from_a_broken_warehouse(open_it: OpenPage, rows: Any) -> None:
    rows.rows["payment_changes"] = []
    app = open_it(payment=str(ID))
    assert not app.exception
    assert not app.error
    assert any(f"./finhouse trace {ID}" in box.value for box in app.info)


def test_a_deleted_payment_counts_in_no_number(open_it: OpenPage, rows: Any) -> None:
    rows.rows["payment_changes"].insert(0, change("d", _offset=9))
    app = open_it(payment=str(ID))
    assert not app.exception
    assert any("Deleted in Postgres" in box.value for box in app.warning)
    assert "In no number: it is deleted." in captions(app)
    assert table(app, "lsn")["change"].tolist()[-1] == "deleted"
    assert not [call for call in rows.calls if call.name == "payment_buckets"]


def test_a_pending_payment_that_is_in_bronze_only(open_it: OpenPage, rows: Any) -> None:
    rows.rows["payment_changes"] = [change("c", status="pending", **ON_ITS_WAY)]
    app = open_it(payment=str(ID))
    assert not app.exception
    assert metrics(app)["Commit to bronze"] == "60 ms"
    assert metrics(app)["Commit to gold"] == "n/a"
    life = table(app, "lsn")
    assert life["silver"].tolist() == life["gold"].tolist() == ["not yet"]
    assert life["gold_ms"].isna().all()
    assert not options(app)
    assert "the next transform cycle counts it" in captions(app)


def test_refunds_and_disputes_are_listed(open_it: OpenPage, rows: Any) -> None:
    rows.rows["payment_adjustments"] = [
        {
            "adjustment_id": UUID(int=9),
            "adjustment_type": kind,
            "status": "under_review",
            "reason": reason,
            "amount": Decimal("10.00"),
            "currency_code": "USD",
            "adjusted_at": MOMENT,
            "updated_at": MOMENT,
        }
        for kind, reason in (("refund", None), ("dispute", "product_not_received"))
    ]
    app = open_it(payment=str(ID))
    assert not app.exception
    shown = table(app, "type")
    assert shown["type"].tolist() == ["refund", "dispute"]
    assert shown["reason"].tolist() == ["", "product not received"]
    assert shown["amount"].tolist() == ["USD 10.00"] * 2


def test_a_missing_rate_and_an_unknown_merchant_are_named(open_it: OpenPage, rows: Any) -> None:
    rows.rows["payment_changes"] = [
        change(amount_eur=None, merchant_name=None, ip=None, ip_country="", decline_code="x_y")
    ]
    app = open_it(payment=str(ID))
    assert not app.exception
    assert metrics(app)["In EUR"] == "n/a: rate missing"
    assert "unknown (00000000)" in table(app, "what")["value"].tolist()


def test_without_clickhouse_it_says_what_why_and_fix(open_it: OpenPage, rows: Any) -> None:
    rows.error = UNREACHABLE
    app = open_it(payment=str(ID))
    assert not app.exception
    assert "Connection refused" in app.error[0].value
    assert "Waiting for the warehouse." in captions(app)


def test_a_chosen_row_of_the_overview_leads_to_its_payment(open_page: OpenPage, rows: Any) -> None:
    app = open_page()
    app.session_state["picked_payment"] = str(ID)
    app.run()
    assert not app.exception
    assert rows.last("payment_changes")["payment"] == str(ID)
