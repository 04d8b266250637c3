{#-
    Purpose: a row image of a change event (its `before` or `after` JSON) as a named tuple of
    texts, in one pass over the JSON.
    Why texts: a JSON number read as Decimal goes through Float64, and a text can be checked before
    it becomes a value.
    Args: json: expression of type String; fields: names to extract
-#}
{% macro row_image(json, fields) -%}
    JSONExtract({{ json }}, 'Tuple(
        {%- for field in fields %}{{ field }} Nullable(String){{ ', ' if not loop.last }}{% endfor -%}
    )')
{%- endmacro %}
