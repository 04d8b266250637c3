with open_volume as (

    select
        currency_code,
        sum(count_successful) as count_open,
        sum(successful_amount) as open_amount,
        {{ sum_or_null('successful_amount_eur') }} as booked_amount_eur
    from {{ ref('agg_volume_by_currency_daily') }}
    where
        currency_code != 'EUR'
        and payment_date > toDate({{ now_utc() }}) - {{ var('settlement_days') }}
    group by currency_code
    having count_open != 0

),

rates as (

    select
        currency_code,
        rate_date,
        rate_to_eur,
        toFloat64(rate_to_eur) / toFloat64(
            lagInFrame(toNullable(rate_to_eur)) over (
                partition by currency_code
                order by rate_date
                rows between unbounded preceding and current row
            )
        ) - 1 as rate_change
    from {{ ref('dim_fx_rates') }}
    where currency_code != 'EUR' and rate_date <= toDate({{ now_utc() }})

),

newest_rates as (

    select
        currency_code,
        argMax(rate_to_eur, rate_date) as latest_rate_to_eur,
        max(rate_date) as latest_rate_date,
        countIf(rate_date > toDate({{ now_utc() }}) - 30 and isNotNull(rate_change))
            as count_changes,
        if(
            count_changes > 1,
            stddevSampIf(rate_change, rate_date > toDate({{ now_utc() }}) - 30),
            null
        ) as volatility_30d
    from rates
    group by currency_code

),

exposures as (

    select
        cast(coalesce(newest_rates.currency_code, open_volume.currency_code, '') as String)
            as currency_code,
        newest_rates.latest_rate_to_eur as latest_rate_to_eur,
        newest_rates.latest_rate_date as latest_rate_date,
        ifNull(open_volume.count_open, 0) as count_open,
        cast(ifNull(open_volume.open_amount, 0) as Decimal(38, 2)) as open_amount,
        if(
            isNull(open_volume.count_open),
            cast(0 as Nullable(Decimal(38, 8))),
            open_volume.booked_amount_eur
        ) as booked_amount_eur,
        newest_rates.volatility_30d as volatility_30d
    from newest_rates
    full outer join open_volume on newest_rates.currency_code = open_volume.currency_code

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
