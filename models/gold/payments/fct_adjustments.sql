with refunds as (

    {{ current_rows(
        ref('silver_refunds_state'),
        key=['refund_id'],
        columns=[
            'refund_id', 'transaction_id', 'amount', 'currency', 'status', 'reason', 'created_at',
            'updated_at',
        ],
    ) | indent(4) }}

),

disputes as (

    {{ current_rows(
        ref('silver_disputes_state'),
        key=['dispute_id'],
        columns=[
            'dispute_id', 'transaction_id', 'amount', 'currency', 'status', 'reason', 'opened_at',
            'updated_at',
        ],
    ) | indent(4) }}

)

select
    -- ids
    refund_id as adjustment_id,
    transaction_id,
    -- strings
    'refund' as adjustment_type,
    currency as currency_code,
    status,
    reason,
    -- numerics
    amount,
    -- timestamps
    created_at as adjusted_at,
    updated_at
from refunds
union all
select
    dispute_id as adjustment_id,
    transaction_id,
    'dispute' as adjustment_type,
    currency as currency_code,
    status,
    reason,
    amount,
    opened_at as adjusted_at,
    updated_at
from disputes
