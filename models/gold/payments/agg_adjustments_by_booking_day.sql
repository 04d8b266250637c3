{%- set amounts = {'refunded_amount': 'refunded_eur', 'lost_amount': 'lost_eur'} -%}
with adjusted as (

    select
        transaction_id,
        merchant_id,
        status
    from {{ ref('fct_adjusted_payments') }}
    order by _offset desc
    limit 1 by transaction_id

),

refunds as (

    {{ current_rows(
        ref('silver_refunds_state'),
        key=['refund_id'],
        columns=['refund_id', 'transaction_id', 'created_at', 'currency', 'status', 'amount'],
    ) | indent(4) }}

),

disputes as (

    {{ current_rows(
        ref('silver_disputes_state'),
        key=['dispute_id'],
        columns=[
            'dispute_id', 'transaction_id', 'opened_at', 'closed_at', 'currency', 'status', 'reason',
            'amount',
        ],
    ) | indent(4) }}

),

booked as (

    select
        transaction_id,
        toDate(created_at) as booking_date,
        currency as currency_code,
        toInt64(1) as count_refunds,
        toInt64(0) as count_opened,
        toInt64(0) as count_reported_fraud,
        toInt64(0) as count_lost,
        amount as refunded_amount,
        toDecimal64(0, 2) as lost_amount
    from refunds
    where status = 'succeeded'
    union all
    select
        transaction_id,
        toDate(opened_at) as booking_date,
        currency as currency_code,
        toInt64(0) as count_refunds,
        toInt64(1) as count_opened,
        toInt64(ifNull(reason, '') = 'fraudulent') as count_reported_fraud,
        toInt64(0) as count_lost,
        toDecimal64(0, 2) as refunded_amount,
        toDecimal64(0, 2) as lost_amount
    from disputes
    union all
    select
        transaction_id,
        toDate(assumeNotNull(closed_at)) as booking_date,
        currency as currency_code,
        toInt64(0) as count_refunds,
        toInt64(0) as count_opened,
        toInt64(0) as count_reported_fraud,
        toInt64(1) as count_lost,
        toDecimal64(0, 2) as refunded_amount,
        amount as lost_amount
    from disputes
    where status = 'lost' and closed_at is not null

),

by_currency as (

    select
        booked.booking_date as booking_date,
        assumeNotNull(adjusted.merchant_id) as merchant_id,
        booked.currency_code as currency_code,
        sum(booked.count_refunds) as count_refunds,
        sum(booked.count_opened) as count_opened,
        sum(booked.count_reported_fraud) as count_reported_fraud,
        sum(booked.count_lost) as count_lost,
        sum(booked.refunded_amount) as refunded_amount,
        sum(booked.lost_amount) as lost_amount
    from booked
    inner join adjusted on booked.transaction_id = adjusted.transaction_id
    where adjusted.status = 'success'
    group by booking_date, merchant_id, currency_code

),

valued as (

    {{ booked_in_eur('by_currency', 'booking_date', amounts, ref('dim_fx_rates')) | indent(4) }}

)

select
    booking_date,
    merchant_id,
    sum(count_refunds) as count_refunds,
    sum(count_opened) as count_opened,
    sum(count_reported_fraud) as count_reported_fraud,
    sum(count_lost) as count_lost,
    {{ sum_or_null('refunded_eur') }} as refunded_amount_eur,
    {{ sum_or_null('lost_eur') }} as lost_amount_eur
from valued
group by booking_date, merchant_id
