{#-
    Purpose: the Kafka offset an offset_append table reads from next: one above the highest it holds,
    0 while it is empty.
    Args: relation: the table itself, `this` in a model
-#}
{% macro next_offset(relation) -%}
    (select if(count() = 0, toUInt64(0), max(_offset) + 1) from {{ relation }})
{%- endmacro %}
