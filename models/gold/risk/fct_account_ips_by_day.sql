{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=['payment_date', 'account_id', 'ip', 'currency_code', 'status'],
) }}

with deltas as (

    {{ new_deltas(
        ref('silver_transactions_deltas'),
        ['sign', 'occurred_at', 'account_id', 'ip', 'currency', 'status', 'amount', '_offset'],
        consumer=this,
    ) | indent(4) }}

)

select
    toDate(occurred_at) as payment_date,
    account_id,
    ifNull(ip, '') as ip,
    currency as currency_code,
    status,
    sum(toInt64(sign)) as count_payments,
    sum(sign * amount) as total_amount,
    max(_offset) as _offset
from deltas
group by payment_date, account_id, ip, currency_code, status
