"""Queries of the page Acceptance: daily marts, summed over whole UTC days."""

from __future__ import annotations

from datetime import timedelta

from dashboard.filters import Selection
from dashboard.periods import Days
from dashboard.queries.call import Call, of_days, totals, wilson
from dashboard.queries.narrowed import daily

ALL = Selection()

ACCEPTED = wilson("acceptance", "count_successful", "count_decided")
AUTHORIZED = wilson("authorization", "count_successful", "count_submitted")
APPROVED = wilson("deduplicated", "count_approved_intents", "count_intents")
RECOVERED = wilson("recovery", "count_recovered_intents", "count_soft_declined_intents")

ACCEPTANCE = (
    """
with
periods as (
    -- today still fills: 'now' counts it, 'complete' leaves it out for comparisons
    select
        arrayJoin(if(payment_date < {complete_to:Date}, ['now', 'complete'], ['now'])) as period,
        count_attempted,
        count_pending,
        count_decided,
        count_submitted,
        count_successful,
        pending_amount_eur,
        decided_amount_eur,
        submitted_amount_eur,
        successful_amount_eur
    from gold.agg_acceptance_daily
    where payment_date >= {from:Date} and payment_date < {to:Date}
),

totals as (
    -- an amount is unknown as soon as that of one day is
    select
        period,
        sum(periods.count_attempted) as count_attempted,
        sum(periods.count_pending) as count_pending,
        sum(periods.count_decided) as count_decided,
        sum(periods.count_submitted) as count_submitted,
        sum(periods.count_successful) as count_successful,
        if(
            countIf(periods.pending_amount_eur is null) > 0,
            null,
            sum(periods.pending_amount_eur)
        ) as pending_amount_eur,
        if(
            countIf(periods.decided_amount_eur is null) > 0,
            null,
            toFloat64(sum(periods.decided_amount_eur))
        ) as decided_eur,
        if(
            countIf(periods.submitted_amount_eur is null) > 0,
            null,
            toFloat64(sum(periods.submitted_amount_eur))
        ) as submitted_eur,
        if(
            countIf(periods.successful_amount_eur is null) > 0,
            null,
            toFloat64(sum(periods.successful_amount_eur))
        ) as successful_eur
    from periods
    group by period
)

select
    period,
    count_attempted,
    count_decided,
    count_submitted,
    count_successful,
    pending_amount_eur,
    count_pending / nullIf(count_attempted, 0) as pending_share,
    count_successful / nullIf(count_submitted, 0) as authorization_rate,
    count_successful / nullIf(count_decided, 0) as acceptance_rate,
    if(submitted_eur > 0, successful_eur / submitted_eur, null) as authorization_rate_by_value,
    if(decided_eur > 0, successful_eur / decided_eur, null) as acceptance_rate_by_value,
"""
    + ACCEPTED
    + ",\n"
    + AUTHORIZED
    + """
from totals
"""
)

INTENTS = (
    """
with
periods as (
    select
        arrayJoin(if(intent_date < {complete_to:Date}, ['now', 'complete'], ['now'])) as period,
        count_intents,
        count_approved_intents,
        intended_amount_eur,
        approved_amount_eur
    from gold.agg_intents_daily
    where intent_date >= {from:Date} and intent_date < {to:Date}
),

totals as (
    select
        period,
        sum(periods.count_intents) as count_intents,
        sum(periods.count_approved_intents) as count_approved_intents,
        if(
            countIf(periods.intended_amount_eur is null) > 0,
            null,
            toFloat64(sum(periods.intended_amount_eur))
        ) as intended_eur,
        if(
            countIf(periods.approved_amount_eur is null) > 0,
            null,
            toFloat64(sum(periods.approved_amount_eur))
        ) as approved_eur
    from periods
    group by period
)

select
    period,
    count_intents,
    count_approved_intents,
    count_approved_intents / nullIf(count_intents, 0) as deduplicated_success_rate,
    if(intended_eur > 0, approved_eur / intended_eur, null) as deduplicated_success_rate_by_value,
"""
    + APPROVED
    + """
from totals
"""
)

RECOVERY = (
    """
with
periods as (
    select
        arrayJoin(if(intent_date < {complete_to:Date}, ['now', 'complete'], ['now'])) as period,
        count_soft_declined_intents,
        count_recovered_intents
    from gold.agg_recovery_daily
    where intent_date >= {from:Date} and intent_date < {to:Date}
)

select
    period,
    sum(periods.count_soft_declined_intents) as count_soft_declined_intents,
    sum(periods.count_recovered_intents) as count_recovered_intents,
    count_recovered_intents / nullIf(count_soft_declined_intents, 0) as recovery_rate,
"""
    + RECOVERED
    + """
from periods
group by period
"""
)

TICKETS = """
with
periods as (
    select
        arrayJoin(if(payment_date < {complete_to:Date}, ['now', 'complete'], ['now'])) as period,
        ticket_eur,
        toUInt64(count_successful) as count_tickets
    from gold.agg_tickets_daily
    where payment_date >= {from:Date} and payment_date < {to:Date}
)

-- quantiles do not add up: those of several days are taken over all their tickets
select
    period,
    if(
        countIf(ticket_eur is null) > 0,
        null,
        quantileExactWeighted(0.5)(ticket_eur, count_tickets)
    ) as ticket_p50_eur,
    if(
        countIf(ticket_eur is null) > 0,
        null,
        quantileExactWeighted(0.95)(ticket_eur, count_tickets)
    ) as ticket_p95_eur
from periods
group by period
"""

RATES_BY_DAY = (
    """
select
    payment_date + {shift:UInt16} as drawn_at,
    count_decided,
    count_submitted,
    ifNull(intents.count_intents, 0) as count_intents,
    100 * acceptance.pending_share as pending_percent,
    toFloat64(acceptance.pending_amount_eur) as pending_eur,
    100 * acceptance.acceptance_rate as acceptance_percent,
    100 * acceptance.authorization_rate as authorization_percent,
    100 * intents.deduplicated_success_rate as deduplicated_percent,
    100 * acceptance.acceptance_rate_by_value as acceptance_by_value_percent,
    100 * acceptance.authorization_rate_by_value as authorization_by_value_percent,
    100 * intents.deduplicated_success_rate_by_value as deduplicated_by_value_percent,
"""
    + ",\n".join((ACCEPTED, AUTHORIZED, APPROVED))
    + """
from gold.agg_acceptance_daily as acceptance
left join gold.agg_intents_daily as intents
    on acceptance.payment_date = intents.intent_date
where payment_date >= {from:Date} and payment_date < {to:Date}
order by payment_date
"""
)

RECOVERY_BY_DAY = """
select
    intent_date as drawn_at,
    count_recovered_intents,
    count_soft_declined_intents - count_recovered_intents as count_lost_intents,
    100 * recovery_rate as recovery_percent
from gold.agg_recovery_daily
where intent_date >= {from:Date} and intent_date < {to:Date}
order by intent_date
"""

TICKETS_BY_DAY = """
select
    payment_date as drawn_at,
    ticket_p50_eur,
    ticket_p95_eur
from gold.agg_ticket_quantiles_daily
where payment_date >= {from:Date} and payment_date < {to:Date}
order by payment_date
"""

DECLINES = (
    """
with
decided as (
    select sum(count_decided) as count_decided
    from gold.agg_acceptance_daily
    where payment_date >= {from:Date} and payment_date < {to:Date}
),

reasons as (
    select
        decline_code,
        any(declines.decline_group) as decline_group,
        any(declines.advice) as advice,
        sum(declines.count_declined) as count_declined,
        if(
            countIf(declines.declined_amount_eur is null) > 0,
            null,
            sum(declines.declined_amount_eur)
        ) as declined_amount_eur
    from gold.agg_declines_daily as declines
    where payment_date >= {from:Date} and payment_date < {to:Date}
    group by decline_code
)

select
    decline_code,
    decline_group,
    advice,
    count_declined,
    count_decided,
    declined_amount_eur,
    100 * count_declined / nullIf(sum(count_declined) over (), 0) as share_percent,
    100 * count_declined / nullIf(count_decided, 0) as decline_percent,
"""
    + wilson("decline", "count_declined", "count_decided")
    + """
from reasons
cross join decided
order by count_declined desc, decline_code asc
"""
)

HOUR_OF_WEEK = (
    """
select
    weekday,
    hour,
    count_slots,
    count_decided,
    payments_per_slot,
    volume_per_slot_eur,
    acceptance_rate,
"""
    + wilson("acceptance", "count_successful", "count_decided")
    + """
from gold.agg_hour_of_week
order by weekday, hour
"""
)


def acceptance(days: Days, selection: Selection = ALL) -> Call:
    """Rates over the days: a row `now` and a row `complete` (without today)."""
    sql, sent = daily(ACCEPTANCE, selection, "agg_acceptance_daily")
    return totals("acceptance", sql, days, **sent)


def intents(days: Days, selection: Selection = ALL) -> Call:
    """The success of intents over the days: `now` and `complete`."""
    sql, sent = daily(INTENTS, selection, "agg_intents_daily")
    return totals("intents", sql, days, **sent)


def recovery(days: Days, selection: Selection = ALL) -> Call:
    """Soft declines of the days and how many came back: `now` and `complete`."""
    sql, sent = daily(RECOVERY, selection, "agg_recovery_daily")
    return totals("recovery", sql, days, **sent)


def tickets(days: Days, selection: Selection = ALL) -> Call:
    """Quantiles of the successful payments of all the days: `now` and `complete`."""
    sql, sent = daily(TICKETS, selection, "agg_tickets_daily")
    return totals("tickets", sql, days, **sent)


def rates_by_day(days: Days, shift: timedelta = timedelta(0), selection: Selection = ALL) -> Call:
    """Rates in percent, one row per day; with a shift those so much earlier, on the same axis."""
    sql, sent = daily(RATES_BY_DAY, selection, "agg_acceptance_daily", "agg_intents_daily")
    first, after = days.first - shift, days.after - shift
    return of_days("rates_by_day", sql, first, after, shift=shift.days, **sent)


def recovery_by_day(days: Days, selection: Selection = ALL) -> Call:
    """Soft-declined intents by what became of them, one row per day that has any."""
    sql, sent = daily(RECOVERY_BY_DAY, selection, "agg_recovery_daily")
    return of_days("recovery_by_day", sql, days.first, days.after, **sent)


def tickets_by_day(days: Days, selection: Selection = ALL) -> Call:
    """Quantiles of the successful payments, one row per day."""
    sql, sent = daily(TICKETS_BY_DAY, selection, "agg_ticket_quantiles_daily")
    return of_days("tickets_by_day", sql, days.first, days.after, **sent)


def declines(days: Days, selection: Selection = ALL) -> Call:
    """Declined payments of the days by reason, most first; shares in percent."""
    sql, sent = daily(DECLINES, selection, "agg_acceptance_daily", "agg_declines_daily")
    return of_days("declines", sql, days.first, days.after, **sent)


def hour_of_week(selection: Selection = ALL) -> Call:
    """Acceptance, payments and volume by weekday and hour over the weeks that the mart covers."""
    sql, sent = daily(HOUR_OF_WEEK, selection, "agg_hour_of_week")
    return Call("hour_of_week", sql.strip(), tuple(sent.items()))
