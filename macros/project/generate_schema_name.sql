{#-
    Purpose: the layer is the ClickHouse database, by its plain name.
    Why not dbt's default: it would prefix the profile's schema (`silver_gold`), and the dashboard,
    the grants and the loop all name `bronze`, `silver`, `gold`, `ops`.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
