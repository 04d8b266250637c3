"""Queries of the page FX and settlement: currencies, what is still pending, and what is earned.

Sums in EUR are NULL as soon as a part is unknown, as in gold.
"""

from __future__ import annotations

from dashboard.filters import Selection
from dashboard.periods import Days
from dashboard.queries.call import Call, of_days, totals
from dashboard.queries.narrowed import OF_CURRENCY

ALL = Selection()

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
where <of_currency>
order by exposure_eur desc nulls first, currency_code asc
"""

EXPOSURE_TOTALS = """
select
    if(countIf(open.exposure_eur is null) > 0, null, sum(open.exposure_eur)) as exposure_eur,
    if(countIf(open.revaluation_eur is null) > 0, null, sum(open.revaluation_eur))
        as revaluation_eur
from gold.agg_fx_exposure as open
where count_open != 0 and <of_currency>
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
    and <of_currency>
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
        and <of_currency>
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

# The marts of what is pending are of all currencies; what they are made of knows each.
PENDING_PART = """
with
pending as (
    select
        age_seconds,
        toUInt64(greatest(minutes.count_pending, 0)) as weight,
        minutes.count_pending as count_payments,
        minutes.pending_amount_eur as amount_eur
    from gold.agg_pending_by_minute as minutes
    where <of_currency>
)

select
    sum(count_payments) as count_pending,
    if(countIf(amount_eur is null) > 0, null, ifNull(sum(amount_eur), 0)) as pending_amount_eur,
    if(count() > 0, quantileExactWeighted(0.5)(age_seconds, weight), null) as age_p50_seconds,
    if(count() > 0, quantileExactWeighted(0.95)(age_seconds, weight), null) as age_p95_seconds
from pending
"""

AGEING_PART = """
with
aged as (
    select
        1 + arrayCount(seconds -> age_seconds >= seconds, [300, 3600, 86400, 259200, 604800])
            as age_order,
        sum(minutes.count_pending) as count_pending,
        if(
            countIf(minutes.pending_amount_eur is null) > 0,
            null,
            sum(minutes.pending_amount_eur)
        ) as pending_amount_eur,
        1 as is_found
    from gold.agg_pending_by_minute as minutes
    where <of_currency>
    group by age_order
)

select
    classes.age_order as age_order,
    classes.age_bucket as age_bucket,
    ifNull(aged.count_pending, 0) as count_pending,
    if(aged.is_found = 1, aged.pending_amount_eur, toDecimal128(0, 8)) as pending_amount_eur
from gold.agg_pending_ageing as classes
left join aged on classes.age_order = aged.age_order
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
periods as (
    -- today still fills: 'now' counts it, 'complete' leaves it out for comparisons
    select
        arrayJoin(if(booking_date < {complete_to:Date}, ['now', 'complete'], ['now'])) as period,
        successful_amount_eur,
        net_settled_amount_eur,
        gross_fees_eur,
        scheme_cost_eur,
        refunded_fees_eur,
        lost_amount_eur,
        dispute_fees_eur,
        net_revenue_eur
    from gold.agg_revenue_daily
    where booking_date >= {from:Date} and booking_date < {to:Date}
),

totals as (
    select
        period,
        countIf(periods.net_revenue_eur is null) > 0 as is_unknown,
        if(
            countIf(periods.net_settled_amount_eur is null) > 0,
            null,
            sum(periods.net_settled_amount_eur)
        ) as net_settled_amount_eur,
        sum(periods.successful_amount_eur) as successful_amount_eur,
        sum(periods.gross_fees_eur) as gross_fees_eur,
        sum(periods.scheme_cost_eur) as scheme_cost_eur,
        sum(periods.refunded_fees_eur) as refunded_fees_eur,
        sum(periods.lost_amount_eur) as lost_amount_eur,
        sum(periods.dispute_fees_eur) as dispute_fees_eur,
        sum(periods.net_revenue_eur) as net_revenue_eur
    from periods
    group by period
)

select
    period,
    net_settled_amount_eur,
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

REVENUE_BY_DAY = """
with
totals as (
    select
        booking_date,
        if(
            countIf(daily.net_settled_amount_eur is null) > 0,
            null,
            sum(daily.net_settled_amount_eur)
        ) as net_settled_amount_eur,
        if(countIf(daily.net_revenue_eur is null) > 0, null, sum(daily.net_revenue_eur))
            as net_revenue_eur,
        sum(daily.successful_amount_eur) as successful_amount_eur
    from gold.agg_revenue_daily as daily
    where booking_date >= {from:Date} and booking_date < {to:Date}
    group by booking_date
)

select
    booking_date as drawn_at,
    net_settled_amount_eur,
    net_revenue_eur,
    toFloat64(net_revenue_eur) / nullIf(toFloat64(successful_amount_eur), 0) as take_rate
from totals
order by drawn_at
"""


def exposure(selection: Selection = ALL) -> Call:
    """One row per currency other than EUR: what is owed to merchants in it, as of now."""
    return _now("exposure", EXPOSURE, selection)


def exposure_totals(selection: Selection = ALL) -> Call:
    """One row: exposure and revaluation of the currencies with open payments."""
    return _now("exposure_totals", EXPOSURE_TOTALS, selection)


def rates(days: Days, selection: Selection = ALL) -> Call:
    """One row per day and currency: its rate in EUR, 100 on the first day of the days."""
    return of_days("rates", _of(RATES), days.first, days.after, **_sent(selection))


def volume(days: Days, selection: Selection = ALL) -> Call:
    """One row per currency: successful volume in itself, booked, and at the last day's rates."""
    sent = {"valuation": days.last.isoformat(), **_sent(selection)}
    return of_days("volume", _of(VOLUME), days.first, days.after, **sent)


def pending(selection: Selection = ALL) -> Call:
    """One row: what is pending now."""
    sql = PENDING_PART if selection.chosen else PENDING
    return _now("pending", sql, selection)


def ageing(selection: Selection = ALL) -> Call:
    """One row per age class of what is pending now."""
    return _now("ageing", AGEING_PART if selection.chosen else AGEING, selection)


def settling(days: Days) -> Call:
    """One row per day: how long payments that were seen pending took to their final status."""
    return of_days("settling", SETTLING, days.first, days.after)


def revenue(days: Days) -> Call:
    """What is settled and the parts of net revenue booked on the days: `now` and `complete`."""
    return totals("revenue", REVENUE, days)


def revenue_by_day(days: Days) -> Call:
    """What is settled and net revenue, one row per booking day."""
    return of_days("revenue_by_day", REVENUE_BY_DAY, days.first, days.after)


def _of(sql: str) -> str:
    return sql.replace("<of_currency>", OF_CURRENCY)


def _sent(selection: Selection) -> dict[str, str]:
    return {"currency": selection.parameters["currency"]}


def _now(name: str, sql: str, selection: Selection) -> Call:
    named = "{currency:String}" in _of(sql)
    return Call(name, _of(sql).strip(), tuple(_sent(selection).items()) if named else ())
