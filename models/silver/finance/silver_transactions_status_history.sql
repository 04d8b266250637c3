{{ config(order_by=['_offset']) }}
{#- The watermark is the last change of a status, not the last event: events after it are read again
    until one changes a status, so the condition stands inside the batch. -#}
with events as (

    {{ new_events(
        ref('bronze_transactions'),
        ['_op', 'before', 'after', '_lsn', '_offset', '_committed_at'],
        consumer=this,
        condition="JSONExtractString(before, 'status') != JSONExtractString(after, 'status')",
    ) | indent(4) }}

),

images as (

    select
        JSONExtractString(before, 'status') as from_status,
        JSONExtractString(after, 'status') as to_status,
        {{ row_image("if(_op = 'd', before, after)", ['transaction_id', 'occurred_at']) }} as image,
        _op,
        _lsn,
        _offset,
        _committed_at
    from events

)

select
    {{ typed_fields('transactions', 'image', ['transaction_id', 'occurred_at']) }},
    cast(from_status as LowCardinality(String)) as from_status,
    cast(to_status as LowCardinality(String)) as to_status,
    -- cdc metadata
    _op,
    _lsn,
    _offset,
    _committed_at
from images
