{#-
    Purpose: the select of a state model: each new change event as a version of its row, typed as in
    source_fields(). A delete is a version too, marked `_is_deleted`.
    Args: table: name in source_fields(); log: bronze relation; consumer: the state table, `this` in a
    model
-#}
{% macro row_versions(table, log, consumer) -%}
{%- set contract = source_fields(table) -%}
with events as (

    {{ new_events(
        log, ['_op', 'before', 'after', '_lsn', '_offset', '_committed_at'], consumer
    ) | indent(4) }}

),

{% if contract.toastable is defined -%}
{{ kept_texts(table, log, consumer) }}
{%- else -%}
images as (

    select
        *,
        {{ row_image("if(_op = 'd', before, after)", contract.fields) }} as image
    from events

)
{%- endif %}

select
    {{ typed_fields(table, 'image') }},
    -- cdc metadata
    {{ row_version() }} as _version,
    toUInt8(cast(_op as String) = 'd') as _is_deleted,
    _offset,
    _committed_at
from images
{%- endmacro %}
