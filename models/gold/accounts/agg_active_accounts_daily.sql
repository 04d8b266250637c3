{#- One pass over account × day. An account is active in a trailing window of w days from an
    approval until w days after it, so only gaps of w days or more between two approvals begin or end
    anything: each account gives a few dated steps (+1, -1), and their running total counts accounts. -#}
with approvals as (

    select
        activity_date,
        account_id
    from {{ ref('fct_account_activity_by_day') }}
    where status = 'success'
    group by activity_date, account_id
    having sum(count_payments) > 0

),

approved as (

    select
        account_id,
        arraySort(groupArray(activity_date)) as approval_days
    from approvals
    group by account_id

),

signed_up as (

    select
        approved.approval_days as approval_days,
        accounts.signup_at as signup_at
    from approved
    full outer join {{ ref('dim_accounts') }} as accounts
        on approved.account_id = accounts.account_id

),

per_account as (

    select
        approval_days,
        toDate(ifNull(signup_at, toDateTime64(0, 6, 'UTC'))) as signup_day,
        isNotNull(signup_at) as has_signup,
        notEmpty(approval_days) as has_approval,
        arrayElement(approval_days, 1) as first_day,
        arrayElement(approval_days, -1) as last_day,
        arrayZip(arrayPopBack(approval_days), arrayPopFront(approval_days)) as gaps,
        arrayFilter(gap -> gap.2 - gap.1 >= 7, gaps) as gaps_7,
        arrayFilter(gap -> gap.2 - gap.1 >= 30, gaps) as gaps_30
    from signed_up

),

stepped as (

    select
        arrayJoin(arrayConcat(
            arrayMap(day -> (day, 'active_1', 1), approval_days),
            arrayMap(gap -> (gap.1 + 7, 'active_7', -1), gaps_7),
            arrayMap(gap -> (gap.2, 'active_7', 1), gaps_7),
            arrayMap(gap -> (gap.1 + 30, 'active_30', -1), gaps_30),
            arrayMap(gap -> (gap.2, 'active_30', 1), gaps_30),
            arrayMap(gap -> (gap.1 + 30, 'dormant', 1), gaps_30),
            arrayMap(gap -> (gap.2, 'dormant', -1), gaps_30),
            arrayMap(gap -> (gap.2, 'resurrected', 1), gaps_30),
            if(
                has_approval,
                [
                    (first_day, 'active_7', 1),
                    (last_day + 7, 'active_7', -1),
                    (first_day, 'active_30', 1),
                    (last_day + 30, 'active_30', -1),
                    (last_day + 30, 'dormant', 1)
                ],
                []
            ),
            if(has_signup, [(signup_day, 'new', 1)], []),
            if(has_signup and not has_approval, [(signup_day + 30, 'dormant', 1)], []),
            if(
                has_signup and has_approval and first_day - signup_day >= 30,
                [(signup_day + 30, 'dormant', 1), (first_day, 'dormant', -1)],
                []
            ),
            if(
                has_signup and has_approval and first_day - signup_day <= 7,
                [(first_day, 'activated', 1)],
                []
            )
        )) as step,
        tupleElement(step, 1) as step_date,
        tupleElement(step, 2) as kind,
        toInt64(tupleElement(step, 3)) as change
    from per_account

),

payment_days as (

    select payment_date
    from {{ ref('fct_payments_by_day') }}
    group by payment_date
    having sum(count_payments) != 0

),

first_activity as (

    select minOrNull(payment_date) as first_date
    from payment_days

),

days as (

    select
        step_date as kpi_date,
        kind,
        change
    from stepped
    union all
    select
        calendar_date as kpi_date,
        '' as kind,
        0 as change
    from {{ ref('dim_dates') }}
    where
        calendar_date >= (select first_activity.first_date from first_activity)
        and calendar_date <= toDate({{ now_utc() }})

),

daily as (

    select
        kpi_date,
        countIf(kind = '') > 0 as is_shown,
        sumIf(change, kind = 'active_1') as count_active_1d,
        sumIf(change, kind = 'active_7') as change_active_7d,
        sumIf(change, kind = 'active_30') as change_active_30d,
        sumIf(change, kind = 'dormant') as change_dormant,
        sumIf(change, kind = 'new') as count_new,
        sumIf(change, kind = 'activated') as count_activated,
        sumIf(change, kind = 'resurrected') as count_resurrected
    from days
    group by kpi_date

),

totals as (

    select
        *,
        sum(change_active_7d) over days_so_far as count_active_7d,
        sum(change_active_30d) over days_so_far as count_active_30d,
        sum(change_dormant) over days_so_far as count_dormant
    from daily
    window days_so_far as (order by kpi_date rows between unbounded preceding and current row)

)

select
    kpi_date,
    count_active_1d,
    count_active_7d,
    count_active_30d,
    {{ ratio('count_active_1d', 'count_active_30d') }} as stickiness,
    count_new,
    count_activated,
    count_dormant,
    count_resurrected
from totals
where is_shown
