"""Dimensions, core facts and the daily key figures."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from tests.python.property.oracles.base import (
    EXACT,
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
    seed_rows,
    successful,
    total,
)


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


def first_day(seen: Seen) -> date:
    """The first day of the calendar: of a payment or of a rate, or else today."""
    days = [day_of(payment) for payment in seen.rows("transactions")]
    days += [row["rate_date"] for row in seen.rows("fx_rates") if row["currency"] != "EUR"]
    return min(days, default=seen.now.date())


def days_between(first: date, last: date) -> list[date]:
    """All days from the first to the last."""
    return [first + timedelta(days=days) for days in range((last - first).days + 1)]


@oracle("dim_dates")
def dim_dates(seen: Seen) -> Rows:
    for day in days_between(first_day(seen), seen.now.date() + timedelta(days=365)):
        year, week, weekday = day.isocalendar()
        yield {
            "calendar_date": day,
            "weekday_name": calendar.day_name[weekday - 1],
            "month_name": calendar.month_name[day.month],
            "day_of_week": weekday,
            "iso_week": week,
            "iso_year": year,
            "month_number": day.month,
            "quarter_number": (day.month + 2) // 3,
            "calendar_year": day.year,
            "is_weekend": weekday in (6, 7),
            "week_start_date": date.fromisocalendar(year, week, 1),
            "month_start_date": day.replace(day=1),
        }


@oracle("dim_fx_rates_daily")
def dim_fx_rates_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    for row in seed_rows("currencies"):
        currency = row["currency_code"]
        before: Decimal | None = None
        for day in days_between(first_day(seen), seen.now.date()):
            rate, known_on = rates.on(currency, day), rates.known_on(currency, day)
            if currency == "EUR":
                known_on = day
            yield {
                "calendar_date": day,
                "currency_code": currency,
                "rate_to_eur": rate,
                "known_rate_date": known_on,
                "rate_age_days": (day - known_on).days if known_on else None,
                "rate_change": float(rate) / float(before) - 1 if rate and before else None,
            }
            before = rate


def periods(seen: Seen, table: str, attributes: dict[str, str]) -> Rows:
    """Versions of rows as the log tells them. `attributes`: {column: its name in gold}."""
    current: dict[Any, dict[str, Any]] = {}
    ended: list[dict[str, Any]] = []
    for event in seen.events(table):
        period, row = current.get(event.key), event.after
        values = row and {name: row[column] for column, name in attributes.items()}
        if period and values == {name: period[name] for name in attributes.values()}:
            continue
        if period:
            ended.append({**period, "valid_to": event.committed_at, "is_current": False})
            del current[event.key]
        if values:
            valid = {"valid_from": event.committed_at, "valid_to": None, "is_current": True}
            current[event.key] = {**values, **valid}
    yield from ended
    yield from current.values()


@oracle("dim_accounts_history")
def dim_accounts_history(seen: Seen) -> Rows:
    same = ("account_id", "user_name", "email", "signup_at")
    return periods(seen, "accounts", {**{n: n for n in same}, "country": "account_country"})


@oracle("dim_merchants_history")
def dim_merchants_history(seen: Seen) -> Rows:
    same = ("merchant_id", "merchant_name", "merchant_category", "risk_rating")
    return periods(seen, "merchants", {**{n: n for n in same}, "country": "merchant_country"})


@oracle("fct_payments_by_minute")
def fct_payments_by_minute(seen: Seen) -> Rows:
    for (minute, merchant, currency, status, code), payments in grouped(
        seen.rows("transactions"),
        minute_of,
        column("merchant_id"),
        column("currency"),
        column("status"),
        decline_code_of,
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
        decline_code_of,
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


@oracle("agg_kpis_daily")
def agg_kpis_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    for (day,), payments in grouped(seen.rows("transactions"), day_of).items():
        paid = successful(payments)
        volume = rates.sum(paid)
        ticket = None
        if volume is not None and paid:
            ticket = EXACT.divide(volume, Decimal(len(paid)))
            ticket = ticket.quantize(Decimal("1e-8"), ROUND_DOWN, EXACT)
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
