{#-
    Purpose: why a row image breaks the source's contract; '' if it does not.
    A text that Debezium could not see, because Postgres keeps it out of line and the change left it
    alone, is an error unless the field is listed as toastable: it would replace the real text.
    Args: image: expression of row_image(); fields: {name: type} to check; toastable: names of fields
    whose last known value silver keeps
-#}
{% macro image_error(image, fields, toastable=[]) -%}
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
        {%- if base_type(type) == 'String' and field not in toastable %}
        {{ value }} = '{{ unavailable_value() }}',
        '{{ field }}: not sent because it did not change; list it as toastable in source_fields()',
        {%- endif %}
        {%- endfor %}
        ''
    )
{%- endmacro %}
