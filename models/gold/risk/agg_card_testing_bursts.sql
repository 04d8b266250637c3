{#- A window is the ten minutes up to an attempt, on whatever day. A day's first windows, and the
    bursts it finds going on, reach 20 minutes back; its own bursts may go on for 60 minutes and their
    last windows for ten more. -#}
{%- set window_us = 600000000 -%}
{%- set bounds = watched_bounds() -%}
with changes as (

    {{ overlapping_days(
        ref('fct_watched_payments'),
        [
            'occurred_at', 'transaction_id', 'account_id', 'merchant_id', 'ip', 'currency_code',
            'status', 'amount', 'count_payments',
        ],
        where='amount < ' ~ bounds.below ~ " and ip != ''",
        before=20,
        after=70,
    ) | indent(4) }}

),

-- Few addresses see that much in a day: only their attempts are looked at one by one.
suspected as (

    select
        payment_date,
        ip
    from changes
    group by payment_date, ip
    having sum(count_payments) >= 5 and uniqExact(account_id) >= 3

),

attempts as (

    select
        changes.payment_date as payment_date,
        changes.ip as ip,
        changes.occurred_at as occurred_at,
        changes.transaction_id as transaction_id,
        changes.account_id as account_id,
        changes.merchant_id as merchant_id,
        changes.currency_code as currency_code,
        changes.status as status,
        changes.amount as amount
    from changes
    inner join suspected
        on changes.payment_date = suspected.payment_date and changes.ip = suspected.ip
    group by
        payment_date,
        ip,
        occurred_at,
        transaction_id,
        account_id,
        merchant_id,
        currency_code,
        status,
        amount
    having sum(changes.count_payments) > 0

),

valued as (

    {{ booked_in_eur(
        'attempts', 'occurred_at', {'amount': 'amount_eur'}, ref('dim_fx_rates')
    ) | indent(4) }}

),

small as (

    select
        payment_date,
        ip,
        occurred_at,
        account_id,
        merchant_id,
        status,
        amount_eur,
        toUnixTimestamp64Micro(occurred_at) as moment,
        leadInFrame(moment, 1, moment + {{ window_us }} + 1) over (
            partition by payment_date, ip, account_id
            order by moment
            rows between current row and 1 following
        ) as next_moment
    from valued
    where amount_eur < {{ bounds.below_eur }}

),

-- What a window holds is what has entered it less what has left it: an attempt after ten minutes,
-- an account then or as soon as its next attempt stands for it. A frame that is counted anew for
-- each attempt takes the square of an attack.
counted as (

    select
        payment_date,
        ip,
        occurred_at,
        account_id,
        merchant_id,
        status,
        amount_eur,
        moment,
        change.2 as entered,
        sum(change.2) over in_order >= 5 and sum(change.3) over in_order >= 3 as is_burst
    from small
    array join
        [
            tuple(moment, 1, 1),
            tuple(moment + {{ window_us }} + 1, -1, 0),
            tuple(least(next_moment, moment + {{ window_us }} + 1), 0, -1)
        ] as change
    window in_order as (partition by payment_date, ip order by change.1)

),

covered as (

    select
        *,
        min(if(is_burst, moment, null)) over (
            partition by payment_date, ip order by moment desc
        ) as covered_by
    from counted
    where entered = 1

),

bordered as (

    select
        *,
        moment - lagInFrame(moment) over (
            partition by payment_date, ip
            order by moment
            rows between 1 preceding and current row
        ) > {{ window_us }} as is_first
    from covered
    where covered_by <= moment + {{ window_us }}

),

numbered as (

    select
        *,
        max(if(is_first, occurred_at, toDateTime64(0, 6, 'UTC'))) over (
            partition by payment_date, ip order by moment
        ) as began_at
    from bordered

),

bursts as (

    select
        payment_date,
        ip,
        min(occurred_at) as burst_first_at,
        max(occurred_at) as burst_last_at,
        count() as count_attempted,
        countIf(status != 'pending') as count_decided,
        countIf(status = 'failed') as count_declined,
        sum(amount_eur) as attempted_amount_eur,
        uniqExact(account_id) as count_accounts,
        uniqExact(merchant_id) as count_merchants
    from numbered
    where
        toDate(occurred_at - interval 1 hour) <= payment_date
        -- what began before this day is the day before's, until an hour after midnight
        and toDate(if(toDate(began_at) < payment_date, occurred_at - interval 1 hour, occurred_at))
        >= payment_date
    group by payment_date, ip, began_at
    having toDate(burst_first_at) = payment_date

),

addresses as (

    {{ current_rows(
        ref('silver_ip_geo_state'), key=['ip'], columns=['ip', 'country', 'is_proxy_or_vpn']
    ) | indent(4) }}

)

select
    bursts.payment_date as payment_date,
    bursts.ip as ip,
    ifNull(cast(addresses.country as Nullable(String)), '') as ip_country,
    ifNull(addresses.is_proxy_or_vpn, false) as is_proxy_or_vpn,
    bursts.burst_first_at as burst_first_at,
    bursts.burst_last_at as burst_last_at,
    bursts.count_attempted as count_attempted,
    bursts.count_decided as count_decided,
    bursts.count_declined as count_declined,
    bursts.count_accounts as count_accounts,
    bursts.count_merchants as count_merchants,
    bursts.attempted_amount_eur as attempted_amount_eur,
    {{ ratio('bursts.count_declined', 'bursts.count_decided') }} as declined_share
from bursts
left join addresses on bursts.ip = addresses.ip
