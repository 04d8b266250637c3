"""Live views: as fresh as bronze."""

from __future__ import annotations

from typing import Any

from tests.python.property.oracles.base import (
    Rates,
    Rows,
    Seen,
    column,
    day_of,
    decided,
    decline_code_of,
    grouped,
    minute_of,
    oracle,
    successful,
)
from tests.python.property.oracles.core import fct_payments_by_day, fct_payments_by_minute
from tests.python.property.oracles.payments import fct_payments_by_hour
from tests.python.property.source import Row


@oracle("live_payments_by_minute")
def live_payments_by_minute(seen: Seen) -> Rows:
    return fct_payments_by_minute(seen)


@oracle("live_payments_by_hour")
def live_payments_by_hour(seen: Seen) -> Rows:
    return fct_payments_by_hour(seen)


@oracle("live_payments_by_day")
def live_payments_by_day(seen: Seen) -> Rows:
    return fct_payments_by_day(seen)


@oracle("live_kpis_by_minute")
def live_kpis_by_minute(seen: Seen) -> Rows:
    rates = Rates(seen)
    for (minute,), payments in grouped(seen.rows("transactions"), minute_of).items():
        yield {
            "minute": minute,
            "count_attempted": len(payments),
            "count_decided": len(decided(payments)),
            "count_successful": len(successful(payments)),
            "attempted_amount_eur": rates.sum(payments),
            "successful_amount_eur": rates.sum(successful(payments)),
        }


@oracle("live_merchants_by_minute")
def live_merchants_by_minute(seen: Seen) -> Rows:
    rates = Rates(seen)
    merchants = {row["merchant_id"]: row for row in seen.rows("merchants")}
    for (minute, id), payments in grouped(
        seen.rows("transactions"), minute_of, column("merchant_id")
    ).items():
        merchant = merchants.get(id, {})
        yield {
            "minute": minute,
            "merchant_id": id,
            "merchant_name": merchant.get("merchant_name"),
            "merchant_category": merchant.get("merchant_category"),
            "merchant_country": merchant.get("country"),
            "risk_rating": merchant.get("risk_rating"),
            "count_attempted": len(payments),
            "count_decided": len(decided(payments)),
            "count_successful": len(successful(payments)),
            "attempted_amount_eur": rates.sum(payments),
            "successful_amount_eur": rates.sum(successful(payments)),
        }


@oracle("live_recent_payments")
def live_recent_payments(seen: Seen) -> Rows:
    """Of all payments, those that changed after a point 5000 change events before silver's end."""
    rates = Rates(seen)
    merchants = {row["merchant_id"]: row for row in seen.rows("merchants")}
    oldest = seen.next_offset("silver.transactions_deltas") - 5000
    for event in seen.latest("transactions"):
        payment = event.after
        assert payment is not None
        if event.offset < oldest:
            continue
        yield {
            "transaction_id": payment["transaction_id"],
            "account_id": payment["account_id"],
            "merchant_id": payment["merchant_id"],
            "merchant_name": merchants.get(payment["merchant_id"], {}).get("merchant_name"),
            "occurred_at": payment["occurred_at"],
            "amount": payment["amount"],
            "currency_code": payment["currency"],
            "amount_eur": rates.eur(payment["amount"], payment["currency"], day_of(payment)),
            "status": payment["status"],
            "decline_code": payment["decline_code"],
            "operation": event.op,
            "committed_at": event.committed_at,
        }


@oracle("live_payment_offsets")
def live_payment_offsets(seen: Seen) -> Rows:
    for event in seen.events("transactions"):
        assert event.key is not None
        yield {"transaction_id": event.key[0]}


@oracle(
    "live_payment_changes",
    # Clocks, and a list: a unit test has it.
    ignore=(
        "changes",
        "captured_at",
        "published_at",
        "ingested_at",
        "silver_at",
        "gold_at",
        "is_in_gold",
    ),
)
def live_payment_changes(seen: Seen) -> Rows:
    """The row after each change, of a delete the row before it."""
    rates = Rates(seen)
    merchants = {row["merchant_id"]: row for row in seen.rows("merchants")}
    addresses = {row["ip"]: row for row in seen.rows("ip_geo")}
    rows: dict[Any, Row] = {}
    for event in seen.events("transactions"):
        assert event.key is not None
        payment = rows[event.key] = event.after or rows[event.key]
        address = addresses.get(payment["ip"], {})
        yield {
            name: payment[name]
            for name in (
                "transaction_id",
                "account_id",
                "merchant_id",
                "device_id",
                "status",
                "decline_code",
                "ip",
                "amount",
                "occurred_at",
                "updated_at",
            )
        } | {
            "merchant_name": merchants.get(payment["merchant_id"], {}).get("merchant_name"),
            "currency_code": payment["currency"],
            "amount_eur": rates.eur(payment["amount"], payment["currency"], day_of(payment)),
            "ip_country": address.get("country", ""),
            "is_proxy_or_vpn": address.get("is_proxy_or_vpn", False),
            "operation": event.op,
            "committed_at": event.committed_at,
        }


@oracle("live_signed_payments", ignore=("committed_at",))
def live_signed_payments(seen: Seen) -> Rows:
    """What the signed rows add up to; when a change was committed differs between the two of it."""
    for payment in seen.rows("transactions"):
        yield {
            "transaction_id": payment["transaction_id"],
            "occurred_at": payment["occurred_at"],
            "account_id": payment["account_id"],
            "merchant_id": payment["merchant_id"],
            "amount": payment["amount"],
            "currency_code": payment["currency"],
            "status": payment["status"],
            "decline_code": decline_code_of(payment),
        }


@oracle("live_payments")
def live_payments(seen: Seen) -> Rows:
    rates = Rates(seen)
    merchants = {row["merchant_id"]: row for row in seen.rows("merchants")}
    for event in seen.latest("transactions"):
        payment = event.after
        assert payment is not None
        merchant = merchants.get(payment["merchant_id"], {})
        yield {
            "transaction_id": payment["transaction_id"],
            "account_id": payment["account_id"],
            "merchant_id": payment["merchant_id"],
            "merchant_name": merchant.get("merchant_name"),
            "merchant_category": merchant.get("merchant_category"),
            "merchant_country": merchant.get("country"),
            "occurred_at": payment["occurred_at"],
            "amount": payment["amount"],
            "currency_code": payment["currency"],
            "amount_eur": rates.eur(payment["amount"], payment["currency"], day_of(payment)),
            "status": payment["status"],
            "decline_code": decline_code_of(payment),
            "committed_at": event.committed_at,
        }
