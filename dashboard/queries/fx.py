"""Queries of the page FX and settlement: currencies, what is still pending, and what is earned.

Sums in EUR are NULL as soon as a part is unknown, as in gold.
"""

from __future__ import annotations

from dashboard.periods import Days
from dashboard.queries.call import Call, of_days

EXPOSURE = """
select
    currency_code,
    latest_rate_to_eur,
    latest_rate_date,
    count_open,
    open_amount,
    exposure_eur,
    revaluation_eur,
    volatility_30d,
    value_at_risk_eur
from gold.agg_fx_exposure
order by exposure_eur desc nulls first, currency_code asc
"""

EXPOSURE_TOTALS = """
select
    if(countIf(open.exposure_eur is null) > 0, null, sum(open.exposure_eur)) as exposure_eur,
    if(countIf(open.revaluation_eur is null) > 0, null, sum(open.revaluation_eur))
        as revaluation_eur
from gold.agg_fx_exposure as open
where count_open != 0
"""

RATES = """
select
    calendar_date as drawn_at,
    currency_code,
    -- floats are for drawing only
    100 * toFloat64(rate_to_eur) / first_value(toFloat64(rate_to_eur)) over (
        partition by currency_code
        order by calendar_date
        rows between unbounded preceding and current row
    ) as rate_index
from gold.dim_fx_rates_daily
where
    calendar_date >= {from:Date}
    and calendar_date < {to:Date}
    and currency_code != 'EUR'
    and rate_to_eur is not null
order by drawn_at, currency_code
"""

# One view for all three modes: two would be read at two moments, with payments between them.
VOLUME = """
with
volume as (
    select
        currency_code,
        sum(daily.successful_amount) as successful_amount,
        if(countIf(daily.successful_amount_eur is null) > 0, null, sum(daily.successful_amount_eur))
            as successful_amount_eur,
        if(
            countIf(daily.successful_amount_constant_eur is null) > 0,
            null,
            sum(daily.successful_amount_constant_eur)
        ) as successful_amount_constant_eur
    from gold.agg_volume_at_constant_rates_daily as daily
    where
        valuation_date = {valuation:Date}
        and payment_date >= {from:Date}
        and payment_date < {to:Date}
    group by currency_code
)

select
    currency_code,
    successful_amount,
    successful_amount_eur,
    successful_amount_constant_eur,
    successful_amount_eur - successful_amount_constant_eur as fx_effect_eur
from volume
order by successful_amount_eur desc nulls first, currency_code asc
"""

PENDING = """
select
    count_pending,
    pending_amount_eur,
    age_p50_seconds,
    age_p95_seconds
from gold.agg_pending_now
"""

AGEING = """
select
    age_order,
    age_bucket,
    count_pending,
    pending_amount_eur
from gold.agg_pending_ageing
order by age_order
"""

SETTLING = """
select
    change_date as drawn_at,
    count_settled,
    time_to_final_p50_seconds,
    time_to_final_p95_seconds
from gold.agg_settling_daily
where change_date >= {from:Date} and change_date < {to:Date}
order by drawn_at
"""

REVENUE = """
with
totals as (
    select
        countIf(daily.net_revenue_eur is null) > 0 as is_unknown,
        sum(daily.successful_amount_eur) as successful_amount_eur,
        sum(daily.gross_fees_eur) as gross_fees_eur,
        sum(daily.scheme_cost_eur) as scheme_cost_eur,
        sum(daily.refunded_fees_eur) as refunded_fees_eur,
        sum(daily.lost_amount_eur) as lost_amount_eur,
        sum(daily.dispute_fees_eur) as dispute_fees_eur,
        sum(daily.net_revenue_eur) as net_revenue_eur
    from gold.agg_revenue_daily as daily
    where booking_date >= {from:Date} and booking_date < {to:Date}
)

select
    if(is_unknown, null, totals.gross_fees_eur) as gross_fees_eur,
    if(is_unknown, null, totals.scheme_cost_eur) as scheme_cost_eur,
    if(is_unknown, null, totals.refunded_fees_eur) as refunded_fees_eur,
    if(is_unknown, null, totals.lost_amount_eur) as lost_amount_eur,
    if(is_unknown, null, totals.dispute_fees_eur) as dispute_fees_eur,
    if(is_unknown, null, totals.net_revenue_eur) as net_revenue_eur,
    if(
        is_unknown or totals.successful_amount_eur = 0,
        null,
        toFloat64(totals.net_revenue_eur) / toFloat64(totals.successful_amount_eur)
    ) as take_rate
from totals
"""


def exposure() -> Call:
    """One row per currency other than EUR: what is owed to merchants in it, as of now."""
    return Call("exposure", EXPOSURE.strip())


def exposure_totals() -> Call:
    """One row: exposure and revaluation of all currencies with open payments."""
    return Call("exposure_totals", EXPOSURE_TOTALS.strip())


def rates(days: Days) -> Call:
    """One row per day and currency: its rate in EUR, 100 on the first day of the days."""
    return of_days("rates", RATES, days.first, days.after)


def volume(days: Days) -> Call:
    """One row per currency: successful volume in itself, booked, and at the last day's rates."""
    valuation = days.today.isoformat()
    return of_days("volume", VOLUME, days.first, days.after, valuation=valuation)


def pending() -> Call:
    """One row: what is pending now."""
    return Call("pending", PENDING.strip())


def ageing() -> Call:
    """One row per age class of what is pending now."""
    return Call("ageing", AGEING.strip())


def settling(days: Days) -> Call:
    """One row per day: how long payments that were seen pending took to their final status."""
    return of_days("settling", SETTLING, days.first, days.after)


def revenue(days: Days) -> Call:
    """One row: the parts of net revenue booked on the days, and its share of the volume."""
    return of_days("revenue", REVENUE, days.first, days.after)
