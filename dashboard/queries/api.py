"""Queries of the API; its freshness is that of the pages."""

from __future__ import annotations

from datetime import date

from dashboard.queries.call import Call, of_days

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


def daily_kpis(first: date, after: date) -> Call:
    """One row per UTC day of [first, after) that has payments."""
    return of_days("daily_kpis", DAILY_KPIS, first, after)
