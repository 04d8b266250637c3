{#-
    Purpose: the Kafka offset at which the history of a deltas table begins: its lowest; the highest
    number there is while it is empty, so that nothing is ahead of it.
    Args: deltas: relation of the signed changes
-#}
{% macro first_delta(deltas) -%}
    (select if(count() = 0, toUInt64(18446744073709551615), min(_offset)) from {{ deltas }})
{%- endmacro %}
