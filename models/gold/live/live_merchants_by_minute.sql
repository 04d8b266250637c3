with payments as (

    select
        minute,
        merchant_id,
        currency_code,
        sum(count_payments) as count_attempted,
        sumIf(count_payments, status != 'pending') as count_decided,
        sumIf(count_payments, status = 'success') as count_successful,
        sumIf(total_amount, status = 'success') as successful_amount
    from {{ ref('live_payments_by_minute') }}
    group by minute, merchant_id, currency_code

),

rates as (

    select
        currency_code,
        rate_date,
        rate_to_eur
    from {{ ref('dim_fx_rates') }}

),

valued as (

    select
        payments.minute as minute,
        payments.merchant_id as merchant_id,
        payments.count_attempted as count_attempted,
        payments.count_decided as count_decided,
        payments.count_successful as count_successful,
        {{ to_eur('payments.successful_amount', 'rates.rate_to_eur') }} as successful_eur
    from payments
    asof left join rates
        on
            payments.currency_code = rates.currency_code
            and toDate(payments.minute) >= rates.rate_date

),

by_merchant as (

    select
        minute,
        merchant_id,
        sum(count_attempted) as count_attempted,
        sum(count_decided) as count_decided,
        sum(count_successful) as count_successful,
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
    by_merchant.successful_amount_eur as successful_amount_eur
from by_merchant
left join {{ ref('dim_merchants') }} as merchants on by_merchant.merchant_id = merchants.merchant_id
