with rates as (

    select
        currency_code,
        rate_date,
        rate_to_eur
    from {{ ref('dim_fx_rates') }}

),

latest_rates as (

    select
        currency_code,
        max(rate_date) as latest_rate_date,
        argMax(rate_to_eur, rate_date) as latest_rate_to_eur
    from rates
    group by currency_code

)

select
    currencies.currency_code as currency_code,
    currencies.currency_name as currency_name,
    toUInt8(currencies.minor_units) as minor_units,
    latest_rates.latest_rate_to_eur as latest_rate_to_eur,
    latest_rates.latest_rate_date as latest_rate_date
from {{ ref('currencies') }} as currencies
left join latest_rates on currencies.currency_code = latest_rates.currency_code
