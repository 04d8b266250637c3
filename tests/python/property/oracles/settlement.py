"""Pending payments, and how long payments take to settle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.python.property.oracles.base import (
    Rates,
    Rows,
    Seen,
    column,
    grouped,
    log_bucket,
    minute_of,
    oracle,
    quantile,
    total,
    total_or_none,
    value_of_bucket,
)
from tests.python.property.source import Row

# Where each age class begins, in seconds.
AGE_CLASSES = {
    "0-5 m": 0,
    "5-60 m": 5 * 60,
    "1-24 h": 60 * 60,
    "1-3 d": 24 * 60 * 60,
    "3-7 d": 3 * 24 * 60 * 60,
    "> 7 d": 7 * 24 * 60 * 60,
}


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A payment came from one status to another; '' is before its insert and after its delete."""

    from_status: str
    to_status: str
    payment: Row
    changed_on: date
    seconds: Decimal


def status_changes(seen: Seen) -> Iterator[StatusChange]:
    """Every change of a status that the log tells of, whatever became of the payment."""
    payments: dict[Any, Row] = {}
    for event in seen.events("transactions"):
        before, after = payments.get(event.key), event.after
        payment = after or before
        assert payment is not None
        from_status = before["status"] if before else ""
        to_status = after["status"] if after else ""
        if from_status != to_status:
            elapsed: timedelta = event.committed_at - payment["occurred_at"]
            yield StatusChange(
                from_status,
                to_status,
                payment,
                event.committed_at.date(),
                Decimal(elapsed // timedelta(microseconds=1)).scaleb(-6),
            )
        if after:
            payments[event.key] = after
        else:
            del payments[event.key]


@oracle("silver_transactions_status_history")
def silver_transactions_status_history(seen: Seen) -> Rows:
    for change in status_changes(seen):
        yield {
            "transaction_id": change.payment["transaction_id"],
            "occurred_at": change.payment["occurred_at"],
            "from_status": change.from_status,
            "to_status": change.to_status,
        }


@oracle("fct_status_changes_by_day")
def fct_status_changes_by_day(seen: Seen) -> Rows:
    counts = Counter(
        (change.changed_on, change.from_status, change.to_status, log_bucket(change.seconds))
        for change in status_changes(seen)
    )
    for (day, from_status, to_status, bucket), count in counts.items():
        yield {
            "change_date": day,
            "from_status": from_status,
            "to_status": to_status,
            "elapsed_bucket": bucket,
            "count_changes": count,
        }


@oracle("agg_settling_daily")
def agg_settling_daily(seen: Seen) -> Rows:
    final = [
        change
        for change in status_changes(seen)
        if change.from_status == "pending" and change.to_status in ("success", "failed")
    ]
    for day in {change.changed_on for change in final}:
        changes = [change for change in final if change.changed_on == day]
        buckets = [log_bucket(change.seconds) for change in changes]
        yield {
            "change_date": day,
            "count_settled": len(changes),
            "count_settled_successful": sum(change.to_status == "success" for change in changes),
            "time_to_final_p50_seconds": value_of_bucket(quantile(buckets, 50)),
            "time_to_final_p95_seconds": value_of_bucket(quantile(buckets, 95)),
        }


def age_of(minute: datetime, now: datetime) -> int:
    """Whole seconds since the middle of a minute, or 0."""
    return max((now - minute) // timedelta(seconds=1) - 30, 0)


@oracle("agg_pending_by_minute")
def agg_pending_by_minute(seen: Seen) -> Rows:
    rates = Rates(seen)
    pending = [row for row in seen.rows("transactions") if row["status"] == "pending"]
    for (minute, currency), payments in grouped(pending, minute_of, column("currency")).items():
        yield {
            "minute": minute,
            "currency_code": currency,
            "count_pending": len(payments),
            "pending_amount": total(payment["amount"] for payment in payments),
            "pending_amount_eur": rates.sum(payments),
            "age_seconds": age_of(minute, seen.now),
        }


@oracle("agg_pending_ageing")
def agg_pending_ageing(seen: Seen) -> Rows:
    def class_of(row: Row) -> str:
        return [name for name, begin in AGE_CLASSES.items() if row["age_seconds"] >= begin][-1]

    classes = grouped(agg_pending_by_minute(seen), class_of)
    for order, name in enumerate(AGE_CLASSES, 1):
        rows = classes.get((name,), [])
        yield {
            "age_order": order,
            "age_bucket": name,
            "count_pending": sum(row["count_pending"] for row in rows),
            "pending_amount_eur": total_or_none(row["pending_amount_eur"] for row in rows),
        }


@oracle("agg_pending_now")
def agg_pending_now(seen: Seen) -> Rows:
    minutes = list(agg_pending_by_minute(seen))
    ages = [row["age_seconds"] for row in minutes for _ in range(row["count_pending"])]
    yield {
        "as_of": seen.now,
        "count_pending": len(ages),
        "pending_amount_eur": total_or_none(row["pending_amount_eur"] for row in minutes),
        "age_p50_seconds": quantile(ages, 50) if ages else None,
        "age_p95_seconds": quantile(ages, 95) if ages else None,
    }
