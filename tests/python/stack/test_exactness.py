"""Known histories in Postgres give exactly Postgres' numbers in silver and gold."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from tests.python.stack.world import World

pytestmark = pytest.mark.stack


def test_insert_update_delete(world: World) -> None:
    day = "2026-01-05"
    kept = world.pay("10.00", at=f"{day} 08:00Z", status="pending")
    gone = world.pay("99.99", at=f"{day} 09:00Z")
    world.write(
        "update finance.transactions set status = 'success' where transaction_id = %s", kept
    )
    world.write("update finance.transactions set amount = 12.34 where transaction_id = %s", kept)
    world.write("delete from finance.transactions where transaction_id = %s", gone)
    world.settle()
    assert world.day(day) == {("EUR", "success"): (1, Decimal("12.34"))}
    assert world.day(day, "gold.live_payments_by_minute") == world.day(day)
    assert world.state_of(gone) is None


def test_reinserted_key_and_changed_key(world: World) -> None:
    day = "2026-01-06"
    first = world.pay("1.00", at=f"{day} 08:00Z")
    world.write("delete from finance.transactions where transaction_id = %s", first)
    world.pay("2.00", id=first, at=f"{day} 08:01Z")
    moved = world.pay("4.00", at=f"{day} 08:02Z")
    target = uuid4()
    world.write(
        "update finance.transactions set transaction_id = %s where transaction_id = %s",
        target,
        moved,
    )
    world.settle()
    assert world.day(day) == {("EUR", "success"): (2, Decimal("6.00"))}
    state = world.state_of(first)
    assert state is not None
    assert state["amount"] == Decimal("2.00")
    assert world.state_of(moved) is None
    assert world.state_of(target) is not None


def test_many_changes_of_one_row_in_one_transaction(world: World) -> None:
    day = "2026-01-07"
    with world.postgres.transaction():
        row = world.pay("1.00", at=f"{day} 08:00Z", status="pending")
        for cents in range(2, 30):
            world.write(
                "update finance.transactions set amount = %s where transaction_id = %s",
                Decimal(cents),
                row,
            )
        world.write("delete from finance.transactions where transaction_id = %s", row)
        world.pay("5.55", id=row, at=f"{day} 08:00Z")
        world.write(
            "update finance.transactions set currency = 'USD' where transaction_id = %s", row
        )
    with pytest.raises(ZeroDivisionError), world.postgres.transaction():
        world.pay("1000.00", at=f"{day} 08:00Z")
        raise ZeroDivisionError  # rolled back: must be in no number
    world.settle()
    assert world.day(day) == {("USD", "success"): (1, Decimal("5.55"))}


def test_a_payment_that_moves_in_time_and_to_another_merchant(world: World) -> None:
    merchant = uuid4()
    row = world.pay("7.00", at="2026-01-08 23:59:59.999999Z")
    world.write(
        "update finance.transactions set occurred_at = %s, merchant_id = %s"
        " where transaction_id = %s",
        "2026-01-09 00:00:00Z",
        merchant,
        row,
    )
    world.settle()
    assert world.day("2026-01-08") == {}
    assert world.day("2026-01-09") == {("EUR", "success"): (1, Decimal("7.00"))}
    assert world.one(
        "select sum(total_amount) from gold.fct_payments_by_day where merchant_id = {m:UUID}",
        m=merchant,
    ) == Decimal("7.00")


def test_extremes_nulls_unicode_and_time_zones(world: World) -> None:
    largest = world.pay("9999999999999999.99", at="2026-01-10 12:00Z", device='naïve \u2603 "\\')
    smallest = world.pay("-0.01", at="2026-01-10 12:00Z", status="failed", decline_code="")
    late = world.pay("3.00", at="2026-01-11 01:30:00+02:00")  # still the 10th in UTC
    other = world.pay("4.00", at="2026-03-29 02:30:00+01:00", device="")
    world.settle()
    state = world.state_of(largest)
    assert state is not None
    assert state["amount"] == Decimal("9999999999999999.99")
    assert state["device_id"] == 'naïve \u2603 "\\'
    assert state["decline_code"] is None
    assert state["ip"] is None
    failed = world.state_of(smallest)
    assert failed is not None
    assert failed["decline_code"] == ""
    empty = world.state_of(other)
    assert empty is not None
    assert empty["device_id"] == ""
    assert world.state_of(late) is not None
    assert world.day("2026-01-10") == {
        ("EUR", "success"): (2, Decimal("10000000000000002.99")),
        ("EUR", "failed"): (1, Decimal("-0.01")),
    }
    assert world.day("2026-01-11") == {}
    world.write("delete from finance.transactions where transaction_id = %s", largest)
    world.settle()
    assert world.day("2026-01-10")[("EUR", "success")] == (1, Decimal("3.00"))


def test_merchant_after_its_payments_and_refund_before_its_payment(world: World) -> None:
    merchant, payment = uuid4(), uuid4()
    world.write(
        "insert into finance.refunds values (%s, %s, 2.50, 'EUR', 'pending', 'damaged', %s)",
        uuid4(),
        payment,
        "2026-01-12 10:00Z",
    )
    world.settle()
    world.pay("8.00", id=payment, at="2026-01-12 09:00Z", merchant=merchant)
    world.settle()

    def name() -> object:
        return world.one(
            "select any(merchant_name) from gold.live_merchants_by_minute"
            " where minute = '2026-01-12 09:00:00' and merchant_id = {m:UUID}",
            m=merchant,
        )

    assert name() is None
    world.write(
        "insert into finance.merchants values (%s, 'Late Starter', 'travel', 'DE', 2)", merchant
    )
    world.settle()
    assert name() == "Late Starter"
    world.write(
        "update finance.merchants set merchant_name = 'Łate 晩い' where merchant_id = %s", merchant
    )
    world.settle()
    assert name() == "Łate 晩い"
    world.write("delete from finance.merchants where merchant_id = %s", merchant)
    world.settle()
    assert name() is None


def test_corrected_rate_changes_the_past_and_a_missing_rate_is_null(world: World) -> None:
    def volume() -> Decimal | None:
        value: Decimal | None = world.one(
            "select successful_amount_eur from gold.agg_kpis_daily where kpi_date = '2026-02-02'"
        )
        return value

    world.pay("100.00", at="2026-02-02 10:00Z", currency="CHF")
    world.pay("1.00", at="2026-02-02 10:00Z", currency="EUR")
    world.settle()
    assert volume() is None  # not 1.00: that would be a part of the truth
    world.write("insert into finance.fx_rates values ('2026-02-01', 'CHF', 1.05)")
    world.settle()
    assert volume() == Decimal("106.00")
    world.write(
        "update finance.fx_rates set rate_to_eur = 1.123456 where (rate_date, currency)"
        " = ('2026-02-01', 'CHF')"
    )
    world.settle()
    assert volume() == Decimal("113.3456")
    world.write("insert into finance.fx_rates values ('2026-02-02', 'CHF', 2)")
    world.settle()
    assert volume() == Decimal("201.00")
    world.write("delete from finance.fx_rates where currency = 'CHF'")
    world.settle()
    assert volume() is None
    world.write("delete from finance.transactions where currency = 'CHF'")
    world.settle()
    assert volume() == Decimal("1.00")


def test_active_accounts_are_exact_under_deletes(world: World) -> None:
    def active() -> int:
        rows = world.ask(
            "select count_active_accounts from gold.agg_kpis_daily where kpi_date = '2026-02-05'"
        )
        return int(rows[0][0]) if rows else 0

    busy, quiet = uuid4(), uuid4()
    ids: list[UUID] = [
        world.pay("1.00", at="2026-02-05 10:00Z", account=account)
        for account in (busy, busy, quiet)
    ]
    world.pay("1.00", at="2026-02-05 10:00Z", status="failed", decline_code="expired_card")
    world.settle()
    assert active() == 2
    world.write("delete from finance.transactions where transaction_id = %s", ids[0])
    world.settle()
    assert active() == 2
    world.write("delete from finance.transactions where transaction_id = %s", ids[2])
    world.settle()
    assert active() == 1


def test_no_digit_of_all_that_differs(world: World) -> None:
    """Comes last: the histories above stay where they are."""
    world.settle()
    assert world.differences() == []
