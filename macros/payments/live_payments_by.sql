{#-
    Purpose: payments per bucket of time as fresh as bronze and exact: the gold fact, plus the deltas
    that it has not applied yet, plus the bronze events that are not yet in silver.
    What is from before the start of the history is void, in whatever table it still is: a TRUNCATE
    counts as soon as it is in bronze.
    Args: bucket: name of the bucket's column; expression: what it is, from `occurred_at` (UTC); fact:
    the fact of that grain, made by payments_by(); deltas: relation of silver_transactions_deltas; log:
    relation of bronze_transactions
-#}
{% macro live_payments_by(bucket, expression, fact, deltas, log) -%}
{%- set fields = [
    'sign', 'occurred_at', 'merchant_id', 'currency', 'status', 'decline_code', 'amount',
] -%}
with applied as (

    select
        {{ bucket }},
        merchant_id,
        currency_code,
        status,
        decline_code,
        count_payments,
        total_amount
    from {{ fact }}
    where
        {{ next_offset(fact) }}
        > {{ history_start(log) | indent(8) }}

),

not_in_gold as (

    select {{ fields | join(', ') }}
    from (
        {{ new_deltas(
            deltas,
            fields + ['_offset'],
            consumer=fact,
            limit=none,
        ) | indent(8) }}
    )
    where _offset >= {{ history_start(log) | indent(4) }}

),

not_in_silver as (

    select {{ fields | join(', ') }}
    from (
        {{ unapplied_changes(
            'transactions', log, deltas, fields + ['_offset']
        ) | indent(8) }}
    )
    -- The deltas may have been read before the fact.
    where _offset >= {{ next_offset(fact) }}

),

waiting as (

    select * from not_in_gold
    union all
    select * from not_in_silver

),

waiting_by_bucket as (

    select
        {{ expression }} as {{ bucket }},
        merchant_id,
        currency as currency_code,
        status,
        cast(ifNull(decline_code, '') as LowCardinality(String)) as decline_code,
        toInt64(sign) as count_payments,
        cast(sign * amount as Decimal(38, 2)) as total_amount
    from waiting

),

everything as (

    select * from applied
    union all
    select * from waiting_by_bucket

)

select
    {{ bucket }},
    merchant_id,
    currency_code,
    status,
    decline_code,
    sum(count_payments) as count_payments,
    sum(total_amount) as total_amount
from everything
group by {{ bucket }}, merchant_id, currency_code, status, decline_code
having count_payments != 0 or total_amount != 0
{%- endmacro %}
