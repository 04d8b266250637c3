{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=['payment_date', 'merchant_id', 'account_id', 'ip'],
) }}

with deltas as (

    {{ new_deltas(
        ref('silver_transactions_deltas'),
        ['sign', 'occurred_at', 'merchant_id', 'account_id', 'ip', '_offset'],
        consumer=this,
    ) | indent(4) }}

)

select
    toDate(occurred_at) as payment_date,
    merchant_id,
    account_id,
    ifNull(ip, '') as ip,
    sum(toInt64(sign)) as count_payments,
    max(_offset) as _offset
from deltas
group by payment_date, merchant_id, account_id, ip
