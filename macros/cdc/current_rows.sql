{#-
    Purpose: the current rows of a state table: newest version of each key, deleted ones gone.
    Why not FINAL: on a view it is silently ignored, on a CTE (a unit test's input) an error.
    Args: relation: state table; key: list of key columns; columns: list of columns to select; where:
    condition on key columns that names the rows wanted (none: all of them)
-#}
{% macro current_rows(relation, key, columns, where=none) -%}
    select {{ columns | join(', ') }}
    from (
        select {{ (columns + ['_is_deleted']) | join(', ') }}
        from {{ relation }}
        {%- if where %}
        where {{ where }}
        {%- endif %}
        order by _version desc
        limit 1 by {{ key | join(', ') }}
    )
    where _is_deleted = 0
{%- endmacro %}
