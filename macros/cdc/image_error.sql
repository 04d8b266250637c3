{#-
    Purpose: why a row image breaks the source's contract; '' if it does not.
    Args: image: expression of row_image(); fields: {name: type} to check
-#}
{% macro image_error(image, fields) -%}
    multiIf(
        {%- for field, type in fields.items() %}
        {%- set value = "tupleElement(" ~ image ~ ", '" ~ field ~ "')" %}
        {%- if 'Nullable(' not in type %}
        isNull({{ parse_or_null(value, type) }}),
        concat('{{ field }}: ', ifNull(concat('"', substring({{ value }}, 1, 80), '" is no {{ base_type(type) | replace("'", "") }}'), 'missing')),
        {%- elif base_type(type) != 'String' %}
        isNotNull({{ value }}) and isNull({{ parse_or_null(value, type) }}),
        concat('{{ field }}: "', substring(assumeNotNull({{ value }}), 1, 80), '" is no {{ base_type(type) | replace("'", "") }}'),
        {%- endif %}
        {%- endfor %}
        ''
    )
{%- endmacro %}
