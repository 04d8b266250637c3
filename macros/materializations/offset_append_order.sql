{#-
    Purpose: the sorting key of an offset_append model, as a list of columns: of its table, and of each
    batch.
    Args: order_by: the model's config, a column or a list of columns
-#}
{% macro offset_append_order(order_by) -%}
    {{ order_by if order_by is string else order_by | join(', ') }}
{%- endmacro %}
