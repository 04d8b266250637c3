{#-
    Purpose: the new change events of a table with FULL replica identity as signed, typed rows: an
    insert is +1 with the new row, a delete -1 with the old row, an update both. Sums of
    `sign * measure` over them are exact without FINAL and without a join.
    Why the live views use it too: the last second of bronze has to be typed as silver types it.
    Args: table: name in source_fields(); log: bronze relation; consumer: the deltas table whose
    watermark counts, `this` in a model; limit: at most so many events (none: all of them)
-#}
{% macro signed_changes(table, log, consumer, limit=var('max_batch_events')) -%}
with events as (

    {{ new_events(
        log, ['_op', 'before', 'after', '_offset', '_committed_at'], consumer, limit
    ) | indent(4) }}

),

images as (

    select
        toInt8(tupleElement(change, 1)) as sign,
        {{ row_image('tupleElement(change, 2)', source_fields(table).fields) }} as image,
        _op,
        _offset,
        _committed_at
    from events
    array join [(-1, before), (1, after)] as change
    where tupleElement(change, 2) != ''

)

select
    sign,
    {{ typed_fields(table, 'image') }},
    -- cdc metadata
    _op,
    _offset,
    _committed_at,
    nowInBlock64(3, 'UTC') as _applied_at
from images
{%- endmacro %}
