{#-
    Purpose: the name under which this dbt invocation holds the writer lease. The transform loop sets
    FINHOUSE_WRITER, so that it takes its own lease back at once after a crash.
-#}
{% macro writer_lease_owner() -%}
    {{ env_var('FINHOUSE_WRITER', '') or 'dbt ' ~ flags.WHICH ~ ' ' ~ invocation_id }}
{%- endmacro %}
