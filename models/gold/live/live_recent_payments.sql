{%- set fields = [
    'sign', 'transaction_id', 'occurred_at', 'account_id', 'merchant_id', 'amount', 'currency', 'status',
    'decline_code', '_op', '_offset', '_committed_at',
] -%}
{#- How many change events back the view looks: about a second of the default load. -#}
{%- set lookback = 5000 -%}
with in_silver as (

    select {{ fields | join(', ') }}
    from {{ ref('silver_transactions_deltas') }}
    where
        _offset + {{ lookback }} >= {{ next_offset(ref('silver_transactions_deltas')) }}
        and _offset >= {{ history_start(ref('bronze_transactions')) | indent(8) }}

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

),

latest as (

    select *
    from changes
    order by _offset desc, sign desc
    limit 1 by transaction_id

),

-- A deleted payment's last row is its old image.
existing as (

    select
        transaction_id,
        occurred_at,
        account_id,
        merchant_id,
        amount,
        currency as currency_code,
        status,
        decline_code,
        _committed_at as committed_at,
        _op as operation
    from latest
    where sign = 1

),

valued as (

    {{ booked_in_eur(
        'existing', 'occurred_at', {'amount': 'amount_eur'}, ref('dim_fx_rates')
    ) | indent(4) }}

)

select
    valued.transaction_id as transaction_id,
    valued.account_id as account_id,
    valued.merchant_id as merchant_id,
    merchants.merchant_name as merchant_name,
    valued.occurred_at as occurred_at,
    valued.amount as amount,
    valued.currency_code as currency_code,
    valued.amount_eur as amount_eur,
    valued.status as status,
    valued.decline_code as decline_code,
    valued.operation as operation,
    valued.committed_at as committed_at
from valued
left join {{ ref('dim_merchants') }} as merchants on valued.merchant_id = merchants.merchant_id
order by committed_at desc
