{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=['payment_date', 'account_id', 'ip', 'device_id'],
    tags=['background'],
) }}
{%- set bounds = session_bounds() %}

with deltas as (

    {{ new_deltas(
        ref('silver_transactions_deltas'),
        [
            'sign', 'occurred_at', 'account_id', 'ip', 'device_id', 'status', 'amount', '_offset',
        ],
        consumer=this,
    ) | indent(4) }}

)

select
    toDate(occurred_at) as payment_date,
    account_id,
    ifNull(ip, '') as ip,
    ifNull(device_id, '') as device_id,
    sum(toInt64(sign)) as count_payments,
    sumIf(toInt64(sign), status != 'pending') as count_decided,
    sumIf(toInt64(sign), status = 'failed') as count_declined,
    sumIf(toInt64(sign), amount < {{ bounds.small }}) as count_small,
    sumIf(toInt64(sign), amount >= {{ bounds.large }}) as count_large,
    -- of the same scale: the remainder of two scales is that of their integers, 10.00 % 50 = 0
    sumIf(
        toInt64(sign), amount > 0 and amount % cast({{ bounds.round }} as Decimal(18, 2)) = 0
    ) as count_round,
    max(_offset) as _offset
from deltas
group by payment_date, account_id, ip, device_id
