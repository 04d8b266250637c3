{#-
    Purpose: one batch of an offset_append model: nothing, if its table is no longer where the batch begins.
    Args: relation: the table to write; select: the model's SQL; columns: names; order_by: the model's
    config; position: the watermark the batch starts from
-#}
{% macro offset_append_insert(relation, select, columns, order_by, position) -%}
insert into {{ relation }}
({{ columns | join(', ') }})
select * from (
{{ select }}
)
where {{ next_offset(relation) }} = {{ position }}
order by {{ offset_append_order(order_by) }}
settings
    {{ offset_append_settings(position) }}
{%- endmacro %}
