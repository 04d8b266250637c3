with days as (

    select
        dates.calendar_date as calendar_date,
        currencies.currency_code as currency_code
    from {{ ref('dim_dates') }} as dates
    cross join {{ ref('dim_currencies') }} as currencies
    where dates.calendar_date <= toDate({{ now_utc() }})

),

rates as (

    select
        currency_code,
        rate_date,
        rate_to_eur
    from {{ ref('dim_fx_rates') }}

),

carried as (

    select
        days.calendar_date as calendar_date,
        days.currency_code as currency_code,
        rates.rate_to_eur as rate_to_eur,
        -- the rate of the euro is a definition and never old
        if(days.currency_code = 'EUR', days.calendar_date, rates.rate_date) as known_rate_date
    from days
    asof left join rates
        on days.currency_code = rates.currency_code and days.calendar_date >= rates.rate_date

)

select
    calendar_date,
    currency_code,
    rate_to_eur,
    known_rate_date,
    dateDiff('day', known_rate_date, calendar_date) as rate_age_days,
    toFloat64(rate_to_eur) / toFloat64(
        lagInFrame(rate_to_eur) over (
            partition by currency_code
            order by calendar_date
            rows between unbounded preceding and current row
        )
    ) - 1 as rate_change
from carried
