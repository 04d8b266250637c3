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
- Of a ReplacingMergeTree the newest versions count. If it keeps rows that say nothing any more,
  `where` (SQL) tells those that do.
- A table of recomputed rows (with several `_<table>_offset`) and what reads it are compared at the
  end only, when everything has arrived and is applied.
- Floats are compared to 12 digits.

Write an oracle from the definition of the figure, not from the model's SQL. A gold model without an
oracle fails `test_every_gold_model_has_an_oracle`; the few that can't have one are in EXEMPT, with
the reason.

Values: UUID, Decimal, date, datetime in UTC, str, int, bool, float, None.
"""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
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
    """The expectation of one model. Not compared: columns in `ignore`, and rows for which the SQL
    condition `where` is not true."""

    rows: Callable[[Seen], Iterable[Row]]
    ignore: tuple[str, ...]
    where: str


ORACLES: dict[str, Oracle] = {}
# Gold models without an oracle: {model: why there can be none}.
EXEMPT: dict[str, str] = dict.fromkeys(
    (
        "agg_active_accounts_daily",
        "agg_adjustments_by_payment_day",
        "agg_cohort_retention_weekly",
        "agg_fx_exposure",
        "agg_merchant_concentration",
        "agg_merchant_risk",
        "agg_merchants_trailing",
        "agg_pending_ageing",
        "agg_pending_by_minute",
        "agg_pending_now",
        "agg_settling_daily",
        "agg_ticket_quantiles_daily",
        "agg_volume_at_constant_rates_daily",
        "agg_volume_by_currency_daily",
        "dim_accounts_history",
        "dim_dates",
        "dim_fx_rates_daily",
        "dim_merchants_history",
        "fct_status_changes_by_day",
    ),
    "no oracle yet; unit tests only",
)

# Wide enough for Decimal(38, 8) products; the default of 28 digits would round.
_EXACT = Context(prec=76)


def oracle(
    model: str, *, ignore: tuple[str, ...] = (), where: str = ""
) -> Callable[[Callable[[Seen], Rows]], Callable[[Seen], Rows]]:
    """Register the expectation of a model."""

    def register(function: Callable[[Seen], Rows]) -> Callable[[Seen], Rows]:
        assert model not in ORACLES, model
        ORACLES[model] = Oracle(function, ignore, where)
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

    def sum(self, rows: Iterable[Row], moment: str = "occurred_at") -> Decimal | None:
        """EUR of rows, booked on their days; None if a rate that matters is missing."""
        amounts: dict[tuple[str, date], list[Decimal]] = defaultdict(list)
        for row in rows:
            amounts[row["currency"], row[moment].date()].append(row["amount"])
        return total_or_none(
            self.eur(total(parts), currency, day) for (currency, day), parts in amounts.items()
        )


def amount_bucket(amount: Decimal) -> int:
    """Histogram bucket of an amount: i for (1.02^(i-1), 1.02^i], -32768 for nothing and less."""
    return math.ceil(math.log(amount) / math.log(1.02)) if amount > 0 else -32768


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


def ratio(part: Decimal | int | None, whole: Decimal | int | None) -> float | None:
    """A share; None if there is nothing to divide by or a part is unknown."""
    if part is None or whole is None or whole <= 0:
        return None
    return float(part) / float(whole)


def minus(*amounts: Decimal | None) -> Decimal | None:
    """The first amount without the others; None if one is unknown."""
    if None in amounts:
        return None
    first, *others = (amount for amount in amounts if amount is not None)
    return _EXACT.subtract(first, total(others))


def seed_rows(name: str) -> list[dict[str, str]]:
    """Rows of a seed, as text."""
    with (ROOT / "seeds" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def trailing(rows: Iterable[Row], days: int = 30) -> list[Row]:
    """Payments of the last so many days, today included."""
    first = datetime.now(UTC).date() - timedelta(days=days - 1)
    return [row for row in rows if day_of(row) >= first]


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
    for row in seed_rows("currencies"):
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


@oracle("fct_payments_by_hour")
def fct_payments_by_hour(seen: Seen) -> Rows:
    for (hour, merchant, currency, status, code), payments in grouped(
        seen.rows("transactions"),
        lambda payment: minute_of(payment).replace(minute=0),
        column("merchant_id"),
        column("currency"),
        column("status"),
        _decline_code,
    ).items():
        yield {
            "payment_hour": hour,
            "merchant_id": merchant,
            "currency_code": currency,
            "status": status,
            "decline_code": code,
            "count_payments": len(payments),
            "total_amount": total(payment["amount"] for payment in payments),
        }


@oracle("fct_payment_amounts_by_day")
def fct_payment_amounts_by_day(seen: Seen) -> Rows:
    for (day, merchant, currency, status, bucket), payments in grouped(
        seen.rows("transactions"),
        day_of,
        column("merchant_id"),
        column("currency"),
        column("status"),
        lambda payment: amount_bucket(payment["amount"]),
    ).items():
        yield {
            "payment_date": day,
            "merchant_id": merchant,
            "currency_code": currency,
            "status": status,
            "amount_bucket": bucket,
            "count_payments": len(payments),
        }


@oracle("fct_account_ips_by_day")
def fct_account_ips_by_day(seen: Seen) -> Rows:
    for (day, account, ip, currency, status), payments in grouped(
        seen.rows("transactions"),
        day_of,
        column("account_id"),
        lambda payment: payment["ip"] or "",
        column("currency"),
        column("status"),
    ).items():
        yield {
            "payment_date": day,
            "account_id": account,
            "ip": ip,
            "currency_code": currency,
            "status": status,
            "count_payments": len(payments),
            "total_amount": total(payment["amount"] for payment in payments),
        }


@oracle("fct_merchant_ips_by_day")
def fct_merchant_ips_by_day(seen: Seen) -> Rows:
    for (day, merchant, ip), payments in grouped(
        seen.rows("transactions"),
        day_of,
        column("merchant_id"),
        lambda payment: payment["ip"] or "",
    ).items():
        yield {
            "payment_date": day,
            "merchant_id": merchant,
            "ip": ip,
            "count_payments": len(payments),
        }


@oracle("fct_refunds_by_day")
def fct_refunds_by_day(seen: Seen) -> Rows:
    for (day, currency, status, reason), refunds in grouped(
        seen.rows("refunds"),
        lambda refund: refund["created_at"].date(),
        column("currency"),
        column("status"),
        column("reason"),
    ).items():
        yield {
            "refund_date": day,
            "currency_code": currency,
            "status": status,
            "reason": reason,
            "count_refunds": len(refunds),
            "total_amount": total(refund["amount"] for refund in refunds),
        }


@oracle("fct_disputes_by_day")
def fct_disputes_by_day(seen: Seen) -> Rows:
    for (opened, closed, currency, status, reason), disputes in grouped(
        seen.rows("disputes"),
        lambda dispute: dispute["opened_at"].date(),
        lambda dispute: dispute["closed_at"] and dispute["closed_at"].date(),
        column("currency"),
        column("status"),
        column("reason"),
    ).items():
        yield {
            "opened_date": opened,
            "closed_date": closed or date(1970, 1, 1),
            "currency_code": currency,
            "status": status,
            "reason": reason,
            "count_disputes": len(disputes),
            "total_amount": total(dispute["amount"] for dispute in disputes),
        }


@oracle("fct_adjusted_payments", where="count_refunds + count_disputes > 0")
def fct_adjusted_payments(seen: Seen) -> Rows:
    payments = {row["transaction_id"]: row for row in seen.rows("transactions")}
    refunds = grouped(
        (row for row in seen.rows("refunds") if row["status"] == "succeeded"),
        column("transaction_id"),
    )
    disputes = grouped(seen.rows("disputes"), column("transaction_id"))
    for (id,) in refunds.keys() | disputes.keys():
        payment = payments.get(id, {})
        refunded = refunds.get((id,), [])
        disputed = disputes.get((id,), [])
        lost = [dispute for dispute in disputed if dispute["status"] == "lost"]
        yield {
            "transaction_id": id,
            "payment_date": day_of(payment) if payment else None,
            "account_id": payment.get("account_id"),
            "merchant_id": payment.get("merchant_id"),
            "currency_code": payment.get("currency"),
            "status": payment.get("status"),
            "amount": payment.get("amount"),
            "count_refunds": len(refunded),
            "refunded_amount": total(refund["amount"] for refund in refunded),
            "count_disputes": len(disputed),
            "count_disputes_lost": len(lost),
            "lost_amount": total(dispute["amount"] for dispute in lost),
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


@oracle("agg_payments_daily")
def agg_payments_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    blocked_codes = {
        row["decline_code"] for row in seed_rows("decline_codes") if row["is_blocked"] == "true"
    }
    for (day, merchant), payments in grouped(
        seen.rows("transactions"), day_of, column("merchant_id")
    ).items():
        pending = [payment for payment in payments if payment["status"] == "pending"]
        blocked = [payment for payment in payments if payment["decline_code"] in blocked_codes]
        yield {
            "payment_date": day,
            "merchant_id": merchant,
            "count_attempted": len(payments),
            "count_pending": len(pending),
            "count_successful": len(successful(payments)),
            "count_blocked": len(blocked),
            "attempted_amount_eur": rates.sum(payments),
            "pending_amount_eur": rates.sum(pending),
            "successful_amount_eur": rates.sum(successful(payments)),
            "blocked_amount_eur": rates.sum(blocked),
        }


@oracle("agg_acceptance_daily")
def agg_acceptance_daily(seen: Seen) -> Rows:
    for (day,), merchants in grouped(agg_payments_daily(seen), column("payment_date")).items():
        count = {
            name: sum(row[f"count_{name}"] for row in merchants)
            for name in ("attempted", "pending", "successful", "blocked")
        }
        eur = {
            name: total_or_none(row[f"{name}_amount_eur"] for row in merchants)
            for name in ("attempted", "pending", "successful", "blocked")
        }
        count_decided = count["attempted"] - count["pending"]
        decided_eur = minus(eur["attempted"], eur["pending"])
        submitted_eur = minus(decided_eur, eur["blocked"])
        yield {
            "payment_date": day,
            "count_attempted": count["attempted"],
            "count_pending": count["pending"],
            "count_decided": count_decided,
            "count_submitted": count_decided - count["blocked"],
            "count_successful": count["successful"],
            "pending_amount_eur": eur["pending"],
            "decided_amount_eur": decided_eur,
            "submitted_amount_eur": submitted_eur,
            "successful_amount_eur": eur["successful"],
            "authorization_rate": ratio(count["successful"], count_decided - count["blocked"]),
            "authorization_rate_by_value": ratio(eur["successful"], submitted_eur),
            "acceptance_rate": ratio(count["successful"], count_decided),
            "acceptance_rate_by_value": ratio(eur["successful"], decided_eur),
            "pending_share": ratio(count["pending"], count["attempted"]),
        }


@oracle("agg_declines_daily")
def agg_declines_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    codes = {row["decline_code"]: row for row in seed_rows("decline_codes")}
    counts = {
        day: len(decided(payments))
        for (day,), payments in grouped(seen.rows("transactions"), day_of).items()
    }
    failed = [row for row in seen.rows("transactions") if row["status"] == "failed"]
    for (day, code), declines in grouped(failed, day_of, _decline_code).items():
        known = codes.get(code, {})
        yield {
            "payment_date": day,
            "decline_code": code,
            "decline_group": known.get("decline_group", "unknown"),
            "advice": known.get("advice"),
            "count_declined": len(declines),
            "count_decided": counts[day],
            "declined_amount_eur": rates.sum(declines),
            "decline_rate": ratio(len(declines), counts[day]),
        }


@oracle("agg_refunds_daily")
def agg_refunds_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    refunds = grouped(
        (row for row in seen.rows("refunds") if row["status"] == "succeeded"),
        lambda refund: refund["created_at"].date(),
    )
    payments = grouped(seen.rows("transactions"), day_of)
    for (day,) in refunds.keys() | payments.keys():
        refunded = refunds.get((day,), [])
        paid = successful(payments.get((day,), []))
        refunded_eur, paid_eur = rates.sum(refunded, "created_at"), rates.sum(paid)
        yield {
            "refund_date": day,
            "count_refunds": len(refunded),
            "refunded_amount_eur": refunded_eur,
            "count_successful": len(paid),
            "successful_amount_eur": paid_eur,
            "refund_activity": ratio(len(refunded), len(paid)),
            "refund_activity_by_value": ratio(refunded_eur, paid_eur),
        }


@oracle("agg_disputes_daily")
def agg_disputes_daily(seen: Seen) -> Rows:
    disputes = seen.rows("disputes")
    opened = grouped(disputes, lambda dispute: dispute["opened_at"].date())
    closed = grouped(
        (row for row in disputes if row["closed_at"] and row["status"] in ("won", "lost")),
        lambda dispute: dispute["closed_at"].date(),
    )
    paid = grouped(successful(seen.rows("transactions")), day_of)
    for (day,) in opened.keys() | closed.keys() | paid.keys():
        won = [row for row in closed.get((day,), []) if row["status"] == "won"]
        count_opened, count_paid = len(opened.get((day,), [])), len(paid.get((day,), []))
        count_closed = len(closed.get((day,), []))
        yield {
            "dispute_date": day,
            "count_opened": count_opened,
            "count_won": len(won),
            "count_lost": count_closed - len(won),
            "count_successful": count_paid,
            "dispute_activity": ratio(count_opened, count_paid),
            "win_rate": ratio(len(won), count_closed),
        }


@oracle("agg_hour_of_week")
def agg_hour_of_week(seen: Seen) -> Rows:
    today = datetime.now(UTC).date()
    payments = [row for row in trailing(seen.rows("transactions"), 29) if day_of(row) < today]
    for (weekday, hour), slot in grouped(
        payments,
        lambda payment: payment["occurred_at"].isoweekday(),
        lambda payment: payment["occurred_at"].hour,
    ).items():
        yield {
            "weekday": weekday,
            "hour": hour,
            "count_slots": 4,
            "count_attempted": len(slot),
            "count_decided": len(decided(slot)),
            "count_successful": len(successful(slot)),
            "payments_per_slot": len(slot) / 4,
            "acceptance_rate": ratio(len(successful(slot)), len(decided(slot))),
        }


@oracle("agg_tickets_daily")
def agg_tickets_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    for (day, merchant, currency, bucket), payments in grouped(
        successful(seen.rows("transactions")),
        day_of,
        column("merchant_id"),
        column("currency"),
        lambda payment: amount_bucket(payment["amount"]),
    ).items():
        rate = rates.on(currency, day)
        amount = 0 if bucket == -32768 else 2 * 1.02**bucket / 2.02
        yield {
            "payment_date": day,
            "merchant_id": merchant,
            "currency_code": currency,
            "amount_bucket": bucket,
            "ticket_eur": None if rate is None else amount * float(rate),
            "count_successful": len(payments),
        }


@oracle("agg_geo_daily")
def agg_geo_daily(seen: Seen) -> Rows:
    addresses = {row["ip"]: row for row in seen.rows("ip_geo")}
    accounts = {row["account_id"]: row for row in seen.rows("accounts")}
    for (day, home, country, is_proxied), payments in grouped(
        seen.rows("transactions"),
        day_of,
        lambda payment: accounts.get(payment["account_id"], {}).get("country", ""),
        lambda payment: addresses.get(payment["ip"], {}).get("country", ""),
        lambda payment: addresses.get(payment["ip"], {}).get("is_proxy_or_vpn", False),
    ).items():
        yield {
            "payment_date": day,
            "account_country": home,
            "ip_country": country,
            "is_proxy_or_vpn": is_proxied,
            "count_attempted": len(payments),
            "count_successful": len(successful(payments)),
        }


@oracle("agg_geo_mismatch_daily")
def agg_geo_mismatch_daily(seen: Seen) -> Rows:
    for (day,), groups in grouped(agg_geo_daily(seen), column("payment_date")).items():

        def count(where: Callable[[Row], bool], groups: list[Row] = groups) -> int:
            return sum(group["count_attempted"] for group in groups if where(group))

        both = count(lambda group: bool(group["account_country"] and group["ip_country"]))
        mismatched = count(
            lambda group: bool(
                group["account_country"]
                and group["ip_country"]
                and group["account_country"] != group["ip_country"]
            )
        )
        known = count(lambda group: bool(group["ip_country"]))
        proxied = count(lambda group: bool(group["is_proxy_or_vpn"]))
        yield {
            "payment_date": day,
            "count_attempted": count(lambda group: True),
            "count_both_known": both,
            "count_mismatched": mismatched,
            "count_ip_known": known,
            "count_proxied": proxied,
            "geo_mismatch_rate": ratio(mismatched, both),
            "proxy_share": ratio(proxied, known),
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
