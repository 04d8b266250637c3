"""What each gold model must hold, computed from the rows of the source in Python, with Decimal.

One function per model, registered by its name:

    @oracle("agg_kpis_daily")
    def agg_kpis_daily(seen: Seen) -> Iterator[Row]:
        for row in seen.rows("transactions"):
            ...
            yield {"kpi_date": ..., "count_attempted": ..., ...}

It yields the rows of the model, in any order, as {column: value}: every column of the model's
contract but the technical ones (`_offset`, …) and those named in `ignore` (clocks).

- `seen.rows(table)` are the rows of a source table that the model has had a chance to see: up to
  the watermark of the tables it is made of, or up to the end of bronze if it reads bronze itself.
- A table of additive measures (`SimpleAggregateFunction(sum, …)`) is summed by its other columns
  before it is compared, and rows of zeros are left out: the oracle yields one row per key.
- Of a ReplacingMergeTree the newest versions count.
- Floats are compared to 12 digits.

Write an oracle from the definition of the figure, not from the model's SQL. A gold model without an
oracle fails `test_every_gold_model_has_an_oracle`; the few that can't have one are in EXEMPT, with
the reason.

Values: UUID, Decimal, date, datetime in UTC, str, int, bool, float, None.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any, Protocol

from infra.settings import ROOT
from tests.python.property.source import KEYS, Event, Row


class Seen(Protocol):
    """What a model has had a chance to see of the source."""

    def rows(self, table: str) -> list[Row]:
        """The rows of a table as of the model's position in the table's log."""
        ...

    def latest(self, table: str) -> list[Event]:
        """The event that made each of these rows."""
        ...

    def events(self, table: str) -> list[Event]:
        """All valid events up to there."""
        ...

    def at(self, relation: str) -> Seen:
        """The same as of the position of another relation, e.g. `silver.heartbeats`."""
        ...

    def next_offset(self, relation: str) -> int:
        """The Kafka offset a relation reads from next."""
        ...


Rows = Iterator[Row]


@dataclass(frozen=True, slots=True)
class Oracle:
    """The expectation of one model; columns in `ignore` are not compared."""

    rows: Callable[[Seen], Iterable[Row]]
    ignore: tuple[str, ...]


ORACLES: dict[str, Oracle] = {}
# Gold models without an oracle: {model: why there can be none}.
EXEMPT: dict[str, str] = {}

# Wide enough for Decimal(38, 8) products; the default of 28 digits would round.
_EXACT = Context(prec=76)


def oracle(
    model: str, *, ignore: tuple[str, ...] = ()
) -> Callable[[Callable[[Seen], Rows]], Callable[[Seen], Rows]]:
    """Register the expectation of a model."""

    def register(function: Callable[[Seen], Rows]) -> Callable[[Seen], Rows]:
        assert model not in ORACLES, model
        ORACLES[model] = Oracle(function, ignore)
        return function

    return register


# Helpers that definitions share.


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Exact sum."""
    result = Decimal(0)
    for amount in amounts:
        result = _EXACT.add(result, amount)
    return result


def total_or_none(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Exact sum; unknown as soon as one summand is."""
    known = []
    for amount in amounts:
        if amount is None:
            return None
        known.append(amount)
    return total(known)


class Rates:
    """EUR rates as of a position: the last known rate not after a day."""

    def __init__(self, seen: Seen) -> None:
        self._rates: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
        for row in sorted(seen.rows("fx_rates"), key=lambda row: row["rate_date"]):
            if row["currency"] != "EUR":
                self._rates[row["currency"]].append((row["rate_date"], row["rate_to_eur"]))
        self._rates["EUR"] = [(date(1970, 1, 1), Decimal(1))]

    def items(self) -> Iterator[tuple[str, date, Decimal]]:
        """Every known rate: currency, day, EUR for one unit."""
        for currency, rates in self._rates.items():
            for day, rate in rates:
                yield currency, day, rate

    def on(self, currency: str, day: date) -> Decimal | None:
        """EUR for one unit of a currency on a day; None if no rate is known up to then."""
        known = self._rates.get(currency, [])
        index = bisect_right(known, day, key=lambda rate: rate[0])
        return known[index - 1][1] if index else None

    def eur(self, amount: Decimal, currency: str, day: date) -> Decimal | None:
        """An amount in EUR, exact. Nothing is nothing in any currency, known or not."""
        if amount == 0:
            return Decimal(0)
        rate = self.on(currency, day)
        return None if rate is None else _EXACT.multiply(amount, rate)

    def sum(self, payments: Iterable[Row]) -> Decimal | None:
        """EUR of payments of one day; None if a rate that matters is missing."""
        amounts: dict[tuple[str, date], list[Decimal]] = defaultdict(list)
        for payment in payments:
            amounts[payment["currency"], day_of(payment)].append(payment["amount"])
        return total_or_none(
            self.eur(total(parts), currency, day) for (currency, day), parts in amounts.items()
        )


def day_of(payment: Row) -> date:
    """UTC day of a payment."""
    moment: datetime = payment["occurred_at"]
    return moment.date()


def minute_of(payment: Row) -> datetime:
    """UTC minute of a payment."""
    moment: datetime = payment["occurred_at"]
    return moment.replace(second=0, microsecond=0)


def grouped(rows: Iterable[Row], *keys: Callable[[Row], Any]) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by the values of these functions."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(key(row) for key in keys)].append(row)
    return groups


def column(name: str) -> Callable[[Row], Any]:
    """The function that reads a column."""
    return lambda row: row[name]


def successful(payments: Iterable[Row]) -> list[Row]:
    """The payments with status success."""
    return [payment for payment in payments if payment["status"] == "success"]


def decided(payments: Iterable[Row]) -> list[Row]:
    """The payments that are no longer pending."""
    return [payment for payment in payments if payment["status"] != "pending"]


def _decline_code(payment: Row) -> str:
    return payment["decline_code"] or ""


# Dimensions.


@oracle("dim_accounts")
def dim_accounts(seen: Seen) -> Rows:
    for row in seen.rows("accounts"):
        renamed = {"account_country": row["country"], **row}
        del renamed["country"]
        yield renamed


@oracle("dim_merchants")
def dim_merchants(seen: Seen) -> Rows:
    for row in seen.rows("merchants"):
        renamed = {"merchant_country": row["country"], **row}
        del renamed["country"]
        yield renamed


@oracle("dim_fx_rates")
def dim_fx_rates(seen: Seen) -> Rows:
    for currency, day, rate in Rates(seen).items():
        yield {"rate_date": day, "currency_code": currency, "rate_to_eur": rate}


@oracle("dim_currencies")
def dim_currencies(seen: Seen) -> Rows:
    newest = {currency: (day, rate) for currency, day, rate in Rates(seen).items()}
    with (ROOT / "seeds" / "currencies.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            day, rate = newest.get(row["currency_code"], (None, None))
            yield {
                "currency_code": row["currency_code"],
                "currency_name": row["currency_name"],
                "minor_units": int(row["minor_units"]),
                "latest_rate_to_eur": rate,
                "latest_rate_date": day,
            }


# Facts.


@oracle("fct_payments_by_minute")
def fct_payments_by_minute(seen: Seen) -> Rows:
    for (minute, merchant, currency, status, code), payments in grouped(
        seen.rows("transactions"),
        minute_of,
        column("merchant_id"),
        column("currency"),
        column("status"),
        _decline_code,
    ).items():
        yield {
            "minute": minute,
            "merchant_id": merchant,
            "currency_code": currency,
            "status": status,
            "decline_code": code,
            "count_payments": len(payments),
            "total_amount": total(payment["amount"] for payment in payments),
        }


@oracle("fct_payments_by_day")
def fct_payments_by_day(seen: Seen) -> Rows:
    for (day, merchant, currency, status, code), payments in grouped(
        seen.rows("transactions"),
        day_of,
        column("merchant_id"),
        column("currency"),
        column("status"),
        _decline_code,
    ).items():
        yield {
            "payment_date": day,
            "merchant_id": merchant,
            "currency_code": currency,
            "status": status,
            "decline_code": code,
            "count_payments": len(payments),
            "total_amount": total(payment["amount"] for payment in payments),
        }


@oracle("fct_account_activity_by_day")
def fct_account_activity_by_day(seen: Seen) -> Rows:
    for (day, account, currency, status), payments in grouped(
        seen.rows("transactions"),
        day_of,
        column("account_id"),
        column("currency"),
        column("status"),
    ).items():
        yield {
            "activity_date": day,
            "account_id": account,
            "currency_code": currency,
            "status": status,
            "count_payments": len(payments),
            "total_amount": total(payment["amount"] for payment in payments),
        }


@oracle("fct_heartbeats", ignore=("ingested_at", "silver_at", "gold_at"))
def fct_heartbeats(seen: Seen) -> Rows:
    for event in seen.events("heartbeat"):
        assert event.after is not None
        yield {
            "beat_at": event.after["beat_at"],
            "marker": event.after["marker"],
            "committed_at": event.committed_at,
            "captured_at": event.captured_at,
            "published_at": event.published_at,
        }


# Key figures.


@oracle("agg_kpis_daily")
def agg_kpis_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    for (day,), payments in grouped(seen.rows("transactions"), day_of).items():
        paid = successful(payments)
        volume = rates.sum(paid)
        ticket = None
        if volume is not None and paid:
            ticket = _EXACT.divide(volume, Decimal(len(paid)))
            ticket = ticket.quantize(Decimal("1e-8"), ROUND_DOWN, _EXACT)
        yield {
            "kpi_date": day,
            "count_attempted": len(payments),
            "count_decided": len(decided(payments)),
            "count_successful": len(paid),
            "attempted_amount_eur": rates.sum(payments),
            "successful_amount_eur": volume,
            "average_ticket_eur": ticket,
            "count_active_accounts": len({payment["account_id"] for payment in paid}),
            "success_rate": len(paid) / len(decided(payments)) if decided(payments) else None,
        }


# Live views.


@oracle("live_payments_by_minute")
def live_payments_by_minute(seen: Seen) -> Rows:
    return fct_payments_by_minute(seen)


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


# The pipeline.


@oracle("pipeline_freshness", ignore=("lag_seconds", "hop_seconds"))
def pipeline_freshness(seen: Seen) -> Rows:
    hops = {
        "postgres → debezium": "bronze.heartbeat",
        "debezium → kafka": "bronze.heartbeat",
        "kafka → bronze": "bronze.heartbeat",
        "bronze → silver": "silver.heartbeats",
        "silver → gold": "gold.fct_heartbeats",
    }
    for order, (hop, relation) in enumerate(hops.items(), 1):
        events = seen.at(relation).events("heartbeat")
        if events:
            yield {
                "hop_order": order,
                "hop": hop,
                "newest_commit_at": events[-1].committed_at,
            }


# Silver: the state and the signed changes of a table add up to its rows.


def _rows_of(table: str) -> Callable[[Seen], Rows]:
    return lambda seen: iter(seen.rows(table))


for _table in KEYS:
    for _ending in ("state", "deltas"):
        oracle(f"silver_{_table}_{_ending}")(_rows_of(_table))
