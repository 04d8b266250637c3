"""Queries of the page Risk and fraud: what the rules flag, per day and now, and whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson

from dashboard.filters import Selection
from dashboard.periods import Days
from dashboard.queries import narrowed
from dashboard.queries.call import Call, Parameter, of_days, one_page, totals

Row = Mapping[str, Any]

ALL = Selection()

# The columns of points of agg_fraud_scores, without `_points`.
RULES = (
    "shared_device",
    "new_device",
    "other_country",
    "proxy",
    "declines",
    "small_amounts",
    "large_amounts",
    "round_amounts",
)

NOW = """
select
    as_of,
    count_flagged_entities,
    count_burst_attempts,
    count_outliers,
    flagged_amount_eur,
    attempted_amount_eur,
    flagged_volume_share
from gold.agg_risk_now
"""

# A day without a signal has no row in the mart; here it has one of zeros.
SIGNALS = """
with
days as (
    select arrayJoin(
        arrayMap(number -> {drawn_from:Date} + number, range({drawn_days:UInt16}))
    ) as payment_date
),

daily as (
    select
        days.payment_date as payment_date,
        ifNull(signals.count_burst_attempts, 0) as count_burst_attempts,
        ifNull(signals.count_trips, 0) as count_trips
    from days
    left join (
        select payment_date, count_burst_attempts, count_trips
        from gold.agg_risk_signals_daily
        where payment_date >= {drawn_from:Date} and payment_date < {to:Date}
    ) as signals
        on days.payment_date = signals.payment_date
)

select
    payment_date as drawn_at,
    count_burst_attempts,
    count_trips,
    sumIf(daily.count_burst_attempts, daily.payment_date >= {from:Date}) over ()
        as total_burst_attempts,
    sumIf(daily.count_trips, daily.payment_date >= {from:Date}) over () as total_trips,
    -- today still fills: comparisons leave it out
    sumIf(
        daily.count_burst_attempts,
        daily.payment_date >= {from:Date} and daily.payment_date < {complete_to:Date}
    ) over () as complete_burst_attempts,
    sumIf(
        daily.count_trips,
        daily.payment_date >= {from:Date} and daily.payment_date < {complete_to:Date}
    ) over () as complete_trips
from daily
order by payment_date
"""

MISMATCH = """
with
periods as (
    -- today still fills: 'now' counts it, 'complete' leaves it out for comparisons
    select
        arrayJoin(if(payment_date < {complete_to:Date}, ['now', 'complete'], ['now'])) as period,
        count_attempted,
        count_both_known,
        count_mismatched
    from gold.agg_geo_mismatch_daily
    where payment_date >= {from:Date} and payment_date < {to:Date}
)

select
    period,
    sum(periods.count_attempted) as count_attempted,
    sum(periods.count_mismatched) as count_mismatched,
    count_mismatched / nullIf(sum(periods.count_both_known), 0) as geo_mismatch_rate
from periods
group by period
"""

MISMATCH_BY_DAY = """
select
    payment_date + {shift:UInt16} as drawn_at,
    100 * geo_mismatch_rate as mismatch_percent,
    100 * proxy_share as proxy_percent
from gold.agg_geo_mismatch_daily
where payment_date >= {from:Date} and payment_date < {to:Date}
order by payment_date
"""

REFUNDS = """
with
periods as (
    select
        arrayJoin(if(refund_date < {complete_to:Date}, ['now', 'complete'], ['now'])) as period,
        count_refunds,
        refunded_amount_eur,
        count_successful,
        successful_amount_eur
    from gold.agg_refunds_daily
    where refund_date >= {from:Date} and refund_date < {to:Date}
),

totals as (
    select
        period,
        sum(periods.count_refunds) as count_refunds,
        sum(periods.count_successful) as count_successful,
        if(
            countIf(periods.refunded_amount_eur is null) > 0,
            null,
            sum(periods.refunded_amount_eur)
        ) as refunded_amount_eur,
        if(
            countIf(periods.successful_amount_eur is null) > 0,
            null,
            sum(periods.successful_amount_eur)
        ) as successful_amount_eur
    from periods
    group by period
)

select
    period,
    count_refunds,
    refunded_amount_eur,
    count_refunds / nullIf(count_successful, 0) as refund_activity,
    toFloat64(refunded_amount_eur) / nullIf(toFloat64(successful_amount_eur), 0)
        as refund_activity_by_value
from totals
"""

REFUNDS_BY_DAY = """
select
    refund_date as drawn_at,
    toFloat64(refunded_amount_eur) as refunded_eur,
    100 * refund_activity as activity_percent,
    100 * refund_activity_by_value as activity_by_value_percent
from gold.agg_refunds_daily
where refund_date >= {from:Date} and refund_date < {to:Date}
order by refund_date
"""

DISPUTES = """
with
periods as (
    select
        arrayJoin(if(dispute_date < {complete_to:Date}, ['now', 'complete'], ['now'])) as period,
        count_opened,
        count_won,
        count_lost,
        count_successful
    from gold.agg_disputes_daily
    where dispute_date >= {from:Date} and dispute_date < {to:Date}
)

select
    period,
    sum(periods.count_opened) as count_opened,
    sum(periods.count_won) as count_won,
    sum(periods.count_lost) as count_lost,
    count_opened / nullIf(sum(periods.count_successful), 0) as dispute_activity,
    count_won / nullIf(count_won + count_lost, 0) as win_rate
from periods
group by period
"""

DISPUTES_BY_DAY = """
select
    dispute_date as drawn_at,
    count_won,
    count_lost,
    100 * dispute_activity as activity_percent,
    100 * win_rate as win_percent
from gold.agg_disputes_daily
where dispute_date >= {from:Date} and dispute_date < {to:Date}
order by dispute_date
"""

# What became of the payments of the days, until now.
COHORTS = """
with
periods as (
    select
        arrayJoin(if(payment_date < {complete_to:Date}, ['now', 'complete'], ['now'])) as period,
        count_successful,
        count_disputed,
        successful_amount_eur,
        refunded_amount_eur
    from gold.agg_adjustments_by_payment_day
    where
        payment_date >= {from:Date}
        and payment_date < {to:Date}
        and <of_merchant>
)

select
    period,
    sum(periods.count_disputed) / nullIf(sum(periods.count_successful), 0) as dispute_rate,
    if(
        countIf(periods.refunded_amount_eur is null or periods.successful_amount_eur is null) > 0,
        null,
        toFloat64(sum(periods.refunded_amount_eur))
            / nullIf(toFloat64(sum(periods.successful_amount_eur)), 0)
    ) as refund_rate
from periods
group by period
"""

COHORTS_BY_DAY = """
select
    payment_date as drawn_at,
    100 * sum(cohorts.count_disputed) / nullIf(sum(cohorts.count_successful), 0)
        as dispute_rate_percent,
    if(
        countIf(cohorts.refunded_amount_eur is null or cohorts.successful_amount_eur is null) > 0,
        null,
        100 * toFloat64(sum(cohorts.refunded_amount_eur))
            / nullIf(toFloat64(sum(cohorts.successful_amount_eur)), 0)
    ) as refund_rate_percent
from gold.agg_adjustments_by_payment_day as cohorts
where
    payment_date >= {from:Date}
    and payment_date < {to:Date}
    and <of_merchant>
group by payment_date
order by drawn_at
"""

VAMP = """
select
    month_start_date,
    sum(vamp.count_vamp_cases) as count_vamp_cases,
    sum(vamp.count_settled_payments) as count_settled_payments,
    count_vamp_cases / nullIf(count_settled_payments, 0) as vamp_ratio,
    100 * vamp_ratio as vamp_percent,
    countIf(vamp.is_excessive) as count_excessive
from gold.agg_vamp_monthly as vamp
where <of_merchant>
group by month_start_date
order by month_start_date desc
limit {months:UInt8}
"""

# Of this month and the last, which is over; the excessive before those that come near.
VAMP_MERCHANTS = """
select
    month_start_date,
    merchant_id,
    merchant_name,
    count_settled_payments,
    count_disputes,
    count_reported_fraud,
    count_vamp_cases,
    100 * vamp_ratio as vamp_percent,
    is_excessive
from gold.agg_vamp_monthly as vamp
where
    month_start_date >= toStartOfMonth(now('UTC')) - interval 1 month
    and count_vamp_cases > 0
    and <of_merchant>
order by
    month_start_date desc,
    is_excessive desc,
    count_vamp_cases desc,
    vamp_ratio desc,
    merchant_id asc
limit {limit:UInt32} by month_start_date
"""

VELOCITY = "with\n" + one_page(
    "gold.agg_velocity_flags",
    order="times_limit desc, entity_type, entity_id, measure",
    columns=(
        "entity_type",
        "entity_id",
        "measure",
        "as_of_minute",
        "count_measured",
        "count_limit",
        "times_limit",
        "count_attempted_1m",
        "count_attempted_24h",
    ),
)

BURSTS = "with\n" + one_page(
    "gold.agg_card_testing_bursts\n"
    "    where payment_date >= {from:Date} and payment_date < {to:Date}",
    order="burst_first_at desc, ip",
    columns=(
        "ip",
        "ip_country",
        "is_proxy_or_vpn",
        "burst_first_at",
        "burst_last_at",
        "count_attempted",
        "count_accounts",
        "count_merchants",
        "attempted_amount_eur",
        "100 * declined_share as declined_percent",
    ),
)

# The bursts come as JSON: a list is one parameter, and nothing in it is SQL.
BURST_DETAILS = """
with
bursts as (
    select
        burst.1 as ip,
        parseDateTime64BestEffort(burst.2, 6, 'UTC') as burst_first_at,
        parseDateTime64BestEffort(burst.3, 6, 'UTC') as burst_last_at
    from (
        select arrayJoin(
            JSONExtract({bursts:String}, 'Array(Tuple(String, String, String))')
        ) as burst
    )
),

payments as (
    -- a change takes the row of before back: what adds up to none is gone
    select
        ip,
        occurred_at,
        transaction_id,
        merchant_id,
        device_id
    from gold.fct_watched_payments
    where
        occurred_at >= parseDateTime64BestEffort({first_at:String}, 6, 'UTC')
        and occurred_at <= parseDateTime64BestEffort({last_at:String}, 6, 'UTC')
        and amount < 15
    group by ip, occurred_at, transaction_id, merchant_id, device_id
    having sum(count_payments) > 0
),

described as (
    select
        bursts.ip as ip,
        bursts.burst_first_at as burst_first_at,
        topK(1)(payments.merchant_id)[1] as merchant_id,
        topK(1)(payments.device_id)[1] as device_id,
        uniqExact(payments.device_id) as count_devices,
        argMax(payments.transaction_id, payments.occurred_at) as transaction_id
    from bursts
    inner join payments on bursts.ip = payments.ip
    where
        payments.occurred_at >= bursts.burst_first_at
        and payments.occurred_at <= bursts.burst_last_at
    group by ip, burst_first_at
)

select
    described.ip as ip,
    described.burst_first_at as burst_first_at,
    described.merchant_id as merchant_id,
    merchants.merchant_name as merchant_name,
    described.device_id as device_id,
    described.count_devices as count_devices,
    described.transaction_id as transaction_id
from described
left join gold.dim_merchants as merchants on described.merchant_id = merchants.merchant_id
settings join_use_nulls = 1
"""

OUTLIERS = """
select
    outliers.transaction_id as transaction_id,
    outliers.account_id as account_id,
    outliers.merchant_id as merchant_id,
    merchants.merchant_name as merchant_name,
    outliers.currency_code as currency_code,
    outliers.status as status,
    outliers.occurred_at as occurred_at,
    outliers.amount as amount,
    outliers.amount_eur as amount_eur,
    outliers.count_usual as count_usual,
    toDecimal64(outliers.median_amount, 2) as median_amount,
    outliers.outlier_score as outlier_score
from gold.agg_amount_outliers as outliers
left join gold.dim_merchants as merchants on outliers.merchant_id = merchants.merchant_id
where <of_merchant>
order by outlier_score desc, transaction_id asc
limit {limit:UInt32}
settings join_use_nulls = 1
"""

SUSPECTS = "with\n" + one_page(
    "gold.agg_fraud_scores\n"
    "    where payment_date >= {from:Date} and payment_date < {to:Date} and fraud_score > 0",
    order="fraud_score desc, payment_date desc, count_attempted desc, account_id, ip, device_id",
    columns=(
        "payment_date",
        "account_id",
        "ip",
        "device_id",
        "account_country",
        "ip_country",
        "count_attempted",
        "count_declined",
        "count_device_accounts",
        *(f"{rule}_points" for rule in RULES),
        "fraud_score",
    ),
)

FRAUD_THRESHOLDS = """
with
scores as (
    select
        fraud_score,
        sum(count_scored) as count_payments,
        sum(count_scored_fraud) as count_fraud
    from gold.agg_fraud_thresholds_daily
    where payment_date >= {from:Date} and payment_date < {to:Date}
    group by fraud_score
),

counted as (
    select
        fraud_score,
        sum(count_payments) over at_or_above as count_accused,
        sum(count_fraud) over at_or_above as count_found,
        sum(count_fraud) over () as count_all_fraud
    from scores
    window at_or_above as (
        order by fraud_score desc
        rows between unbounded preceding and current row
    )
)

select
    fraud_score,
    100 * count_found / nullIf(count_accused, 0) as precision_percent,
    100 * count_found / nullIf(count_all_fraud, 0) as recall_percent
from counted
order by fraud_score
"""

FRAUD_QUALITY = """
select
    payment_date,
    evaluated_at,
    suspicious_score,
    count_measured_payments,
    count_fraud,
    100 * precision_share as precision_percent,
    100 * recall_share as recall_percent,
    100 * precision_at_100 as best_percent,
    area_under_curve,
    sum(quality.count_measured_payments) over () as total_payments,
    sum(quality.count_fraud) over () as total_fraud,
    sum(quality.count_true_positives) over () as total_found,
    total_found / nullIf(total_found + sum(quality.count_false_positives) over (), 0)
        as total_precision,
    total_found / nullIf(total_fraud, 0) as total_recall
from gold.agg_fraud_quality_daily as quality
where payment_date >= {from:Date} and payment_date < {to:Date}
order by payment_date desc
"""

TRIPS = "with\n" + one_page(
    "gold.agg_impossible_travel\n"
    "    where payment_date >= {from:Date} and payment_date < {to:Date}",
    order="arrived_at desc, account_id, from_country, to_country",
    columns=(
        "account_id",
        "from_country",
        "to_country",
        "departed_at",
        "arrived_at",
        "elapsed_minutes",
    ),
)

COUNTRIES = """
with
pairs as (
    select
        if(account_country = '', 'unknown', account_country) as home,
        if(ip_country = '', 'unknown', ip_country) as seen_in,
        sum(count_attempted) as count_attempted
    from gold.agg_geo_daily
    where payment_date >= {from:Date} and payment_date < {to:Date}
    group by home, seen_in
    having count_attempted > 0
)

select
    home,
    seen_in,
    count_attempted,
    home != 'unknown' and seen_in != 'unknown' and home != seen_in as is_mismatch,
    100 * count_attempted / nullIf(sum(count_attempted) over (partition by home), 0)
        as share_percent
from pairs
order by home, seen_in
"""


def now() -> Call:
    """What the rules flag now, and of the last 24 hours."""
    return Call("risk_now", NOW.strip())


def signals(days: Days, drawn: Days | None = None) -> Call:
    """Flagged attempts per day that is drawn (the days themselves if None), a day without any as
    zero, and beside each their totals over the days: `total_`, and `complete_` without today."""
    drawn = drawn or days
    return of_days(
        "risk_signals",
        SIGNALS,
        days.first,
        days.after,
        complete_to=days.open_from.isoformat(),
        drawn_from=drawn.first.isoformat(),
        drawn_days=(drawn.after - drawn.first).days,
    )


def mismatch(days: Days) -> Call:
    """Payments from another country than the account's over the days: `now` and `complete`."""
    return totals("geo_mismatch", MISMATCH, days)


def mismatch_by_day(days: Days, shift: timedelta = timedelta(0)) -> Call:
    """Mismatch and proxies in percent, one row per day; with a shift those so much earlier, on the
    same axis."""
    return of_days(
        "geo_mismatch_by_day",
        MISMATCH_BY_DAY,
        days.first - shift,
        days.after - shift,
        shift=shift.days,
    )


def refunds(days: Days, selection: Selection = ALL) -> Call:
    """Refunds made on the days and their share of the payments: `now` and `complete`."""
    sql, sent = narrowed.daily(REFUNDS, selection, "agg_refunds_daily")
    return totals("refunds", sql, days, **sent)


def refunds_by_day(days: Days, selection: Selection = ALL) -> Call:
    """Refunded volume, and refund activity in percent, one row per day."""
    sql, sent = narrowed.daily(REFUNDS_BY_DAY, selection, "agg_refunds_daily")
    return of_days("refunds_by_day", sql, days.first, days.after, **sent)


def disputes(days: Days, selection: Selection = ALL) -> Call:
    """Dispute activity and win rate over the days: `now` and `complete`."""
    sql, sent = narrowed.daily(DISPUTES, selection, "agg_disputes_daily")
    return totals("disputes", sql, days, **sent)


def disputes_by_day(days: Days, selection: Selection = ALL) -> Call:
    """Disputes decided, and activity and win rate in percent, one row per day."""
    sql, sent = narrowed.daily(DISPUTES_BY_DAY, selection, "agg_disputes_daily")
    return of_days("disputes_by_day", sql, days.first, days.after, **sent)


def cohorts(days: Days, selection: Selection = ALL) -> Call:
    """Refund and dispute rate of the payments made on the days: `now` and `complete`."""
    return totals("cohorts", _of_merchants(COHORTS), days, **_sent(selection))


def cohorts_by_day(days: Days, selection: Selection = ALL) -> Call:
    """The same in percent, one row per day of payment."""
    sql = _of_merchants(COHORTS_BY_DAY)
    return of_days("cohorts_by_day", sql, days.first, days.after, **_sent(selection))


def vamp(months: int, selection: Selection = ALL) -> Call:
    """The VAMP proxy of all merchants together, one row per month, newest first."""
    return _of_part("vamp", VAMP, selection, months=months)


def vamp_merchants(limit: int, selection: Selection = ALL) -> Call:
    """The VAMP proxy of this month and the last, of so many merchants with most cases each."""
    return _of_part("vamp_merchants", VAMP_MERCHANTS, selection, limit=limit)


def velocity(page: int, size: int) -> Call:
    """One page of who is above a limit now, furthest above first."""
    return Call("velocity_flags", VELOCITY.strip(), (("page", page), ("size", size)))


def bursts(days: Days, page: int, size: int) -> Call:
    """One page of the bursts of card testing of the days, newest first."""
    return of_days("bursts", BURSTS, days.first, days.after, page=page, size=size)


def burst_details(found: Sequence[Row]) -> Call:
    """Of bursts (at least one): the merchant and the device each uses most, its last payment."""
    moments = [
        (row["burst_first_at"].isoformat(), row["burst_last_at"].isoformat()) for row in found
    ]
    listed = [(row["ip"], *moment) for row, moment in zip(found, moments, strict=True)]
    parameters = {
        "bursts": orjson.dumps(listed).decode(),
        "first_at": min(first for first, _ in moments),
        "last_at": max(last for _, last in moments),
    }
    return Call("burst_details", BURST_DETAILS.strip(), tuple(parameters.items()))


def outliers(limit: int, selection: Selection = ALL) -> Call:
    """Attempts of the last 24 hours with an unusual amount, the most unusual first."""
    return _of_part("outliers", OUTLIERS, selection, limit=limit)


def suspects(days: Days, page: int, size: int) -> Call:
    """One page of the sessions of the days that have points, those with most first."""
    return of_days("suspects", SUSPECTS, days.first, days.after, page=page, size=size)


def fraud_thresholds(days: Days) -> Call:
    """Precision and recall in percent, for each fraud score of the days as a threshold."""
    return of_days("fraud_thresholds", FRAUD_THRESHOLDS, days.first, days.after)


def fraud_quality(days: Days) -> Call:
    """How good the fraud score was on each day, newest first, with totals over the days."""
    return of_days("fraud_quality", FRAUD_QUALITY, days.first, days.after)


def trips(days: Days, page: int, size: int) -> Call:
    """One page of the impossible trips of the days, newest first."""
    return of_days("trips", TRIPS, days.first, days.after, page=page, size=size)


def countries(days: Days) -> Call:
    """Attempts by country of the account and of the IP address, in percent of the account's."""
    return of_days("countries", COUNTRIES, days.first, days.after)


def _of_merchants(sql: str) -> str:
    return sql.replace("<of_merchant>", narrowed.OF_MERCHANT)


def _sent(selection: Selection) -> dict[str, str]:
    chosen = narrowed.parameters(selection)
    return {name: chosen[name] for name in ("category", "country")}


def _of_part(name: str, sql: str, selection: Selection, **sent: Parameter) -> Call:
    """A call on a mart of merchants, of those with a chosen category and country."""
    return Call(name, _of_merchants(sql).strip(), tuple({**sent, **_sent(selection)}.items()))
