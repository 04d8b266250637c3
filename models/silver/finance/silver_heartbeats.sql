{{ config(order_by='_offset', tags=['live']) }}

with events as (

    {{ new_events(
        ref('bronze_heartbeat'),
        ['after', '_committed_at', '_captured_at', '_published_at', '_ingested_at', '_offset'],
        consumer=this,
    ) | indent(4) }}

),

images as (

    select
        *,
        {{ row_image('after', source_fields('heartbeat').fields) }} as image
    from events
    where after != ''

)

select
    {{ typed_fields('heartbeat', 'image') }},
    _committed_at,
    _captured_at,
    _published_at,
    _ingested_at,
    nowInBlock64(3, 'UTC') as _applied_at,
    _offset
from images
