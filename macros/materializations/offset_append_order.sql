{#-
    Purpose: the sorting key of an offset_append model, as a list of columns: of its table, and of each
    batch.
-#}
{% macro offset_append_order() -%}
    {%- set order_by = config.require('order_by') -%}
    {{ order_by if order_by is string else order_by | join(', ') }}
{%- endmacro %}
