{%- set amounts = {
    'attempted_amount': 'attempted_eur',
    'successful_amount': 'successful_eur',
    'pending_amount': 'pending_eur',
    'blocked_amount': 'blocked_eur',
} -%}
with payments as (

    select
        payments.payment_date as payment_date,
        payments.merchant_id as merchant_id,
        payments.currency_code as currency_code,
        sum(payments.count_payments) as count_attempted,
        sumIf(payments.count_payments, payments.status = 'pending') as count_pending,
        sumIf(payments.count_payments, payments.status = 'success') as count_successful,
        sumIf(
            payments.count_payments, payments.status = 'failed' and ifNull(codes.is_blocked, false)
        ) as count_blocked,
        sum(payments.total_amount) as attempted_amount,
        sumIf(payments.total_amount, payments.status = 'pending') as pending_amount,
        sumIf(payments.total_amount, payments.status = 'success') as successful_amount,
        sumIf(
            payments.total_amount, payments.status = 'failed' and ifNull(codes.is_blocked, false)
        ) as blocked_amount
    from {{ ref('fct_payments_by_day') }} as payments
    left join {{ ref('decline_codes') }} as codes on payments.decline_code = codes.decline_code
    group by payment_date, merchant_id, currency_code
    having count_attempted != 0

),

valued as (

    {{ booked_in_eur('payments', 'payment_date', amounts, ref('dim_fx_rates')) | indent(4) }}

)

select
    payment_date,
    merchant_id,
    sum(count_attempted) as count_attempted,
    sum(count_pending) as count_pending,
    sum(count_successful) as count_successful,
    sum(count_blocked) as count_blocked,
    {{ sum_or_null('attempted_eur') }} as attempted_amount_eur,
    {{ sum_or_null('pending_eur') }} as pending_amount_eur,
    {{ sum_or_null('successful_eur') }} as successful_amount_eur,
    {{ sum_or_null('blocked_eur') }} as blocked_amount_eur
from valued
group by payment_date, merchant_id
