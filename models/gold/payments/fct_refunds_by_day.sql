{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=['refund_date', 'currency_code', 'status', 'reason'],
) }}

with deltas as (

    {{ new_deltas(
        ref('silver_refunds_deltas'),
        ['sign', 'created_at', 'currency', 'status', 'reason', 'amount', '_offset'],
        consumer=this,
    ) | indent(4) }}

)

select
    toDate(created_at) as refund_date,
    currency as currency_code,
    status,
    ifNull(reason, '') as reason,
    sum(toInt64(sign)) as count_refunds,
    sum(sign * amount) as total_amount,
    max(_offset) as _offset
from deltas
group by refund_date, currency_code, status, reason
