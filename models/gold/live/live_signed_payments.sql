{%- set fields = [
    'sign', 'transaction_id', 'occurred_at', 'account_id', 'merchant_id', 'amount', 'currency', 'status',
    'decline_code', '_offset', '_committed_at',
] -%}
with in_silver as (

    select {{ fields | join(', ') }}
    from {{ ref('silver_transactions_deltas') }}
    where _offset >= {{ history_start(ref('bronze_transactions')) | indent(4) }}

),

not_in_silver as (

    {{ unapplied_changes(
        'transactions', ref('bronze_transactions'), ref('silver_transactions_deltas'), fields
    ) | indent(4) }}

),

changes as (

    select * from in_silver
    union all
    select * from not_in_silver

)

select
    sign,
    transaction_id,
    occurred_at,
    account_id,
    merchant_id,
    amount,
    currency as currency_code,
    status,
    cast(ifNull(decline_code, '') as LowCardinality(String)) as decline_code,
    _committed_at as committed_at,
    _offset
from changes
