{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=['payment_date', 'merchant_id', 'currency_code', 'status', 'amount_bucket'],
) }}

with deltas as (

    {{ new_deltas(
        ref('silver_transactions_deltas'),
        ['sign', 'occurred_at', 'merchant_id', 'currency', 'status', 'amount', '_offset'],
        consumer=this,
    ) | indent(4) }}

)

select
    toDate(occurred_at) as payment_date,
    merchant_id,
    currency as currency_code,
    status,
    {{ log_bucket('amount') }} as amount_bucket,
    sum(toInt64(sign)) as count_payments,
    max(_offset) as _offset
from deltas
group by payment_date, merchant_id, currency_code, status, amount_bucket
