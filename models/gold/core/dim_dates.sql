with payment_days as (

    select payment_date
    from {{ ref('fct_payments_by_day') }}
    group by payment_date
    having sum(count_payments) != 0

),

first_days as (

    select min(payment_date) as first_day
    from payment_days
    having count() > 0
    union all
    select min(rate_date) as first_day
    from {{ ref('dim_fx_rates') }}
    where currency_code != 'EUR'
    having count() > 0

),

span as (

    select
        ifNull(minOrNull(first_day), toDate({{ now_utc() }})) as first_date,
        toDate({{ now_utc() }}) + 365 as last_date
    from first_days

),

days as (

    select first_date + arrayJoin(range(toUInt32(last_date - first_date + 1))) as calendar_date
    from span

)

select
    calendar_date,
    -- strings
    toString(dateName('weekday', calendar_date)) as weekday_name,
    toString(dateName('month', calendar_date)) as month_name,
    -- numerics
    toDayOfWeek(calendar_date) as day_of_week,
    toISOWeek(calendar_date) as iso_week,
    toISOYear(calendar_date) as iso_year,
    toMonth(calendar_date) as month_number,
    toQuarter(calendar_date) as quarter_number,
    toYear(calendar_date) as calendar_year,
    -- booleans
    toDayOfWeek(calendar_date) > 5 as is_weekend,
    -- dates
    toMonday(calendar_date) as week_start_date,
    toStartOfMonth(calendar_date) as month_start_date
from days
