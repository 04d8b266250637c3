{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=['minute', 'merchant_id', 'currency_code', 'status', 'decline_code'],
    tags=['live'],
) }}

with deltas as (

    {{ new_deltas(
        ref('silver_transactions_deltas'),
        ['sign', 'occurred_at', 'merchant_id', 'currency', 'status', 'decline_code', 'amount', '_offset'],
        consumer=this,
    ) | indent(4) }}

)

select
    toStartOfMinute(occurred_at) as minute,
    merchant_id,
    currency as currency_code,
    status,
    ifNull(decline_code, '') as decline_code,
    sum(toInt64(sign)) as count_payments,
    sum(sign * amount) as total_amount,
    max(_offset) as _offset
from deltas
group by minute, merchant_id, currency_code, status, decline_code
