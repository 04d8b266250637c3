{%- set amounts = {'attempted_amount': 'attempted_eur', 'successful_amount': 'successful_eur'} -%}
with payments as (

    select
        minute,
        merchant_id,
        currency_code,
        {{ payment_measures() | indent(8) }}
    from {{ ref('live_payments_by_minute') }}
    group by minute, merchant_id, currency_code

),

valued as (

    {{ booked_in_eur('payments', 'minute', amounts, ref('dim_fx_rates')) | indent(4) }}

),

by_merchant as (

    select
        minute,
        merchant_id,
        sum(count_attempted) as count_attempted,
        sum(count_decided) as count_decided,
        sum(count_successful) as count_successful,
        {{ sum_or_null('attempted_eur') }} as attempted_amount_eur,
        {{ sum_or_null('successful_eur') }} as successful_amount_eur
    from valued
    group by minute, merchant_id

)

select
    by_merchant.minute as minute,
    by_merchant.merchant_id as merchant_id,
    merchants.merchant_name as merchant_name,
    merchants.merchant_category as merchant_category,
    merchants.merchant_country as merchant_country,
    merchants.risk_rating as risk_rating,
    by_merchant.count_attempted as count_attempted,
    by_merchant.count_decided as count_decided,
    by_merchant.count_successful as count_successful,
    by_merchant.attempted_amount_eur as attempted_amount_eur,
    by_merchant.successful_amount_eur as successful_amount_eur
from by_merchant
left join {{ ref('dim_merchants') }} as merchants on by_merchant.merchant_id = merchants.merchant_id
