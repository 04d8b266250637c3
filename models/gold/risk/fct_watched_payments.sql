{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=[
        'occurred_at', 'transaction_id', 'account_id', 'merchant_id', 'ip', 'device_id',
        'currency_code', 'status', 'amount',
    ],
    tags=['background'],
) }}
{%- set bounds = watched_bounds() %}

with deltas as (

    {{ new_deltas(
        ref('silver_transactions_deltas'),
        [
            'sign', 'occurred_at', 'transaction_id', 'account_id', 'merchant_id', 'ip', 'device_id',
            'currency', 'status', 'amount', '_offset',
        ],
        consumer=this,
        condition='amount < ' ~ bounds.below ~ ' or amount >= ' ~ bounds.from,
    ) | indent(4) }}

)

select
    occurred_at,
    transaction_id,
    account_id,
    merchant_id,
    ifNull(ip, '') as ip,
    ifNull(device_id, '') as device_id,
    currency as currency_code,
    status,
    amount,
    sum(toInt64(sign)) as count_payments,
    max(_offset) as _offset
from deltas
group by
    occurred_at,
    transaction_id,
    account_id,
    merchant_id,
    ip,
    device_id,
    currency_code,
    status,
    amount
