{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=['minute', 'account_id', 'ip', 'device_id'],
    tags=['background'],
) }}

with deltas as (

    {{ new_deltas(
        ref('silver_transactions_deltas'),
        ['sign', 'occurred_at', 'account_id', 'ip', 'device_id', '_offset'],
        consumer=this,
    ) | indent(4) }}

)

select
    toStartOfMinute(occurred_at) as minute,
    account_id,
    ifNull(ip, '') as ip,
    ifNull(device_id, '') as device_id,
    sum(toInt64(sign)) as count_payments,
    max(_offset) as _offset
from deltas
group by minute, account_id, ip, device_id
