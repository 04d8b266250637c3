{{ config(
    materialized='offset_append',
    engine='ReplacingMergeTree(_offset)',
    order_by=['transaction_id'],
    tags=['background'],
) }}
{%- set states = {
    'transactions': ref('silver_transactions_state'),
    'refunds': ref('silver_refunds_state'),
    'disputes': ref('silver_disputes_state'),
} -%}
{%- set deltas = {
    'transactions': ref('silver_transactions_deltas'),
    'refunds': ref('silver_refunds_deltas'),
    'disputes': ref('silver_disputes_deltas'),
} -%}
{%- set of_touched =
    '{0}_id in (select {0}_id from {1} where transaction_id in (select transaction_id from touched))'
-%}
{#- Not additive, so each payment that a change touches is computed anew from the states. The deltas
    say which payments those are: from the offset this table stopped at up to where both have come. -#}
with ends as (

    select
        least({{ next_offset(states.transactions) }}, {{ next_offset(deltas.transactions) }})
            as _transactions_offset,
        least({{ next_offset(states.refunds) }}, {{ next_offset(deltas.refunds) }})
            as _refunds_offset,
        least({{ next_offset(states.disputes) }}, {{ next_offset(deltas.disputes) }})
            as _disputes_offset

),

touched as materialized (

    {{ changed_payments(deltas.refunds, '_refunds_offset', this) | indent(4) }}
    union distinct
    {{ changed_payments(deltas.disputes, '_disputes_offset', this) | indent(4) }}
    union distinct
    select known.transaction_id
    from {{ this }} as known
    where known.transaction_id in (
        {{ changed_payments(deltas.transactions, '_transactions_offset', this) | indent(8) }}
    )

),

payments as (

    {{ current_rows(
        states.transactions,
        key=['transaction_id'],
        columns=[
            'transaction_id', 'account_id', 'merchant_id', 'occurred_at', 'currency', 'status', 'amount',
        ],
        where='transaction_id in (select transaction_id from touched)',
    ) | indent(4) }}

),

refunds as (

    {{ current_rows(
        states.refunds,
        key=['refund_id'],
        columns=['refund_id', 'transaction_id', 'status', 'amount'],
        where=of_touched.format('refund', states.refunds),
    ) | indent(4) }}

),

disputes as (

    {{ current_rows(
        states.disputes,
        key=['dispute_id'],
        columns=['dispute_id', 'transaction_id', 'status', 'amount'],
        where=of_touched.format('dispute', states.disputes),
    ) | indent(4) }}

),

refunded as (

    select
        transaction_id,
        toInt64(countIf(status = 'succeeded')) as count_refunds,
        sumIf(amount, status = 'succeeded') as refunded_amount
    from refunds
    group by transaction_id

),

disputed as (

    select
        transaction_id,
        toInt64(count()) as count_disputes,
        toInt64(countIf(status = 'lost')) as count_disputes_lost,
        sumIf(amount, status = 'lost') as lost_amount
    from disputes
    group by transaction_id

)

select
    touched.transaction_id as transaction_id,
    toDate(payments.occurred_at) as payment_date,
    payments.account_id as account_id,
    payments.merchant_id as merchant_id,
    payments.currency as currency_code,
    payments.status as status,
    payments.amount as amount,
    ifNull(refunded.count_refunds, 0) as count_refunds,
    cast(ifNull(refunded.refunded_amount, 0) as Decimal(38, 2)) as refunded_amount,
    ifNull(disputed.count_disputes, 0) as count_disputes,
    ifNull(disputed.count_disputes_lost, 0) as count_disputes_lost,
    cast(ifNull(disputed.lost_amount, 0) as Decimal(38, 2)) as lost_amount,
    -- cdc metadata
    ends._transactions_offset as _transactions_offset,
    ends._refunds_offset as _refunds_offset,
    ends._disputes_offset as _disputes_offset,
    ends._transactions_offset + ends._refunds_offset + ends._disputes_offset as _offset
from touched
left join payments on touched.transaction_id = payments.transaction_id
left join refunded on touched.transaction_id = refunded.transaction_id
left join disputed on touched.transaction_id = disputed.transaction_id
cross join ends
