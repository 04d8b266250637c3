{%- set amounts = {'refunded_amount': 'refunded_eur', 'lost_amount': 'lost_eur'} -%}
with latest as (

    select *
    from {{ ref('fct_adjusted_payments') }}
    order by _offset desc
    limit 1 by transaction_id

),

adjusted as (

    select
        payment_date,
        merchant_id,
        currency_code,
        toInt64(countIf(count_refunds > 0)) as count_refunded,
        toInt64(countIf(count_disputes > 0)) as count_disputed,
        sum(refunded_amount) as refunded_amount,
        sum(lost_amount) as lost_amount
    from latest
    where status = 'success'
    group by payment_date, merchant_id, currency_code

),

valued as (

    {{ booked_in_eur('adjusted', 'payment_date', amounts, ref('dim_fx_rates')) | indent(4) }}

),

by_merchant as (

    select
        payment_date,
        merchant_id,
        sum(count_refunded) as count_refunded,
        sum(count_disputed) as count_disputed,
        {{ sum_or_null('refunded_eur') }} as refunded_amount_eur,
        {{ sum_or_null('lost_eur') }} as lost_amount_eur
    from valued
    group by payment_date, merchant_id

)

select
    payments.payment_date as payment_date,
    payments.merchant_id as merchant_id,
    payments.count_attempted as count_attempted,
    payments.count_attempted - payments.count_pending as count_decided,
    payments.count_successful as count_successful,
    ifNull(by_merchant.count_refunded, 0) as count_refunded,
    ifNull(by_merchant.count_disputed, 0) as count_disputed,
    payments.successful_amount_eur as successful_amount_eur,
    if(isNull(by_merchant.merchant_id), 0, by_merchant.refunded_amount_eur) as refunded_amount_eur,
    if(isNull(by_merchant.merchant_id), 0, by_merchant.lost_amount_eur) as lost_amount_eur
from {{ ref('agg_payments_daily') }} as payments
left join by_merchant
    on
        payments.payment_date = by_merchant.payment_date
        and payments.merchant_id = by_merchant.merchant_id
