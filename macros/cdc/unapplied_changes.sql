{#-
    Purpose: the tail of bronze that a deltas table has not applied yet, as signed rows: what a live
    view adds to be as fresh as bronze.
    Args: table: name in source_fields(); log: bronze relation; deltas: the deltas table; columns: list
    of columns of the deltas to select
-#}
{% macro unapplied_changes(table, log, deltas, columns) -%}
    select {{ columns | join(', ') }}
    from (
        {{ signed_changes(table, log, consumer=deltas, limit=none) | indent(8) }}
    )
{%- endmacro %}
