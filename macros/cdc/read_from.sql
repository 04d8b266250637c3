{#-
    Purpose: the offset a batch begins with: the consumer's watermark, or the start of its input's
    history while the consumer is empty.
    A consumer that holds rows from before the start of the history must not go on: what it has is
    void, and the new history states it again. Its batch is empty (the highest number there is), and
    offset_append builds it anew.
    Args: start: expression, history_start() or first_delta(); consumer: the relation whose watermark
    counts, `this` in a model
-#}
{% macro read_from(start, consumer) -%}
    {%- set next = next_offset(consumer) -%}
    {%- set is_void = next ~ ' > 0 and ' ~ next ~ ' <= ' ~ start -%}
    {{ void_if(is_void) }}
    if({{ is_void }}, toUInt64(18446744073709551615), greatest({{ next }}, {{ start }}))
{%- endmacro %}
