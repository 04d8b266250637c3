with buckets as (

    select
        payment_date,
        merchant_id,
        currency_code,
        amount_bucket,
        sum(count_payments) as count_successful
    from {{ ref('fct_payment_amounts_by_day') }}
    where status = 'success'
    group by payment_date, merchant_id, currency_code, amount_bucket
    having count_successful != 0

),

rates as (

    select
        currency_code,
        rate_date,
        rate_to_eur
    from {{ ref('dim_fx_rates') }}

)

select
    buckets.payment_date as payment_date,
    buckets.merchant_id as merchant_id,
    buckets.currency_code as currency_code,
    buckets.amount_bucket as amount_bucket,
    {{ value_of_bucket('buckets.amount_bucket') }} * toFloat64(rates.rate_to_eur) as ticket_eur,
    buckets.count_successful as count_successful
from buckets
asof left join rates
    on buckets.currency_code = rates.currency_code and buckets.payment_date >= rates.rate_date
