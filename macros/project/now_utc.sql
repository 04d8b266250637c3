{#-
    Purpose: the moment of the query, UTC. "As of now" has one name, so a unit test can set the clock
    (overrides: macros: now_utc).
-#}
{% macro now_utc() -%}
    now('UTC')
{%- endmacro %}
