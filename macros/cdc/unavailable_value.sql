{#-
    Purpose: what Debezium writes in place of a value that Postgres stores out of line (TOAST) and the
    change left alone: with the default replica identity the log does not hold it.
    Source: Debezium's PostgreSQL connector, property `unavailable.value.placeholder`, its default.
-#}
{% macro unavailable_value() -%}
    __debezium_unavailable_value
{%- endmacro %}
