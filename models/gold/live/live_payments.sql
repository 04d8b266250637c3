{#- What a reader filters by is a key of the join: the condition then holds on both of its sides,
    and a question about few payments joins the changes of those only. -#}
{%- set keys = [
    'transaction_id', 'occurred_at', 'account_id', 'merchant_id', 'amount', 'currency_code', 'status',
    'decline_code',
] -%}
with replaced as (

    select
        {{ keys | join(',\n        ') }},
        max(_offset) as replaced_at
    from {{ ref('live_signed_payments') }}
    where sign = -1
    group by {{ keys | join(', ') }}

),

became as (

    select
        {{ keys | join(',\n        ') }},
        committed_at,
        _offset
    from {{ ref('live_signed_payments') }}
    where sign = 1

),

-- A row as it became counts until a later change takes just that row back; an update takes back and
-- puts in place at one offset.
existing as (

    select became.*
    from became
    left join replaced using ({{ keys | join(', ') }})
    where replaced.replaced_at is null or became._offset >= replaced.replaced_at

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
    merchants.merchant_category as merchant_category,
    merchants.merchant_country as merchant_country,
    valued.occurred_at as occurred_at,
    valued.amount as amount,
    valued.currency_code as currency_code,
    valued.amount_eur as amount_eur,
    valued.status as status,
    valued.decline_code as decline_code,
    valued.committed_at as committed_at
from valued
left join {{ ref('dim_merchants') }} as merchants on valued.merchant_id = merchants.merchant_id
