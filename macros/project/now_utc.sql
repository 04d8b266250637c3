{#-
    Purpose: the moment of the query, UTC, to the millisecond. "As of now" has one name, so a unit test
    can set the clock (overrides: macros: now_utc), and a test of the whole warehouse can build it with
    the clock stopped (FINHOUSE_NOW).
    Why not today() or now(): they are in the time zone of the server.
-#}
{% macro now_utc() -%}
    {%- set stopped_at = env_var('FINHOUSE_NOW', '') -%}
    {{ "toDateTime64('" ~ stopped_at ~ "', 3, 'UTC')" if stopped_at else "now64(3, 'UTC')" }}
{%- endmacro %}
