"""Queries of the page Account: one account, without what says who somebody is."""

from __future__ import annotations

from uuid import UUID

from dashboard.periods import Days
from dashboard.queries.call import Call, of_days
from dashboard.queries.risk import RULES

# An account's payments may come before it does. Names and addresses are masked as in Explore.
ACCOUNT = """
with
daily as (
    select
        activity_date,
        currency_code,
        sum(activity.count_payments) as count_attempted,
        sumIf(activity.count_payments, status = 'success') as count_successful,
        sumIf(activity.count_payments, status != 'pending') as count_decided,
        sumIf(activity.total_amount, status = 'success') as successful_amount
    from gold.fct_account_activity_by_day as activity
    where account_id = {account:UUID}
    group by activity_date, currency_code
    having count_attempted != 0
),

valued as (
    select
        daily.*,
        if(successful_amount = 0, 0, toDecimal128(successful_amount, 2) * rates.rate_to_eur)
            as successful_eur
    from daily
    asof left join gold.dim_fx_rates as rates
        on
            daily.currency_code = rates.currency_code
            and daily.activity_date >= rates.rate_date
),

totals as (
    select
        min(activity_date) as first_date,
        max(activity_date) as last_date,
        maxIf(activity_date, valued.count_successful > 0) as last_approved_date,
        sum(valued.count_attempted) as count_attempted,
        sum(valued.count_successful) as count_successful,
        sum(valued.count_decided) as count_decided,
        if(countIf(successful_eur is null) > 0, null, ifNull(sum(successful_eur), 0))
            as successful_amount_eur
    from valued
),

accounts as (
    select
        1 as is_there,
        arrayStringConcat(
            arrayMap(part -> concat(substringUTF8(part, 1, 1), '.'), splitByWhitespace(user_name)),
            ' '
        ) as initials,
        concat(
            substringUTF8(email, 1, 1), '…@', substring(email, position(email, '@') + 1)
        ) as masked_email,
        account_country,
        signup_at,
        updated_at
    from gold.dim_accounts
    where account_id = {account:UUID}
)

select
    accounts.is_there = 1 as has_arrived,
    accounts.initials as initials,
    accounts.masked_email as masked_email,
    accounts.account_country as account_country,
    accounts.signup_at as signup_at,
    accounts.updated_at as updated_at,
    totals.count_attempted as count_attempted,
    totals.successful_amount_eur as successful_amount_eur,
    totals.count_successful / nullIf(totals.count_decided, 0) as success_rate,
    if(totals.count_attempted > 0, totals.first_date, null) as first_date,
    if(totals.count_attempted > 0, totals.last_date, null) as last_date,
    -- an account is dormant 30 days after its last approval, or its signup where it has none
    multiIf(
        totals.count_successful > 0 and totals.last_approved_date > toDate(now('UTC')) - 30,
        if(toDate(accounts.signup_at) > toDate(now('UTC')) - 30, 'new', 'active'),
        totals.count_successful = 0 and toDate(accounts.signup_at) > toDate(now('UTC')) - 30,
        'new',
        'dormant'
    ) as lifecycle
from totals
left join accounts on true
settings join_use_nulls = 1
"""

STATUS_BY_DAY = """
select
    activity_date as drawn_at,
    sumIf(count_payments, status = 'success') as success,
    sumIf(count_payments, status = 'failed') as failed,
    sumIf(count_payments, status = 'pending') as pending
from gold.fct_account_activity_by_day
where
    activity_date >= {from:Date}
    and activity_date < {to:Date}
    and account_id = {account:UUID}
group by activity_date
having success != 0 or failed != 0 or pending != 0
order by activity_date
"""

FLAGS = """
select
    measure,
    as_of_minute,
    count_measured,
    count_limit,
    times_limit
from gold.agg_velocity_flags
where entity_type = 'account' and entity_id = {account:String}
order by times_limit desc, measure asc
limit {limit:UInt32}
"""

SCORES = (
    """
select
    payment_date,
    ip,
    device_id,
    account_country,
    ip_country,
    count_attempted,
    count_declined,
    count_device_accounts,
    fraud_score,
    """
    + ",\n    ".join(f"{rule}_points" for rule in RULES)
    + """
from gold.agg_fraud_scores
where account_id = {account:UUID}
order by fraud_score desc, payment_date desc, ip asc, device_id asc
limit {limit:UInt32}
"""
)


def account(account_id: UUID) -> Call:
    """One row: what the account is and did, whether or not it is known."""
    return Call("account", ACCOUNT.strip(), (("account", str(account_id)),))


def status_by_day(days: Days, account_id: UUID) -> Call:
    """Payments of the account by status, one row per day that has any."""
    return of_days(
        "account_status_by_day", STATUS_BY_DAY, days.first, days.after, account=str(account_id)
    )


def flags(account_id: UUID, limit: int) -> Call:
    """What the account is above a velocity limit in now."""
    return Call("account_flags", FLAGS.strip(), (("account", str(account_id)), ("limit", limit)))


def scores(account_id: UUID, limit: int) -> Call:
    """The account's sessions of the last seven days, most suspicious first."""
    return Call("account_scores", SCORES.strip(), (("account", str(account_id)), ("limit", limit)))
