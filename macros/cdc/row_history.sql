{#-
    Purpose: the select of a history model: each new change event as a version of its row. A delete is
    a version too, marked `_is_deleted`, with its key only.
    Why beside row_versions(): a state table forgets old versions when it merges; this one keeps all,
    so it names the fields worth keeping.
    Args: table: name in source_fields(); log: bronze relation; consumer: the history table, `this` in a
    model; names: list of fields, the key among them
-#}
{% macro row_history(table, log, consumer, names) -%}
with events as (

    {{ new_events(
        log, ['_op', 'before', 'after', '_lsn', '_offset', '_committed_at'], consumer
    ) | indent(4) }}

),

images as (

    select
        *,
        {{ row_image("if(_op = 'd', before, after)", names) }} as image
    from events
    where _op in ('c', 'r', 'u', 'd')

)

select
    {{ typed_fields(table, 'image', names) }},
    -- cdc metadata
    {{ row_version() }} as _version,
    toUInt8(cast(_op as String) = 'd') as _is_deleted,
    _offset,
    _committed_at
from images
{%- endmacro %}
