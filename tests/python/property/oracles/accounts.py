"""Active accounts and cohorts."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from tests.python.property.oracles.base import (
    Rates,
    Rows,
    Seen,
    column,
    day_of,
    grouped,
    oracle,
    ratio,
    successful,
    total,
    total_or_none,
)
from tests.python.property.oracles.core import days_between

WEEK = timedelta(days=7)


def reached(days: Iterable[date], length: int) -> set[date]:
    """The days that have one of these days among the last so many, themselves included."""
    return {day + timedelta(days=later) for day in days for later in range(length)}


@oracle("agg_active_accounts_daily")
def agg_active_accounts_daily(seen: Seen) -> Rows:
    payments = seen.rows("transactions")
    if not payments:
        return
    signups: dict[UUID, date] = {
        row["account_id"]: row["signup_at"].date() for row in seen.rows("accounts")
    }
    approvals: dict[UUID, set[date]] = defaultdict(set)
    for payment in successful(payments):
        approvals[payment["account_id"]].add(day_of(payment))
    active: dict[int, Counter[date]] = {1: Counter(), 7: Counter(), 30: Counter()}
    activated: Counter[date] = Counter()
    resurrected: Counter[date] = Counter()
    awake: Counter[date] = Counter()
    beginnings: list[date] = []
    for account in approvals.keys() | signups.keys():
        approved = sorted(approvals.get(account, ()))
        signup = signups.get(account)
        for length, count in active.items():
            count.update(reached(approved, length))
        if signup and approved and (approved[0] - signup).days <= 7:
            activated[approved[0]] += 1
        resurrected.update(day for before, day in pairwise(approved) if (day - before).days >= 30)
        # Signs of life: approvals, and the signup if it comes before them.
        signs = approved
        if signup and (not approved or signup < approved[0]):
            signs = [signup, *approved]
        beginnings.append(signs[0])
        awake.update(reached(signs, 30))
    beginnings.sort()
    new = Counter(signups.values())
    for day in days_between(min(day_of(payment) for payment in payments), seen.now.date()):
        yield {
            "kpi_date": day,
            "count_active_1d": active[1][day],
            "count_active_7d": active[7][day],
            "count_active_30d": active[30][day],
            "stickiness": ratio(active[1][day], active[30][day]),
            "count_new": new[day],
            "count_activated": activated[day],
            "count_dormant": bisect_right(beginnings, day) - awake[day],
            "count_resurrected": resurrected[day],
        }


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


@oracle("agg_cohort_retention_weekly")
def agg_cohort_retention_weekly(seen: Seen) -> Rows:
    payments = seen.rows("transactions")
    if not payments:
        return
    rates = Rates(seen)
    first_day = min(day_of(payment) for payment in payments)
    first_week = monday_of(first_day + timedelta(days=6))
    this_week = monday_of(seen.now.date())
    cohorts = grouped(seen.rows("accounts"), lambda row: monday_of(row["signup_at"].date()))
    paid = grouped(successful(payments), lambda row: monday_of(day_of(row)), column("account_id"))
    for (cohort,), accounts in cohorts.items():
        base: Decimal | None = None
        week = max(cohort, first_week)
        while week < this_week:
            active = [found for row in accounts if (found := paid.get((week, row["account_id"])))]
            volume = total_or_none(
                rates.eur(total(row["amount"] for row in rows), currency, date.max)
                for account in active
                for (currency,), rows in grouped(account, column("currency")).items()
            )
            if week == cohort:
                base = volume
            yield {
                "cohort_week": cohort,
                "week_number": (week - cohort) // WEEK,
                "cohort_size": len(accounts),
                "count_retained": len(active),
                "retention_rate": ratio(len(active), len(accounts)),
                "volume_constant_eur": volume,
                "volume_retention": ratio(volume, base),
            }
            week += WEEK
