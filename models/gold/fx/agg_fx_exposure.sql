with open_volume as (

    select
        currency_code,
        sum(count_successful) as count_open,
        sum(successful_amount) as open_amount,
        {{ sum_or_null('successful_amount_eur') }} as booked_amount_eur
    from {{ ref('agg_volume_by_currency_daily') }}
    where payment_date > toDate({{ now_utc() }}) - {{ var('settlement_days') }}
    group by currency_code

),

recent_rates as (

    select
        calendar_date,
        currency_code,
        rate_to_eur,
        known_rate_date,
        rate_age_days,
        rate_change
    from {{ ref('dim_fx_rates_daily') }}
    where currency_code != 'EUR' and calendar_date > toDate({{ now_utc() }}) - 30

),

rates as (

    select
        currency_code,
        argMax(tuple(rate_to_eur), calendar_date) as newest_rate,
        argMax(tuple(known_rate_date), calendar_date) as newest_rate_date,
        -- a carried rate is no day without movement, but a day that is not known
        if(
            countIf(rate_age_days = 0 and isNotNull(rate_change)) > 1,
            stddevSampIf(rate_change, rate_age_days = 0),
            null
        ) as volatility_30d
    from recent_rates
    group by currency_code

),

exposures as (

    select
        rates.currency_code as currency_code,
        tupleElement(rates.newest_rate, 1) as latest_rate_to_eur,
        tupleElement(rates.newest_rate_date, 1) as latest_rate_date,
        ifNull(open_volume.count_open, 0) as count_open,
        cast(ifNull(open_volume.open_amount, 0) as Decimal(38, 2)) as open_amount,
        if(
            isNull(open_volume.count_open),
            cast(0 as Nullable(Decimal(38, 8))),
            open_volume.booked_amount_eur
        ) as booked_amount_eur,
        rates.volatility_30d as volatility_30d
    from rates
    left join open_volume on rates.currency_code = open_volume.currency_code

),

valued as (

    select
        *,
        {{ to_eur('open_amount', 'latest_rate_to_eur') }} as exposure_eur
    from exposures

)

select
    currency_code,
    latest_rate_to_eur,
    latest_rate_date,
    count_open,
    open_amount,
    booked_amount_eur,
    exposure_eur,
    exposure_eur - booked_amount_eur as revaluation_eur,
    volatility_30d,
    1.65 * volatility_30d * abs(toFloat64(exposure_eur)) as value_at_risk_eur
from valued
