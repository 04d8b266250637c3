{%- set fields = [
    'sign', 'occurred_at', 'merchant_id', 'currency', 'status', 'decline_code', 'amount',
] -%}
{#- What is from before the start of the history is void, in whatever table it still is: a TRUNCATE
    counts as soon as it is in bronze. -#}
with applied as (

    select
        minute,
        merchant_id,
        currency_code,
        status,
        decline_code,
        count_payments,
        total_amount
    from {{ ref('fct_payments_by_minute') }}
    where
        {{ next_offset(ref('fct_payments_by_minute')) }}
        > {{ history_start(ref('bronze_transactions')) | indent(8) }}

),

not_in_gold as (

    select {{ fields | join(', ') }}
    from (
        {{ new_deltas(
            ref('silver_transactions_deltas'),
            fields + ['_offset'],
            consumer=ref('fct_payments_by_minute'),
            limit=none,
        ) | indent(8) }}
    )
    where _offset >= {{ history_start(ref('bronze_transactions')) | indent(4) }}

),

not_in_silver as (

    {{ unapplied_changes(
        'transactions', ref('bronze_transactions'), ref('silver_transactions_deltas'), fields
    ) | indent(4) }}

),

waiting as (

    select * from not_in_gold
    union all
    select * from not_in_silver

),

waiting_by_minute as (

    select
        toStartOfMinute(occurred_at) as minute,
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
    select * from waiting_by_minute

)

select
    minute,
    merchant_id,
    currency_code,
    status,
    decline_code,
    sum(count_payments) as count_payments,
    sum(total_amount) as total_amount
from everything
group by minute, merchant_id, currency_code, status, decline_code
having count_payments != 0 or total_amount != 0
