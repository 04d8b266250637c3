{{ config(order_by=['transaction_id', '_offset'], index_granularity=256, tags=['background']) }}
{#- The log is in the order of offsets: without this, one payment's changes are a scan of all. Each
    payment is a place of its own in the table, so a granule is small. -#}
with events as (

    {{ new_events(
        ref('bronze_transactions'),
        ['_key', '_offset'],
        consumer=this,
        condition="_op != 't'",
    ) | indent(4) }}

),

keys as (

    select
        {{ row_image('_key', source_fields('transactions').key) }} as image,
        _offset
    from events

)

select
    {{ typed_fields('transactions', 'image', source_fields('transactions').key) }},
    -- cdc metadata
    _offset
from keys
