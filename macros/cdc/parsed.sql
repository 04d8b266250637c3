{#-
    Purpose: the text of a Debezium field as a value of its ClickHouse type, NULL if it is none.
    Exact only where fits() holds: toDecimal64OrNull drops digits beyond its scale without a word. Bronze
    has quarantined what does not fit, so silver need not look again.
    Args: value: expression of type Nullable(String); type: as in source_fields()
-#}
{% macro parsed(value, type) -%}
    {%- set bare = base_type(type) -%}
    {%- if bare.startswith('Decimal(') -%}
        toDecimal64OrNull({{ value }}, {{ bare[8:-1].split(',')[1] | int }})
    {%- elif bare.startswith('DateTime64(') -%}
        parseDateTime64BestEffortOrNull({{ value }}, 6, 'UTC')
    {%- elif bare == 'Date' -%}
        {#- Debezium's ISO dates end in Z. -#}
        toDateOrNull(substring({{ value }}, 1, 10))
    {%- elif bare == 'UUID' -%}
        toUUIDOrNull({{ value }})
    {%- elif bare == 'UInt8' -%}
        toUInt8OrNull({{ value }})
    {%- elif bare == 'Bool' -%}
        transform({{ value }}, ['true', 'false'], [true, false], null)
    {%- elif bare == 'String' -%}
        {{ value }}
    {%- else -%}
        {%- do exceptions.raise_compiler_error('parsed: no parser for type ' ~ type) -%}
    {%- endif -%}
{%- endmacro %}
