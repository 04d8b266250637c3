"""The page Account in each of its states, on a stubbed warehouse."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from dashboard.queries.risk import RULES
from tests.python.dashboard.pages import UNREACHABLE, OpenPage, captions, metrics, options

PAGE = "app_pages/account.py"
ID = UUID(int=2)
MOMENT = datetime(2026, 3, 29, 14, 37, 42, 123456, tzinfo=UTC)
TODAY = datetime.now(UTC).date()


@pytest.fixture(autouse=True)
def rows(warehouse: Any, bare_labels: None) -> Any:
    """What the warehouse answers to this page."""
    warehouse.list_payments(warehouse.payment(account_id=ID, decline_code=""))
    warehouse.rows.update(
        account=[
            {
                "has_arrived": True,
                "initials": "Z. L.",
                "masked_email": "z…@example.com",
                "account_country": "DE",
                "signup_at": MOMENT,
                "updated_at": MOMENT,
                "count_attempted": 12,
                "successful_amount_eur": Decimal("98.50500000"),
                "success_rate": 0.75,
                "first_date": date(2026, 1, 2),
                "last_date": date(2026, 3, 29),
                "lifecycle": "dormant",
            }
        ],
        account_status_by_day=[{"drawn_at": TODAY, "success": 5, "failed": 2, "pending": 1}],
        account_flags=[
            {
                "measure": "count_devices_24h",
                "as_of_minute": MOMENT,
                "count_measured": 7,
                "count_limit": 3,
                "times_limit": 7 / 3,
            }
        ],
        account_scores=[
            {
                "payment_date": TODAY,
                "ip": "",
                "device_id": "dev_1",
                "account_country": "DE",
                "ip_country": "",
                "count_attempted": 3,
                "count_declined": 2,
                "count_device_accounts": 7,
                "fraud_score": 25,
                **{f"{rule}_points": 0 for rule in RULES},
                "shared_device_points": 25,
            }
        ],
    )
    return warehouse


@pytest.fixture
def open_it(open_page: OpenPage) -> OpenPage:
    """Opens the page itself at a URL with these query parameters."""
    return lambda **url: open_page(**url).switch_page(PAGE).run()


def table(app: Any, column: str) -> Any:
    """The table that has this column."""
    (found,) = (frame.value for frame in app.dataframe if column in frame.value.columns)
    return found


def test_it_tells_what_an_account_does_and_what_the_rules_say(open_it: OpenPage, rows: Any) -> None:
    app = open_it(account=str(ID))
    assert not app.exception
    assert not app.error
    assert metrics(app) == {
        "Attempted": "12",
        "Successful amount": "€ 98.50",
        "Success rate": "75.00 %",
        "First payment": "02 Jan 2026",
        "Last payment": "29 Mar 2026",
    }
    assert app.header[0].value == r"Z\. L\."
    assert "`z…@example.com`" in captions(app)
    assert len(options(app)) == 1
    assert table(app, "limit")["counted"].tolist() == [7]
    session = table(app, "score").iloc[0]
    assert list(session["why"]) == ["Shared device points 25"]
    assert (session["country"], session["ip"]) == ("unknown", None)
    paid = table(app, "eur").iloc[0]
    assert paid["payment"] == f"/payment?payment={UUID(int=1)}"
    assert paid["merchant"] == f"/merchants?merchant={UUID(int=7)}#Harbour%20Books"
    assert "account" not in paid
    assert table(app, "adjusted")["type"].tolist() == ["Refund"]


def test_only_this_account_is_asked_for(open_it: OpenPage, rows: Any) -> None:
    open_it(account=str(ID).upper(), range="7d")
    for name in ("account", "account_status_by_day", "account_flags", "account_scores"):
        assert rows.last(name)["account"] == str(ID)
    assert rows.last("adjustments")["id"] == rows.last("places")["search"] == str(ID)


def test_payments_may_come_before_their_account(open_it: OpenPage, rows: Any) -> None:
    gone = dict.fromkeys(("initials", "masked_email", "account_country", "signup_at", "updated_at"))
    rows.rows["account"][0].update(has_arrived=None, **gone)
    app = open_it(account=str(ID))
    assert not app.exception
    assert app.header[0].value == r"unknown \(00000000\)"
    assert "the account itself has not arrived" in captions(app)


def test_an_id_of_nobody_says_so(open_it: OpenPage, rows: Any) -> None:
    rows.rows["account"][0].update(has_arrived=None, count_attempted=0)
    app = open_it(account=str(ID))
    assert not app.exception
    assert not app.header
    assert any("Neither the account nor a payment" in info.value for info in app.info)


def test_an_account_that_did_nothing_has_empty_cards(open_it: OpenPage, rows: Any) -> None:
    rows.list_payments()
    rows.rows["account"][0].update(count_attempted=0, success_rate=None, first_date=None)
    rows.rows.update(account_status_by_day=[], account_flags=[], account_scores=[])
    app = open_it(account=str(ID))
    assert not app.exception
    assert (metrics(app)["First payment"], metrics(app)["Success rate"]) == ("n/a", "n/a")
    said = captions(app)
    for words in ("Above none.", "No payments in the last 7 days.", "None so far."):
        assert words in said


@pytest.mark.parametrize("value", ["'; drop table gold.x --", "1", "\x00", "{account:UUID}"])
def test_what_is_no_id_asks_for_nothing(open_it: OpenPage, rows: Any, value: str) -> None:
    app = open_it(account=value)
    assert not app.exception
    assert not [call for call in rows.calls if call.name == "account"]


def test_without_an_id_it_says_where_to_find_one(open_it: OpenPage) -> None:
    assert any("Paste the id of an account" in info.value for info in open_it().info)


def test_without_a_warehouse_it_says_why_and_what_to_do(open_it: OpenPage, rows: Any) -> None:
    rows.error = UNREACHABLE
    app = open_it(account=str(ID))
    assert not app.exception
    (error,) = app.error
    assert "`./finhouse status`" in error.value
    assert "Waiting for the warehouse." in captions(app)
