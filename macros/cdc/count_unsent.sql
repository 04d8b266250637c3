{#-
    Purpose: how many texts of a row Debezium could not see, because Postgres keeps them out of line and
    the change left them alone, apart from those silver knows how to keep. Each would replace the real
    text, so the message is no use.
    Quotes around the placeholder make it the whole of a text: within one they would be escaped.
    Args: json: the row as it came, expression of type String; image: its row_image(); toastable: names of
    fields whose last known value silver keeps
-#}
{% macro count_unsent(json, image, toastable=[]) -%}
    countSubstrings({{ json }}, '"{{ unavailable_value() }}"')
    {%- for field in toastable %} - ifNull(tupleElement({{ image }}, '{{ field }}') = '{{ unavailable_value() }}', 0){% endfor %}
{%- endmacro %}
