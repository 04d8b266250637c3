{#-
    Purpose: the contract of one table, see source_tables(). Fails for a table that has none.
    Args: table: name of a table of schema `finance`
-#}
{% macro source_fields(table) %}
    {% set tables = source_tables() %}
    {% if table not in tables %}
        {% do exceptions.raise_compiler_error(
            "source_fields: no contract for table '" ~ table ~ "'; add it to macros/cdc/source_tables.sql"
        ) %}
    {% endif %}
    {{ return(tables[table]) }}
{% endmacro %}
