"""Queries of the API and of the days on the Overview."""

from __future__ import annotations

from datetime import date

from dashboard.filters import Selection
from dashboard.queries.call import Call, of_days
from dashboard.queries.narrowed import daily

ALL = Selection()

DAILY_KPIS = """
select
    kpi_date,
    count_attempted,
    count_decided,
    count_successful,
    attempted_amount_eur,
    successful_amount_eur,
    average_ticket_eur,
    count_active_accounts,
    success_rate
from gold.agg_kpis_daily
where kpi_date >= {from:Date} and kpi_date < {to:Date}
order by kpi_date
"""


def daily_kpis(first: date, after: date, selection: Selection = ALL) -> Call:
    """One row per UTC day of [first, after) that has payments; of a part no active accounts."""
    sql, sent = daily(DAILY_KPIS, selection, "agg_kpis_daily")
    return of_days("daily_kpis", sql, first, after, **sent)
