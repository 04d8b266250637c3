{#- The account comes first in the order: the marts look up few accounts, over many days. -#}
{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=['account_id', 'payment_date', 'currency_code', 'amount_bucket'],
    tags=['background'],
) }}

with deltas as (

    {{ new_deltas(
        ref('silver_transactions_deltas'),
        ['sign', 'occurred_at', 'account_id', 'currency', 'amount', '_offset'],
        consumer=this,
    ) | indent(4) }}

)

select
    account_id,
    toDate(occurred_at) as payment_date,
    currency as currency_code,
    {{ log_bucket('amount') }} as amount_bucket,
    sum(toInt64(sign)) as count_payments,
    max(_offset) as _offset
from deltas
group by account_id, payment_date, currency_code, amount_bucket
