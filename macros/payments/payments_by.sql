{#-
    Purpose: the next batch of an additive fact of payments: counts and amounts per bucket of time,
    merchant, currency, status and decline code.
    Args: bucket: name of the bucket's column; expression: what it is, from `occurred_at` (UTC);
    deltas: relation of silver_transactions_deltas; consumer: `this`
-#}
{% macro payments_by(bucket, expression, deltas, consumer) -%}
with deltas as (

    {{ new_deltas(
        deltas,
        ['sign', 'occurred_at', 'merchant_id', 'currency', 'status', 'decline_code', 'amount', '_offset'],
        consumer,
    ) | indent(4) }}

)

select
    {{ expression }} as {{ bucket }},
    merchant_id,
    currency as currency_code,
    status,
    ifNull(decline_code, '') as decline_code,
    sum(toInt64(sign)) as count_payments,
    sum(sign * amount) as total_amount,
    max(_offset) as _offset
from deltas
group by {{ bucket }}, merchant_id, currency_code, status, decline_code
{%- endmacro %}
