{#-
    Purpose: the versions of rows as periods: from when to when a row had these attributes (slowly
    changing dimension, type 2). A change that touches no attribute begins no period; a delete ends one
    and a re-insert begins the next.
    Times are commit times, UTC. A row that Debezium's first snapshot found is valid from that snapshot:
    what it was before is not known. Two changes in one transaction have one commit time: the first
    is a period of no length, which no moment falls into.
    Args: history: table of row_history(); key: its key column; attributes: {column of the history:
    name it gets}
    Returns: select of the key, the attributes, valid_from, valid_to (NULL: still valid), is_current,
    _version
-#}
{% macro valid_periods(history, key, attributes) -%}
{%- set attributes_text = 'toString(tuple(_is_deleted, ' ~ attributes.keys() | join(', ') ~ '))' -%}
with versions as (

    select
        *,
        row_number() over row_versions as position_of_version,
        lagInFrame({{ attributes_text }}) over row_versions as previous_attributes
    from {{ history }}
    window row_versions as (
        partition by {{ key }} order by _version rows between unbounded preceding and current row
    )

),

changes as (

    select
        *,
        leadInFrame(toNullable(_committed_at)) over (
            partition by {{ key }}
            order by _version
            rows between unbounded preceding and unbounded following
        ) as next_change_at
    from versions
    where position_of_version = 1 or {{ attributes_text }} != previous_attributes

)

select
    {{ key }},
    {%- for column, name in attributes.items() %}
    {{ column }} as {{ name }},
    {%- endfor %}
    _committed_at as valid_from,
    next_change_at as valid_to,
    next_change_at is null as is_current,
    _version
from changes
where _is_deleted = 0
{%- endmacro %}
