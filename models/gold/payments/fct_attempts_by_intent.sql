{{ config(
    materialized='offset_append',
    order_by=['intent_key', '_offset'],
    index_granularity=128,
    tags=['background'],
) }}
{#- What fct_intents_by_day looks up: the changes of all attempts with some thousand keys. Each key
    is a place of its own in the table, so a granule is small. -#}
with deltas as (

    {{ new_deltas(
        ref('silver_transactions_deltas'),
        [
            'sign', 'transaction_id', 'account_id', 'merchant_id', 'occurred_at', 'currency', 'amount',
            'status', 'decline_code', '_offset',
        ],
        consumer=this,
    ) | indent(4) }}

)

select
    {{ intent_key() }} as intent_key,
    sign,
    transaction_id,
    merchant_id,
    occurred_at,
    currency as currency_code,
    amount,
    status,
    ifNull(decline_code, '') as decline_code,
    -- cdc metadata
    _offset
from deltas
