"""Queries of the Overview; the freshness of every page's header is among them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from dashboard.filters import Selection
from dashboard.periods import Days, Window
from dashboard.queries.call import Call, Parameter, between, of_days, seconds, text, wilson
from dashboard.queries.narrowed import (
    BOOKED,
    OF_CURRENCY,
    OF_MERCHANT,
    Money,
    live,
    parameters,
)

ALL = Selection()

SUCCESS_INTERVAL = wilson("success", "count_successful", "count_decided")

# Figures of `totals`: what stands there, and the ratios of it.
FIGURES = """    count_attempted,
    count_decided,
    count_successful,
    known_amount_eur,
    count_minutes_without_rate,
    if(count_minutes_without_rate > 0, null, known_amount_eur) as successful_amount_eur,
    -- divideDecimal divides what stands behind a NULL too: never hand it a 0
    if(
        count_successful = 0,
        null,
        divideDecimal(
            successful_amount_eur, toDecimal128(greatest(count_successful, 1), 0), 8
        )
    ) as average_ticket_eur,
    count_successful / nullIf(count_decided, 0) as success_rate
from totals
"""

KPIS = (
    """
with
periods as (
    -- the last minute still fills: 'now' counts it, 'complete' leaves it out for comparisons
    select
        arrayJoin(if(minute < {complete_to:DateTime('UTC')}, ['now', 'complete'], ['now']))
            as period,
        count_attempted,
        count_decided,
        count_successful,
        attempted_amount_eur,
        successful_amount_eur
    from gold.live_kpis_by_minute
    where minute >= {from:DateTime('UTC')} and minute < {to:DateTime('UTC')}
),

totals as (
    select
        period,
        sum(periods.count_attempted) as count_attempted,
        sum(periods.count_decided) as count_decided,
        sum(periods.count_successful) as count_successful,
        if(
            countIf(periods.attempted_amount_eur is null) > 0,
            null,
            sum(periods.attempted_amount_eur)
        ) as attempted_amount_eur,
        ifNull(sum(periods.successful_amount_eur), 0) as known_amount_eur,
        countIf(periods.successful_amount_eur is null and periods.count_successful > 0)
            as count_minutes_without_rate
    from periods
    group by period
)

select
    period,
    attempted_amount_eur,
"""
    + SUCCESS_INTERVAL
    + ",\n"
    + FIGURES
)

TREND = (
    """
with
buckets as (
    select
        toStartOfInterval(
            minute, toIntervalSecond({bucket:UInt32}), {from:DateTime('UTC')}
        ) as bucket_at,
        sum(live.count_attempted) as count_attempted,
        sum(live.count_decided) as count_decided,
        sum(live.count_successful) as count_successful,
        sum(live.attempted_amount_eur) as known_attempted_eur,
        countIf(live.attempted_amount_eur is null) as count_attempted_without_rate,
        sum(live.successful_amount_eur) as known_amount_eur,
        countIf(live.successful_amount_eur is null and live.count_successful > 0)
            as count_minutes_without_rate
    from gold.live_kpis_by_minute as live
    where minute >= {from:DateTime('UTC')} and minute < {to:DateTime('UTC')}
    group by bucket_at
    order by bucket_at
        with fill
        from {from:DateTime('UTC')} to {fill_to:DateTime('UTC')}
        step toIntervalSecond({bucket:UInt32})
)

-- floats are for drawing only
select
    bucket_at + toIntervalSecond({shift:UInt32}) as drawn_at,
    count_attempted,
    count_successful,
    if(count_attempted_without_rate > 0, null, toFloat64(ifNull(known_attempted_eur, 0)))
        as attempted_eur,
    if(count_minutes_without_rate > 0, null, toFloat64(ifNull(known_amount_eur, 0)))
        as volume_eur,
    volume_eur / nullIf(count_successful, 0) as average_ticket_eur,
    count_decided,
    100 * count_successful / nullIf(count_decided, 0) as success_percent,
"""
    + SUCCESS_INTERVAL
    + """
from buckets
order by bucket_at
"""
)

ACTIVE_ACCOUNTS = """
with
active_accounts as (
    select account_id
    from gold.fct_account_activity_by_day
    where
        activity_date >= {from:Date}
        and activity_date < {to:Date}
        and status = 'success'
        and (
            {currency:String} = ''
            or has(splitByChar('\\n', {currency:String}), toString(currency_code))
        )
    group by account_id
    having sum(count_payments) > 0
)

select count() as count_active_accounts
from active_accounts
"""

ACTIVE_ACCOUNTS_BY_DAY = """
select
    kpi_date,
    count_active_accounts
from gold.agg_kpis_daily
where kpi_date >= {from:Date} and kpi_date < {to:Date}
order by kpi_date
"""

FIRST_DAY = """
select minOrNull(activity_date) as first_day
from gold.fct_account_activity_by_day
"""

TOP_MERCHANTS = (
    """
with
buckets as (
    select
        merchant_id,
        intDiv(
            toUInt32(minute) - toUInt32({from:DateTime('UTC')}), {bucket:UInt32}
        ) as slot,
        any(live.merchant_name) as merchant_name,
        any(live.merchant_category) as merchant_category,
        sum(live.count_attempted) as count_attempted,
        sum(live.count_decided) as count_decided,
        sum(live.count_successful) as count_successful,
        ifNull(sum(live.successful_amount_eur), 0) as known_amount_eur,
        countIf(live.successful_amount_eur is null and live.count_successful > 0)
            as count_minutes_without_rate
    from gold.live_merchants_by_minute as live
    where minute >= {from:DateTime('UTC')} and minute < {to:DateTime('UTC')}
    group by merchant_id, slot
),

merchants as (
    select
        merchant_id,
        any(buckets.merchant_name) as merchant_name,
        any(buckets.merchant_category) as merchant_category,
        sum(buckets.count_attempted) as count_attempted,
        sum(buckets.count_decided) as count_decided,
        sum(buckets.count_successful) as count_successful,
        sum(buckets.known_amount_eur) as known_amount_eur,
        sum(buckets.count_minutes_without_rate) as count_minutes_without_rate,
        groupArray(slot) as slots,
        groupArray(toFloat64(buckets.known_amount_eur)) as slot_amounts
    from buckets
    group by merchant_id
    order by known_amount_eur desc, count_attempted desc, merchant_id asc
    limit {limit:UInt32}
)

select
    merchant_id,
    merchant_name,
    merchant_category,
    count_attempted,
    if(count_minutes_without_rate > 0, null, known_amount_eur) as successful_amount_eur,
    count_decided,
    100 * count_successful / nullIf(count_decided, 0) as success_percent,
"""
    + SUCCESS_INTERVAL
    + """,
    -- an index of 0 (slot without a payment) reads the array's default, 0
    arrayMap(
        slot -> slot_amounts[indexOf(slots, slot)], range({slots:UInt32})
    ) as volume_trend
from merchants
order by known_amount_eur desc, count_attempted desc, merchant_id asc
"""
)

RECENT_PAYMENTS = """
select
    transaction_id,
    occurred_at,
    committed_at,
    merchant_id,
    merchant_name,
    amount,
    currency_code,
    amount_eur,
    status,
    decline_code
from gold.live_recent_payments
where
    <of_merchant>
    and <of_currency>
order by committed_at desc, transaction_id asc
limit {limit:UInt32}
""".replace("<of_merchant>", OF_MERCHANT).replace("<of_currency>", OF_CURRENCY)

FRESHNESS = """
select
    hop,
    hop_order,
    newest_commit_at,
    lag_seconds,
    hop_seconds
from gold.pipeline_freshness
order by hop_order
"""


def kpis(window: Window, selection: Selection = ALL, money: Money = BOOKED) -> Call:
    """Totals of a window: a row `now` and a row `complete` (without the filling minute)."""
    sql, sent = live(KPIS, "live_kpis_by_minute", selection, money)
    complete_to = text(window.complete_end)
    return between("kpis", sql, window.start, window.end, complete_to=complete_to, **sent)


def trend(window: Window, selection: Selection = ALL, money: Money = BOOKED) -> Call:
    """One row per bucket of a window, empty buckets included."""
    return _trend(window, window.end, timedelta(0), selection, money)


def trend_before(
    window: Window, shift: timedelta, selection: Selection = ALL, money: Money = BOOKED
) -> Call:
    """The whole buckets `shift` earlier, moved onto the window's time axis."""
    return _trend(window, window.fill_to - shift, shift, selection, money)


def active_accounts(days: Days, selection: Selection = ALL) -> Call:
    """One row: distinct accounts with a successful payment on the days, in chosen currencies."""
    currency = selection.parameters["currency"]
    return of_days("active_accounts", ACTIVE_ACCOUNTS, days.first, days.after, currency=currency)


def active_accounts_by_day(first: date, after: date) -> Call:
    """One row per UTC day of [first, after): its active accounts."""
    return of_days("active_accounts_by_day", ACTIVE_ACCOUNTS_BY_DAY, first, after)


def first_day() -> Call:
    """One row: the first UTC day with a payment, NULL if there is none."""
    return Call("first_day", FIRST_DAY.strip())


def top_merchants(
    window: Window, limit: int, selection: Selection = ALL, money: Money = BOOKED
) -> Call:
    """The merchants with the largest volume; `volume_trend` holds one float per bucket."""
    sql, sent = live(TOP_MERCHANTS, "live_merchants_by_minute", selection, money)
    return between(
        "top_merchants",
        sql,
        window.start,
        window.end,
        bucket=seconds(window.bucket),
        slots=window.slots,
        limit=limit,
        **sent,
    )


def recent_payments(limit: int, selection: Selection = ALL) -> Call:
    """The payments changed last, newest change first."""
    sent: dict[str, Parameter] = {"limit": limit, **parameters(selection)}
    return Call("recent_payments", RECENT_PAYMENTS.strip(), tuple(sent.items()))


def freshness() -> Call:
    """One row per hop, in order: how far behind the source what lies after it is, in seconds."""
    return Call("freshness", FRESHNESS.strip())


def _trend(
    window: Window, end: datetime, shift: timedelta, selection: Selection, money: Money
) -> Call:
    sql, sent = live(TREND, "live_kpis_by_minute", selection, money)
    return between(
        "trend",
        sql,
        window.start - shift,
        end,
        fill_to=text(window.fill_to - shift),
        bucket=seconds(window.bucket),
        shift=seconds(shift),
        **sent,
    )
