"""Marts of gold as a selection narrows them: the same columns, from facts that know more.

A query that is asked for everything reads the mart itself. For a part of it the mart's name stands
for a step of the same columns, put before the others: what its rows are made from, filtered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from dashboard.filters import Selection
from dashboard.queries.call import Parameter

NAMES = ("category", "country", "currency")

# Of rows with a merchant_id: a merchant that has not arrived has the values `unknown`.
OF_MERCHANT = """(
        ({category:String} = '' and {country:String} = '')
        or merchant_id in (
            select merchant_id
            from gold.dim_merchants
            where
                (
                    {category:String} = ''
                    or has(splitByChar('\\n', {category:String}), toString(merchant_category))
                )
                and (
                    {country:String} = ''
                    or has(splitByChar('\\n', {country:String}), toString(merchant_country))
                )
        )
        or (
            ({category:String} = '' or has(splitByChar('\\n', {category:String}), 'unknown'))
            and ({country:String} = '' or has(splitByChar('\\n', {country:String}), 'unknown'))
            and merchant_id not in (select merchant_id from gold.dim_merchants)
        )
    )"""
OF_CURRENCY = """(
        {currency:String} = ''
        or has(splitByChar('\\n', {currency:String}), toString(currency_code))
    )"""


@dataclass(frozen=True, slots=True)
class Money:
    """How amounts are valued: at the rate of the payment's day, of the day `valuation`, or not at
    all, in one currency."""

    mode: Literal["booked", "constant", "original"]
    valuation: date | None = None
    currency: str | None = None

    @property
    def sign(self) -> str:
        """What stands before an amount."""
        return self.currency or "€"

    @property
    def code(self) -> str:
        """The currency of the amounts."""
        return self.currency or "EUR"


BOOKED = Money("booked")


def parameters(selection: Selection) -> dict[str, str]:
    """The values of the conditions, one a line; nothing means all."""
    return {name: value for name, value in selection.parameters.items() if name in NAMES}


def live(
    sql: str, mart: str, selection: Selection, money: Money = BOOKED
) -> tuple[str, dict[str, Parameter]]:
    """A query on `mart`, `live_kpis_by_minute` or `live_merchants_by_minute`, of a selection.

    Amounts keep the name of the mart's columns and are in the currency of `money`.
    """
    if not selection.chosen and money == BOOKED:
        return sql, {}
    keys = "minute, merchant_id" if mart == "live_merchants_by_minute" else "minute"
    sent: dict[str, Parameter] = {**parameters(selection)}
    valued_on = "toDate(minute)"
    if money.mode == "constant" and money.valuation:
        valued_on = "{valuation:Date}"
        sent["valuation"] = money.valuation.isoformat()
    step = _LIVE_ORIGINAL if money.mode == "original" else _LIVE
    joined = _WITH_MERCHANTS if "merchant_id" in keys else _AS_IT_IS
    parts = {
        "keys": keys,
        "valued_on": valued_on,
        "of_merchant": OF_MERCHANT,
        "of_currency": OF_CURRENCY,
        "joined": joined,
    }
    return _put(sql, f"gold.{mart}", _filled(step, parts)), sent


def daily(sql: str, selection: Selection, *marts: str) -> tuple[str, dict[str, Parameter]]:
    """A query on daily marts (keys of STEPS), of a selection."""
    if not selection.chosen:
        return sql, {}
    parts = {"of_merchant": OF_MERCHANT, "of_currency": OF_CURRENCY}
    for mart in reversed(marts):
        sql = _put(sql, f"gold.{mart}", _filled(STEPS[mart], parts))
    known = parameters(selection).items()
    return sql, {name: value for name, value in known if f"{{{name}:" in sql}


def _filled(step: str, parts: Mapping[str, str]) -> str:
    for name, part in parts.items():
        step = step.replace(f"<{name}>", part)
    return step.strip()


def _put(sql: str, relation: str, step: str) -> str:
    """The step before all others, and its name in place of the relation's."""
    sql = sql.strip()
    assert relation in sql, relation
    sql = sql.replace(relation, relation.removeprefix("gold.") + "_part")
    if sql.startswith("with\n"):
        return f"with\n{step},\n\n{sql.removeprefix('with').lstrip()}"
    return f"with\n{step}\n\n{sql}"


_COUNTED = """
counted as (
    select
        <keys>,
        currency_code,
        sum(live.count_payments) as count_attempted,
        sumIf(live.count_payments, status != 'pending') as count_decided,
        sumIf(live.count_payments, status = 'success') as count_successful,
        sum(live.total_amount) as attempted_amount,
        sumIf(live.total_amount, status = 'success') as successful_amount
    from gold.live_payments_by_minute as live
    where minute >= {from:DateTime('UTC')} and minute < {to:DateTime('UTC')}
    and <of_merchant>
    and <of_currency>
    group by <keys>, currency_code
),
"""

# The steps are one text each, so that what a reader is shown is what runs.
_LIVE = (
    _COUNTED
    + """
valued as (
    select
        dated.*,
        -- nothing is nothing in any currency
        if(
            dated.attempted_amount = 0,
            0,
            toDecimal128(dated.attempted_amount, 2) * rates.rate_to_eur
        ) as attempted_eur,
        if(
            dated.successful_amount = 0,
            0,
            toDecimal128(dated.successful_amount, 2) * rates.rate_to_eur
        ) as amount_eur
    from (select counted.*, <valued_on> as valued_on from counted) as dated
    asof left join gold.dim_fx_rates as rates
        on dated.currency_code = rates.currency_code and dated.valued_on >= rates.rate_date
),

summed as (
    select
        <keys>,
        sum(valued.count_attempted) as count_attempted,
        sum(valued.count_decided) as count_decided,
        sum(valued.count_successful) as count_successful,
        if(countIf(valued.attempted_eur is null) > 0, null, sum(valued.attempted_eur))
            as attempted_amount_eur,
        if(countIf(valued.amount_eur is null) > 0, null, sum(valued.amount_eur))
            as successful_amount_eur
    from valued
    group by <keys>
),

<joined>
"""
)

_LIVE_ORIGINAL = (
    _COUNTED
    + """
summed as (
    select
        <keys>,
        count_attempted,
        count_decided,
        count_successful,
        -- of one currency, in that currency
        toDecimal128(attempted_amount, 8) as attempted_amount_eur,
        toDecimal128(successful_amount, 8) as successful_amount_eur
    from counted
),

<joined>
"""
)

_AS_IT_IS = """live_kpis_by_minute_part as (
    select * from summed
)"""

_WITH_MERCHANTS = """live_merchants_by_minute_part as (
    select
        summed.*,
        merchants.merchant_name as merchant_name,
        merchants.merchant_category as merchant_category
    from summed
    left join gold.dim_merchants as merchants on summed.merchant_id = merchants.merchant_id
)"""

_PAYMENTS = """
payments_of_part as (
    select
        payment_date,
        currency_code,
        sum(facts.count_payments) as count_attempted,
        sumIf(facts.count_payments, status = 'pending') as count_pending,
        sumIf(facts.count_payments, status = 'success') as count_successful,
        sumIf(facts.count_payments, status = 'failed' and ifNull(codes.is_blocked, false))
            as count_blocked,
        sum(facts.total_amount) as attempted_amount,
        sumIf(facts.total_amount, status = 'pending') as pending_amount,
        sumIf(facts.total_amount, status = 'success') as successful_amount,
        sumIf(facts.total_amount, status = 'failed' and ifNull(codes.is_blocked, false))
            as blocked_amount
    from gold.fct_payments_by_day as facts
    left join gold.decline_codes as codes on facts.decline_code = codes.decline_code
    where payment_date >= {from:Date} and payment_date < {to:Date}
    and <of_merchant>
    and <of_currency>
    group by payment_date, currency_code
    having count_attempted != 0
),

payments_valued as (
    select
        payments_of_part.*,
        if(attempted_amount = 0, 0, toDecimal128(attempted_amount, 2) * rates.rate_to_eur)
            as attempted_eur,
        if(pending_amount = 0, 0, toDecimal128(pending_amount, 2) * rates.rate_to_eur)
            as pending_eur,
        if(successful_amount = 0, 0, toDecimal128(successful_amount, 2) * rates.rate_to_eur)
            as successful_eur,
        if(blocked_amount = 0, 0, toDecimal128(blocked_amount, 2) * rates.rate_to_eur)
            as blocked_eur
    from payments_of_part
    asof left join gold.dim_fx_rates as rates
        on
            payments_of_part.currency_code = rates.currency_code
            and payments_of_part.payment_date >= rates.rate_date
),

payments_summed as (
    select
        payment_date,
        sum(payments_valued.count_attempted) as count_attempted,
        sum(payments_valued.count_pending) as count_pending,
        sum(payments_valued.count_blocked) as count_blocked,
        sum(payments_valued.count_successful) as count_successful,
        if(countIf(attempted_eur is null) > 0, null, sum(attempted_eur)) as attempted_amount_eur,
        if(countIf(pending_eur is null) > 0, null, sum(pending_eur)) as pending_amount_eur,
        if(countIf(blocked_eur is null) > 0, null, sum(blocked_eur)) as blocked_amount_eur,
        if(countIf(successful_eur is null) > 0, null, sum(successful_eur))
            as successful_amount_eur
    from payments_valued
    group by payment_date
)"""

_ACCEPTANCE = (
    _PAYMENTS
    + """,

agg_acceptance_daily_part as (
    select
        payment_date,
        count_attempted,
        count_pending,
        count_successful,
        pending_amount_eur,
        successful_amount_eur,
        count_attempted - count_pending as count_decided,
        count_attempted - count_pending - count_blocked as count_submitted,
        attempted_amount_eur - pending_amount_eur as decided_amount_eur,
        attempted_amount_eur - pending_amount_eur - blocked_amount_eur as submitted_amount_eur,
        if(count_attempted > 0, count_pending / count_attempted, null) as pending_share,
        if(count_decided > 0, count_successful / count_decided, null) as acceptance_rate,
        if(count_submitted > 0, count_successful / count_submitted, null) as authorization_rate,
        if(
            decided_amount_eur > 0,
            toFloat64(successful_amount_eur) / toFloat64(decided_amount_eur),
            null
        ) as acceptance_rate_by_value,
        if(
            submitted_amount_eur > 0,
            toFloat64(successful_amount_eur) / toFloat64(submitted_amount_eur),
            null
        ) as authorization_rate_by_value
    from payments_summed
)
"""
)

# Accounts are not known by the category or country of merchants.
_KPIS = (
    _PAYMENTS
    + """,

agg_kpis_daily_part as (
    select
        payment_date as kpi_date,
        count_attempted,
        count_attempted - count_pending as count_decided,
        count_successful,
        attempted_amount_eur,
        successful_amount_eur,
        if(
            count_successful > 0,
            divideDecimal(
                successful_amount_eur, toDecimal128(greatest(count_successful, 1), 0), 8
            ),
            null
        ) as average_ticket_eur,
        cast(null as Nullable(Int64)) as count_active_accounts,
        if(count_decided > 0, count_successful / count_decided, null) as success_rate
    from payments_summed
)
"""
)

_INTENTS = """
intents_of_part as (
    select
        intent_date,
        currency_code,
        sum(facts.count_intents) as count_intents,
        sum(facts.count_approved_intents) as count_approved_intents,
        sum(facts.total_amount) as intended_amount,
        sum(facts.approved_amount) as approved_amount
    from gold.fct_intents_by_day as facts
    where intent_date >= {from:Date} and intent_date < {to:Date}
    and <of_merchant>
    and <of_currency>
    group by intent_date, currency_code
    having count_intents != 0
),

intents_valued as (
    select
        intents_of_part.*,
        if(intended_amount = 0, 0, toDecimal128(intended_amount, 2) * rates.rate_to_eur)
            as intended_eur,
        if(approved_amount = 0, 0, toDecimal128(approved_amount, 2) * rates.rate_to_eur)
            as approved_eur
    from intents_of_part
    asof left join gold.dim_fx_rates as rates
        on
            intents_of_part.currency_code = rates.currency_code
            and intents_of_part.intent_date >= rates.rate_date
),

agg_intents_daily_part as (
    select
        intent_date,
        sum(intents_valued.count_intents) as count_intents,
        sum(intents_valued.count_approved_intents) as count_approved_intents,
        if(countIf(intended_eur is null) > 0, null, sum(intended_eur)) as intended_amount_eur,
        if(countIf(approved_eur is null) > 0, null, sum(approved_eur)) as approved_amount_eur,
        if(count_intents > 0, count_approved_intents / count_intents, null)
            as deduplicated_success_rate,
        if(
            intended_amount_eur > 0,
            toFloat64(approved_amount_eur) / toFloat64(intended_amount_eur),
            null
        ) as deduplicated_success_rate_by_value
    from intents_valued
    group by intent_date
)
"""

_RECOVERY = """
agg_recovery_daily_part as (
    select
        intent_date,
        sum(facts.count_intents) as count_soft_declined_intents,
        sum(facts.count_approved_intents) as count_recovered_intents,
        if(
            count_soft_declined_intents > 0,
            count_recovered_intents / count_soft_declined_intents,
            null
        ) as recovery_rate
    from gold.fct_intents_by_day as facts
    inner join gold.decline_codes as codes on facts.first_decline_code = codes.decline_code
    where
    facts.first_status = 'failed'
    and codes.decline_group = 'soft'
    and intent_date >= {from:Date} and intent_date < {to:Date}
    and <of_merchant>
    and <of_currency>
    group by intent_date
    having count_soft_declined_intents != 0
)
"""

_TICKETS = """
agg_tickets_daily_part as (
    select
        payment_date,
        ticket_eur,
        count_successful
    from gold.agg_tickets_daily
    where payment_date >= {from:Date} and payment_date < {to:Date}
    and <of_merchant>
    and <of_currency>
)
"""

_QUANTILES = """
agg_ticket_quantiles_daily_part as (
    select
        payment_date,
        if(
            countIf(ticket_eur is null) > 0,
            null,
            quantileExactWeighted(0.5)(ticket_eur, toUInt64(count_successful))
        ) as ticket_p50_eur,
        if(
            countIf(ticket_eur is null) > 0,
            null,
            quantileExactWeighted(0.95)(ticket_eur, toUInt64(count_successful))
        ) as ticket_p95_eur
    from gold.agg_tickets_daily
    where payment_date >= {from:Date} and payment_date < {to:Date}
    and <of_merchant>
    and <of_currency>
    group by payment_date
)
"""

_DECLINES = """
declines_of_part as (
    select
        payment_date,
        currency_code,
        decline_code,
        sum(facts.count_payments) as count_declined,
        sum(facts.total_amount) as declined_amount
    from gold.fct_payments_by_day as facts
    where
    status = 'failed'
    and payment_date >= {from:Date} and payment_date < {to:Date}
    and <of_merchant>
    and <of_currency>
    group by payment_date, currency_code, decline_code
    having count_declined != 0
),

declines_valued as (
    select
        declines_of_part.*,
        if(declined_amount = 0, 0, toDecimal128(declined_amount, 2) * rates.rate_to_eur)
            as declined_amount_eur
    from declines_of_part
    asof left join gold.dim_fx_rates as rates
        on
            declines_of_part.currency_code = rates.currency_code
            and declines_of_part.payment_date >= rates.rate_date
),

agg_declines_daily_part as (
    select
        valued.payment_date as payment_date,
        valued.decline_code as decline_code,
        ifNull(codes.decline_group, 'unknown') as decline_group,
        codes.advice as advice,
        valued.count_declined as count_declined,
        valued.declined_amount_eur as declined_amount_eur
    from declines_valued as valued
    left join gold.decline_codes as codes on valued.decline_code = codes.decline_code
)
"""

# The same four whole weeks as the mart.
_HOURS = """
hours_of_part as (
    select
        payment_hour,
        currency_code,
        sum(facts.count_payments) as count_attempted,
        sumIf(facts.count_payments, status != 'pending') as count_decided,
        sumIf(facts.count_payments, status = 'success') as count_successful,
        sumIf(facts.total_amount, status = 'success') as successful_amount
    from gold.fct_payments_by_hour as facts
    where
    payment_hour >= toStartOfDay(now('UTC')) - interval 28 day
    and payment_hour < toStartOfDay(now('UTC'))
    and <of_merchant>
    and <of_currency>
    group by payment_hour, currency_code
    having count_attempted != 0
),

hours_valued as (
    select
        hours_of_part.*,
        if(successful_amount = 0, 0, toDecimal128(successful_amount, 2) * rates.rate_to_eur)
            as successful_eur
    from hours_of_part
    asof left join gold.dim_fx_rates as rates
        on
            hours_of_part.currency_code = rates.currency_code
            and toDate(hours_of_part.payment_hour) >= rates.rate_date
),

agg_hour_of_week_part as (
    select
        toDayOfWeek(payment_hour) as weekday,
        toHour(payment_hour) as hour,
        4 as count_slots,
        sum(hours_valued.count_decided) as count_decided,
        sum(hours_valued.count_successful) as count_successful,
        sum(hours_valued.count_attempted) / count_slots as payments_per_slot,
        if(countIf(successful_eur is null) > 0, null, sum(successful_eur) / count_slots)
            as volume_per_slot_eur,
        if(count_decided > 0, count_successful / count_decided, null) as acceptance_rate
    from hours_valued
    group by weekday, hour
)
"""

# Of merchants only payments that succeeded are known by what came after them.
_REFUNDS = """
agg_refunds_daily_part as (
    select
        merchants.booked_on as refund_date,
        sum(merchants.refunds) as count_refunds,
        if(countIf(merchants.refunded_eur is null) > 0, null, sum(merchants.refunded_eur))
            as refunded_amount_eur,
        sum(merchants.successful) as count_successful,
        if(countIf(merchants.successful_eur is null) > 0, null, sum(merchants.successful_eur))
            as successful_amount_eur,
        if(count_successful > 0, count_refunds / count_successful, null) as refund_activity,
        if(
            successful_amount_eur > 0,
            toFloat64(refunded_amount_eur) / toFloat64(successful_amount_eur),
            null
        ) as refund_activity_by_value
    from (
        select
            booking_date as booked_on,
            count_refunds as refunds,
            refunded_amount_eur as refunded_eur,
            toInt64(0) as successful,
            toDecimal128(0, 8) as successful_eur
        from gold.agg_adjustments_by_booking_day
        where booking_date >= {from:Date} and booking_date < {to:Date}
        and <of_merchant>
        union all
        select
            payment_date,
            toInt64(0),
            toDecimal128(0, 8),
            count_successful,
            successful_amount_eur
        from gold.agg_payments_daily
        where payment_date >= {from:Date} and payment_date < {to:Date}
        and <of_merchant>
    ) as merchants
    group by refund_date
)
"""

# Who won is not known per merchant.
_DISPUTES = """
agg_disputes_daily_part as (
    select
        merchants.booked_on as dispute_date,
        sum(merchants.opened) as count_opened,
        cast(null as Nullable(Int64)) as count_won,
        cast(null as Nullable(Int64)) as count_lost,
        sum(merchants.successful) as count_successful,
        if(count_successful > 0, count_opened / count_successful, null) as dispute_activity,
        cast(null as Nullable(Float64)) as win_rate
    from (
        select
            booking_date as booked_on,
            count_opened as opened,
            toInt64(0) as successful
        from gold.agg_adjustments_by_booking_day
        where booking_date >= {from:Date} and booking_date < {to:Date}
        and <of_merchant>
        union all
        select payment_date, toInt64(0), count_successful
        from gold.agg_payments_daily
        where payment_date >= {from:Date} and payment_date < {to:Date}
        and <of_merchant>
    ) as merchants
    group by dispute_date
)
"""

STEPS: Mapping[str, str] = {
    "agg_refunds_daily": _REFUNDS,
    "agg_disputes_daily": _DISPUTES,
    "agg_acceptance_daily": _ACCEPTANCE,
    "agg_kpis_daily": _KPIS,
    "agg_intents_daily": _INTENTS,
    "agg_recovery_daily": _RECOVERY,
    "agg_tickets_daily": _TICKETS,
    "agg_ticket_quantiles_daily": _QUANTILES,
    "agg_declines_daily": _DECLINES,
    "agg_hour_of_week": _HOURS,
}
