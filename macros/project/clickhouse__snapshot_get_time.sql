{#-
    Purpose: the moment at which a snapshot run misses a deleted row, in the type and time zone of the
    commit times beside it. dbt-clickhouse would take now(): whole seconds, the server's time zone.
-#}
{% macro clickhouse__snapshot_get_time() -%}
    now64(6, 'UTC')
{%- endmacro %}
