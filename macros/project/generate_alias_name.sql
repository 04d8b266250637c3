{#-
    Purpose: `bronze_transactions` becomes `bronze.transactions`: the database already names the layer.
    Why a prefix at all: dbt model names are unique in a project, table names only in a database.
-#}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
    {%- set name = custom_alias_name or node.name -%}
    {%- set layer = (node.config.schema or '') ~ '_' if node.config else '' -%}
    {{ name[layer | length:] if layer != '_' and name.startswith(layer) else name }}
{%- endmacro %}
