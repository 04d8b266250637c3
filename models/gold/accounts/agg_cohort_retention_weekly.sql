with payment_days as (

    select payment_date
    from {{ ref('fct_payments_by_day') }}
    group by payment_date
    having sum(count_payments) != 0

),

observed as (

    select
        -- the first week that payments cover from Monday on, and the first that is not over
        toMonday(minOrNull(payment_date) + 6) as first_week,
        toMonday({{ now_utc() }}) as open_week
    from payment_days

),

cohorts as (

    select
        account_id,
        toMonday(signup_at) as cohort_week
    from {{ ref('dim_accounts') }}
    where toMonday(signup_at) < (select observed.open_week from observed)

),

sizes as (

    select
        cohort_week,
        toInt64(count()) as cohort_size
    from cohorts
    group by cohort_week

),

weeks as (

    select calendar_date as activity_week
    from {{ ref('dim_dates') }}
    where
        day_of_week = 1
        and calendar_date >= (select observed.first_week from observed)
        and calendar_date < (select observed.open_week from observed)

),

account_weeks as (

    select
        account_id,
        toMonday(activity_date) as activity_week,
        currency_code,
        sum(count_payments) as count_successful,
        sum(total_amount) as successful_amount
    from {{ ref('fct_account_activity_by_day') }}
    where
        status = 'success'
        and activity_date >= (select observed.first_week from observed)
        and activity_date < (select observed.open_week from observed)
    group by account_id, activity_week, currency_code

),

newest_rates as (

    select
        currency_code,
        argMax(rate_to_eur, rate_date) as latest_rate_to_eur
    from {{ ref('dim_fx_rates') }}
    group by currency_code

),

valued as (

    select
        account_weeks.account_id as account_id,
        account_weeks.activity_week as activity_week,
        account_weeks.count_successful as count_successful,
        {{ to_eur('account_weeks.successful_amount', 'newest_rates.latest_rate_to_eur') }}
            as volume_eur
    from account_weeks
    left join newest_rates on account_weeks.currency_code = newest_rates.currency_code

),

active_accounts as (

    select
        account_id,
        activity_week,
        sum(count_successful) as count_successful,
        {{ sum_or_null('volume_eur') }} as account_volume_eur
    from valued
    group by account_id, activity_week

),

retained as (

    select
        cohorts.cohort_week as cohort_week,
        active_accounts.activity_week as activity_week,
        toInt64(countIf(active_accounts.count_successful > 0)) as count_retained,
        {{ sum_or_null('active_accounts.account_volume_eur') }} as volume_constant_eur,
        1 as is_found
    from active_accounts
    inner join cohorts on active_accounts.account_id = cohorts.account_id
    group by cohort_week, activity_week

),

cells as (

    select
        sizes.cohort_week as cohort_week,
        weeks.activity_week as activity_week,
        sizes.cohort_size as cohort_size
    from sizes
    cross join weeks
    where weeks.activity_week >= sizes.cohort_week

),

filled as (

    select
        cells.cohort_week as cohort_week,
        toUInt16(dateDiff('day', cells.cohort_week, cells.activity_week) / 7) as week_number,
        cells.cohort_size as cohort_size,
        ifNull(retained.count_retained, 0) as count_retained,
        if(
            retained.is_found = 1, retained.volume_constant_eur, cast(0 as Nullable(Decimal(38, 8)))
        ) as volume_constant_eur
    from cells
    left join retained
        on
            cells.cohort_week = retained.cohort_week
            and cells.activity_week = retained.activity_week

),

based as (

    select
        *,
        anyIf(tuple(volume_constant_eur), week_number = 0) over (partition by cohort_week) as base
    from filled

)

select
    cohort_week,
    week_number,
    cohort_size,
    count_retained,
    {{ ratio('count_retained', 'cohort_size') }} as retention_rate,
    volume_constant_eur,
    {{ ratio('volume_constant_eur', 'tupleElement(base, 1)') }} as volume_retention
from based
