{#-
    Purpose: the fields of a contract that a message can break: all but texts that may be NULL.
    Args: fields: {name: type}
    Returns: {name: type}
-#}
{% macro fallible_fields(fields) %}
    {% set found = {} %}
    {% for field, type in fields.items() if 'Nullable(' not in type or base_type(type) != 'String' %}
        {% do found.update({field: type}) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}
