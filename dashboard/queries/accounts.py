"""Queries of the page Accounts: activity per day, and retention per week of signup.

Distinct accounts do not add up: nothing here is summed over days or weeks.
"""

from __future__ import annotations

from dashboard.periods import Days
from dashboard.queries.call import Call, of_days

ACTIVITY = """
select
    kpi_date as drawn_at,
    count_active_1d,
    count_active_7d,
    count_active_30d,
    stickiness,
    count_new,
    count_activated,
    count_dormant,
    count_resurrected
from gold.agg_active_accounts_daily
where kpi_date >= {from:Date} and kpi_date < {to:Date}
order by drawn_at
"""

RETENTION = """
select
    cohort_week,
    week_number,
    cohort_size,
    count_retained,
    100 * retention_rate as accounts_percent,
    100 * volume_retention as volume_percent
from gold.agg_cohort_retention_weekly
where cohort_week >= toMonday(now('UTC')) - toIntervalWeek({weeks:UInt32})
order by cohort_week, week_number
"""


def activity(days: Days) -> Call:
    """One row per UTC day with payments: accounts by activity."""
    return of_days("activity", ACTIVITY, days.first, days.after)


def retention(weeks: int) -> Call:
    """One row per cohort of the last weeks and week since its signup, of weeks that are over."""
    return Call("retention", RETENTION.strip(), (("weeks", weeks),))
