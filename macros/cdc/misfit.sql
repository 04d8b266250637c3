{#-
    Purpose: which field of a row image breaks the source's contract first: its place among the fields
    that can, from 1; 0 if none does. misfit_text() says it in words.
    Why two steps, and no values in the words: all that could go wrong, with its value, would make the
    query that each block of messages runs through three times as long, and its planning, not the rows,
    is what a small block costs.
    Args: image: expression of row_image(); fields: {name: type} to check
-#}
{% macro misfit(image, fields) -%}
    multiIf(
        {%- for field, type in fallible_fields(fields).items() %}
        {%- set value = "tupleElement(" ~ image ~ ", '" ~ field ~ "')" %}
        {{ 'isNotNull(' ~ value ~ ') and ' if 'Nullable(' in type }}not {{ fits(value, type) }}, {{ loop.index }},
        {%- endfor %}
        0
    )
{%- endmacro %}
