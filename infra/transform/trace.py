"""The life of one payment, from its commits in Postgres to the numbers of gold it counts in.

What the dashboard's page and `finhouse trace` both ask and say. Only gold is read. Rows are those
of the queries, by column; times are UTC, hops in whole milliseconds. A time that was not kept is
NULL, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

Row = Mapping[str, Any]

# A payment with more changes than these shows its newest.
SHOWN_CHANGES = 200
SHOWN_ADJUSTMENTS = 100
# Hops in their order: what it is called in gold.pipeline_freshness, its column in CHANGES.
HOPS = {
    "postgres → debezium": "captured_ms",
    "debezium → kafka": "published_ms",
    "kafka → bronze": "ingested_ms",
    "bronze → silver": "silver_ms",
    "silver → gold": "gold_ms",
}
# Up to where the live views read.
BRONZE_HOPS = ("captured_ms", "published_ms", "ingested_ms")
OPERATIONS = {"c": "insert", "u": "update", "d": "delete", "r": "snapshot", "t": "truncate"}
NOT_YET = "not yet"
NOT_KEPT = "yes, time not kept"

# Its changes, newest first. gold_at is known as the end of a cycle, so gold_ms is at most so long.
CHANGES = """
select
    transaction_id,
    account_id,
    merchant_id,
    merchant_name,
    device_id,
    ip,
    ip_country,
    is_proxy_or_vpn,
    amount,
    currency_code,
    amount_eur,
    status,
    decline_code,
    occurred_at,
    updated_at,
    operation,
    changes,
    committed_at,
    captured_at,
    published_at,
    ingested_at,
    silver_at,
    gold_at,
    is_in_gold,
    dateDiff('millisecond', committed_at, captured_at) as captured_ms,
    dateDiff('millisecond', captured_at, published_at) as published_ms,
    dateDiff('millisecond', published_at, ingested_at) as ingested_ms,
    dateDiff('millisecond', ingested_at, silver_at) as silver_ms,
    dateDiff('millisecond', silver_at, gold_at) as gold_ms,
    dateDiff('millisecond', committed_at, ifNull(gold_at, ifNull(silver_at, ingested_at)))
        as total_ms,
    _lsn,
    _tx_id,
    _partition,
    _offset
from gold.live_payment_changes
where
    _offset in (
        select _offset
        from gold.live_payment_offsets
        where transaction_id = {payment:UUID}
    )
order by _offset desc
limit {limit:UInt32}
"""

# What came after it, oldest first.
ADJUSTMENTS = """
select
    adjustment_id,
    adjustment_type,
    status,
    reason,
    amount,
    currency_code,
    adjusted_at,
    updated_at
from gold.fct_adjustments
where transaction_id = {payment:UUID}
order by adjusted_at, adjustment_id
limit {limit:UInt32}
"""

# The rows of the facts that a payment counts in, with all others that do.
BUCKETS = """
with
buckets as (
    select
        'fct_payments_by_day' as fact,
        toDateTime(payment_date, 'UTC') as bucket_at,
        sum(by_day.count_payments) as count_payments,
        sum(by_day.total_amount) as total_amount
    from gold.fct_payments_by_day as by_day
    where
        payment_date = toDate({occurred_at:DateTime('UTC')})
        and merchant_id = {merchant:UUID}
        and currency_code = {currency:String}
        and status = {status:String}
        and decline_code = {decline_code:String}
    group by payment_date
    union all
    select
        'fct_payments_by_minute' as fact,
        minute as bucket_at,
        sum(by_minute.count_payments) as count_payments,
        sum(by_minute.total_amount) as total_amount
    from gold.fct_payments_by_minute as by_minute
    where
        minute = toStartOfMinute({occurred_at:DateTime('UTC')})
        and merchant_id = {merchant:UUID}
        and currency_code = {currency:String}
        and status = {status:String}
        and decline_code = {decline_code:String}
    group by minute
)

select *
from buckets
order by fact
"""


def payment_id(text: str) -> UUID | None:
    """The id that a text is; None if it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def by_payment(payment: UUID, limit: int) -> dict[str, str | int]:
    """Parameters of CHANGES and ADJUSTMENTS."""
    return {"payment": str(payment), "limit": limit}


def by_bucket(change: Row) -> dict[str, str | int]:
    """Parameters of BUCKETS: where the payment counts as of a change."""
    return {
        "occurred_at": f"{change['occurred_at']:%Y-%m-%d %H:%M:%S}",
        "merchant": str(change["merchant_id"]),
        "currency": str(change["currency_code"]),
        "status": str(change["status"]),
        "decline_code": str(change["decline_code"] or ""),
    }


def counted(changes: Sequence[Row]) -> Row | None:
    """The change (of CHANGES, newest first) as of which gold counts the payment; None if it does
    not: it is deleted, or too new."""
    newest = next((change for change in changes if change["is_in_gold"]), None)
    return newest if newest and newest["operation"] != "d" else None


def what_changed(change: Row) -> str:
    """A change in words: `status pending → success`."""
    if change["operation"] == "d":
        return "deleted"
    if change["operation"] != "u":
        first = f"{change['currency_code']} {change['amount']:,.2f}, {change['status']}"
        if change["decline_code"]:
            first += f" ({change['decline_code']})"
        return f"{'found' if change['operation'] == 'r' else 'made'}: {first}"
    fields = [
        f"{field.replace('_', ' ')} {_shown(old)} → {_shown(new)}"
        for field, old, new in change["changes"]
    ]
    return ", ".join(fields) or "no field"


def _shown(value: str | None) -> str:
    return "nothing" if value is None else value


def lsn(position: int) -> str:
    """A position in the log as Postgres writes it: `0/16B3748`."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def moment(time: datetime | None) -> str:
    """`2026-03-29 14:37:42.123`; UTC."""
    return "" if time is None else f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03}"


def clock(time: datetime) -> str:
    """`14:37:42.123`; UTC."""
    return moment(time)[11:]


def in_silver(change: Row) -> str:
    """When silver had the change."""
    return clock(change["silver_at"]) if change["silver_at"] else NOT_YET


def in_gold(change: Row) -> str:
    """Until when gold's facts had the change: the end of the cycle after silver."""
    if change["gold_at"]:
        return f"by {clock(change['gold_at'])}"
    return NOT_KEPT if change["is_in_gold"] else NOT_YET
