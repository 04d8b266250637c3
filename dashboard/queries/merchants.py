"""Queries of the page Merchants: all of them together, each of the trailing 30 days, and one."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from dashboard.filters import Selection
from dashboard.periods import Days, Window
from dashboard.queries import overview
from dashboard.queries.call import (
    Call,
    Parameter,
    between,
    of_days,
    one_page,
    seconds,
    text,
    totals,
)
from dashboard.queries.narrowed import OF_MERCHANT, parameters

ALL = Selection()

_OF_MERCHANTS = """(
        {category:String} = ''
        or has(
            splitByChar('\\n', {category:String}),
            ifNull(toString(trailing.merchant_category), 'unknown')
        )
    )
    and (
        {country:String} = ''
        or has(
            splitByChar('\\n', {country:String}),
            ifNull(toString(trailing.merchant_country), 'unknown')
        )
    )"""

# Rows of a `period`: the days together, with today (`now`) and without (`complete`), and each day.
PORTFOLIO = """
with
periods as (
    select
        arrayJoin(
            arrayConcat(
                [toString(payment_date)],
                if(payment_date >= {from:Date}, ['now'], []),
                if(
                    payment_date >= {from:Date} and payment_date < {complete_to:Date},
                    ['complete'],
                    []
                )
            )
        ) as period,
        merchant_id,
        count_attempted,
        count_successful,
        count_disputed,
        successful_amount_eur,
        refunded_amount_eur
    from gold.agg_adjustments_by_payment_day
    where
        payment_date >= {drawn_from:Date}
        and payment_date < {to:Date}
        and <of_ids>
),

by_merchant as (
    select
        period,
        merchant_id,
        sum(periods.count_attempted) as count_attempted,
        sum(periods.count_successful) as count_successful,
        sum(periods.count_disputed) as count_disputed,
        if(
            countIf(periods.successful_amount_eur is null) > 0,
            null,
            sum(periods.successful_amount_eur)
        ) as successful_amount_eur,
        if(
            countIf(periods.refunded_amount_eur is null) > 0,
            null,
            sum(periods.refunded_amount_eur)
        ) as refunded_amount_eur
    from periods
    group by period, merchant_id
),

ranked as (
    select
        by_merchant.*,
        row_number() over (partition by period order by successful_amount_eur desc) as place,
        toFloat64(successful_amount_eur)
            / nullIf(toFloat64(sum(successful_amount_eur) over (partition by period)), 0)
            as volume_share
    from by_merchant
),

summed as (
    select
        period,
        countIf(ranked.successful_amount_eur is null) > 0 as is_unknown,
        sum(ranked.count_attempted) as count_attempted,
        sum(ranked.count_successful) as count_successful,
        sum(ranked.count_disputed) as count_disputed,
        countIf(ranked.count_successful > 0) as count_merchants,
        sum(ranked.successful_amount_eur) as successful_amount_eur,
        if(countIf(ranked.refunded_amount_eur is null) > 0, null, sum(ranked.refunded_amount_eur))
            as refunded_amount_eur,
        sumIf(volume_share, place <= 10) as top_10_share,
        sum(volume_share * volume_share) as herfindahl_index
    from ranked
    group by period
)

select
    period,
    count_attempted,
    count_merchants,
    if(is_unknown, null, summed.successful_amount_eur) as successful_amount_eur,
    if(is_unknown, null, summed.top_10_share) as top_10_share,
    if(is_unknown, null, summed.herfindahl_index) as herfindahl_index,
    count_disputed / nullIf(count_successful, 0) as dispute_rate,
    if(
        is_unknown,
        null,
        toFloat64(refunded_amount_eur) / nullIf(toFloat64(summed.successful_amount_eur), 0)
    ) as refund_rate
from summed
order by period
"""

LARGEST = """
with
by_merchant as (
    select
        merchant_id,
        sum(daily.count_successful) as count_successful,
        if(countIf(daily.successful_amount_eur is null) > 0, null, sum(daily.successful_amount_eur))
            as successful_amount_eur
    from gold.agg_payments_daily as daily
    where payment_date >= {from:Date} and payment_date < {to:Date}
    group by merchant_id
),

shared as (
    select
        by_merchant.*,
        -- unknown for all as soon as one amount is
        if(
            countIf(successful_amount_eur is null) over () > 0,
            null,
            100 * toFloat64(successful_amount_eur)
                / nullIf(toFloat64(sum(successful_amount_eur) over ()), 0)
        ) as share_percent
    from by_merchant
)

select
    shared.merchant_id as merchant_id,
    merchants.merchant_name as merchant_name,
    shared.successful_amount_eur as successful_amount_eur,
    shared.share_percent as share_percent
from shared
left join gold.dim_merchants as merchants on shared.merchant_id = merchants.merchant_id
where shared.count_successful > 0 and <of_ids>
order by shared.successful_amount_eur desc nulls last, merchant_id asc
limit {limit:UInt32}
settings join_use_nulls = 1
"""

RISKIEST = """
with
weights as (
    select
        toFloat64(sumIf(weight, component = 'dispute_rate')) as dispute_rate_weight,
        toFloat64(sumIf(weight, component = 'decline_rate')) as decline_rate_weight,
        toFloat64(sumIf(weight, component = 'refund_rate')) as refund_rate_weight,
        toFloat64(sumIf(weight, component = 'geo_share')) as geo_share_weight,
        toFloat64(sumIf(weight, component = 'velocity')) as velocity_weight,
        toFloat64(sumIf(weight, component = 'risk_rating')) as risk_rating_weight
    from gold.risk_weights
)

-- the parts of a score: what each component adds to it
select
    merchant_id,
    merchant_name,
    risk_score,
    dispute_rate_rank * dispute_rate_weight as dispute_rate_part,
    decline_rate_rank * decline_rate_weight as decline_rate_part,
    refund_rate_rank * refund_rate_weight as refund_rate_part,
    geo_share_rank * geo_share_weight as geo_share_part,
    velocity_rank * velocity_weight as velocity_part,
    risk_rating_rank * risk_rating_weight as risk_rating_part
from gold.agg_merchant_risk
cross join weights
where <of_ids>
order by risk_score desc, merchant_id asc
limit {limit:UInt32}
"""

MERCHANTS = """
with
found as (
    select
        trailing.merchant_id as merchant_id,
        trailing.merchant_name as merchant_name,
        trailing.merchant_category as merchant_category,
        trailing.count_attempted as count_attempted,
        trailing.successful_amount_eur as successful_amount_eur,
        trailing.volume_share as volume_share,
        trailing.acceptance_rate as acceptance_rate,
        trailing.refund_rate as refund_rate,
        trailing.dispute_rate as dispute_rate,
        risk.risk_score as risk_score
    from gold.agg_merchants_trailing as trailing
    -- both have the same merchants; left, a missing row would become a score of 0
    inner join gold.agg_merchant_risk as risk on trailing.merchant_id = risk.merchant_id
    where
        (
            positionCaseInsensitiveUTF8(ifNull(trailing.merchant_name, ''), {search:String}) > 0
            or startsWith(toString(trailing.merchant_id), lower({search:String}))
        )
        and <of_merchants>
),

""" + one_page(
    "found",
    # floats are for the order only
    order="toFloat64({sort:Identifier}) * {sign:Int8} desc nulls last, merchant_id asc",
    columns=(
        "merchant_id",
        "merchant_name",
        "merchant_category",
        "count_attempted",
        "successful_amount_eur",
        "100 * volume_share as share_percent",
        "100 * acceptance_rate as acceptance_percent",
        "100 * refund_rate as refund_percent",
        "100 * dispute_rate as dispute_percent",
        "risk_score",
    ),
)

MERCHANT = """
select
    merchant_id,
    merchant_name,
    merchant_category,
    merchant_country,
    risk_rating,
    profile_text,
    updated_at
from gold.dim_merchants
where merchant_id = {merchant:UUID}
"""

STATUS_BY_DAY = """
select
    payment_date as drawn_at,
    sumIf(count_payments, status = 'success') as success,
    sumIf(count_payments, status = 'failed') as failed,
    sumIf(count_payments, status = 'pending') as pending
from gold.fct_payments_by_day
where
    payment_date >= {from:Date}
    and payment_date < {to:Date}
    and merchant_id = {merchant:UUID}
group by payment_date
having success != 0 or failed != 0 or pending != 0
order by payment_date
"""

DECLINES = """
with
declines as (
    select
        decline_code,
        sum(count_payments) as count_declined
    from gold.fct_payments_by_day
    where
        payment_date >= {from:Date}
        and payment_date < {to:Date}
        and merchant_id = {merchant:UUID}
        and status = 'failed'
    group by decline_code
    having count_declined != 0
)

select
    declines.decline_code as decline_code,
    if(codes.decline_group = '', 'unknown', ifNull(codes.decline_group, 'unknown'))
        as decline_group,
    count_declined,
    100 * count_declined / nullIf(sum(count_declined) over (), 0) as share_percent
from declines
left join gold.decline_codes as codes on declines.decline_code = codes.decline_code
order by count_declined desc, decline_code asc
"""

RISK_PARTS = """
with
parts as (
    select
        risk_score,
        arrayJoin([
            ('dispute_rate', toFloat64(dispute_rate), dispute_rate_rank),
            ('decline_rate', toFloat64(decline_rate), decline_rate_rank),
            ('refund_rate', toFloat64(refund_rate), refund_rate_rank),
            ('geo_share', toFloat64(geo_share), geo_share_rank),
            ('velocity', toFloat64(velocity), velocity_rank),
            ('risk_rating', toFloat64(risk_rating), risk_rating_rank)
        ]) as part
    from gold.agg_merchant_risk
    where merchant_id = {merchant:UUID}
)

select
    risk_score,
    part.1 as component,
    part.2 as value,
    part.3 as component_rank,
    toFloat64(weights.weight) as weight,
    component_rank * weight as points
from parts
inner join gold.risk_weights as weights on part.1 = weights.component
order by points desc, component asc
"""


def portfolio(days: Days, selection: Selection = ALL, drawn: Days | None = None) -> Call:
    """Totals of the merchants and how concentrated their volume is: `now` and `complete`, and one
    row per day that is drawn (the days themselves if None), `period` being the day."""
    return totals(
        "portfolio",
        _of_merchants(PORTFOLIO),
        days,
        drawn_from=(drawn or days).first.isoformat(),
        **_sent(selection),
    )


def largest(days: Days, limit: int, selection: Selection = ALL) -> Call:
    """The merchants with the largest share of all volume of the days, in percent."""
    sql = _of_merchants(LARGEST)
    return of_days("largest", sql, days.first, days.after, limit=limit, **_sent(selection))


def riskiest(limit: int, selection: Selection = ALL) -> Call:
    """The merchants with the highest risk score, and what each component adds to it."""
    return _of_part("riskiest", RISKIEST, selection, limit=limit)


def merchants(
    search: str,
    sort: str,
    lowest_first: bool,
    page: int,
    size: int,
    selection: Selection = ALL,
) -> Call:
    """A page of the merchants whose name or id is like `search`; `sort` is a column of theirs."""
    sign = -1 if lowest_first else 1
    return _of_part(
        "merchants",
        MERCHANTS,
        selection,
        search=search,
        sort=sort,
        sign=sign,
        page=page,
        size=size,
    )


def merchant(merchant_id: UUID) -> Call:
    """The attributes of a merchant; no row while it has not arrived."""
    return Call("merchant", MERCHANT.strip(), (("merchant", str(merchant_id)),))


def merchant_kpis(window: Window, merchant_id: UUID) -> Call:
    """Totals of one merchant in a window, as `overview.kpis` has them of all."""
    return between(
        "merchant_kpis",
        _of_one(overview.KPIS),
        window.start,
        window.end,
        complete_to=text(window.complete_end),
        merchant=str(merchant_id),
    )


def merchant_trend(window: Window, merchant_id: UUID) -> Call:
    """One row per bucket of a window, of one merchant."""
    return _trend(window, timedelta(0), merchant_id)


def merchant_trend_before(window: Window, shift: timedelta, merchant_id: UUID) -> Call:
    """The whole buckets `shift` earlier, moved onto the window's time axis, of one merchant."""
    return _trend(window, shift, merchant_id)


def status_by_day(days: Days, merchant_id: UUID) -> Call:
    """Payments of one merchant by status, one row per day that has any."""
    return of_days(
        "status_by_day", STATUS_BY_DAY, days.first, days.after, merchant=str(merchant_id)
    )


def merchant_declines(days: Days, merchant_id: UUID) -> Call:
    """Declined payments of one merchant by reason, most first; shares in percent."""
    return of_days("merchant_declines", DECLINES, days.first, days.after, merchant=str(merchant_id))


def risk_parts(merchant_id: UUID) -> Call:
    """One row per component of a merchant's risk score; none without payments in 30 days."""
    return Call("risk_parts", RISK_PARTS.strip(), (("merchant", str(merchant_id)),))


def _of_merchants(sql: str) -> str:
    for part, condition in (("of_merchants", _OF_MERCHANTS), ("of_ids", OF_MERCHANT)):
        sql = sql.replace(f"<{part}>", condition)
    return sql


def _sent(selection: Selection) -> dict[str, str]:
    chosen = parameters(selection)
    return {key: chosen[key] for key in ("category", "country")}


def _of_part(name: str, sql: str, selection: Selection, **sent: Parameter) -> Call:
    """A call on marts of merchants, of those with a chosen category and country."""
    return Call(name, _of_merchants(sql).strip(), tuple({**sent, **_sent(selection)}.items()))


def _of_one(sql: str) -> str:
    """A query of the Overview, of one merchant: both live views have the same measures."""
    return sql.replace("gold.live_kpis_by_minute", "gold.live_merchants_by_minute").replace(
        "minute < {to:DateTime('UTC')}",
        "minute < {to:DateTime('UTC')}\n        and merchant_id = {merchant:UUID}",
    )


def _trend(window: Window, shift: timedelta, merchant_id: UUID) -> Call:
    end = window.fill_to - shift if shift else window.end
    return between(
        "merchant_trend",
        _of_one(overview.TREND),
        window.start - shift,
        end,
        fill_to=text(window.fill_to - shift),
        bucket=seconds(window.bucket),
        shift=seconds(shift),
        merchant=str(merchant_id),
    )
