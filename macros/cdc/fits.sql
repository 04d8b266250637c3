{#-
    Purpose: whether the text of a Debezium field is there and is, digit by digit, a value of its
    ClickHouse type.
    Why patterns beside the parsers: a Decimal parser drops digits beyond its scale, Date wraps years
    outside 1970-2149, and the minute and day of a moment outside 1970-2105 are others (DateTime64 alone
    would reach from 1900 to 2299).
    Args: value: expression of type Nullable(String); type: as in source_fields()
    Returns: UInt8, 0 for NULL
-#}
{% macro fits(value, type) -%}
    {%- set bare = base_type(type) -%}
    {%- if bare.startswith('Decimal(') -%}
        {%- set precision, scale = bare[8:-1].split(',') -%}
        ifNull(match({{ value }}, '^-?[0-9]{1,{{ precision | int - scale | int }}}(\\.[0-9]{1,{{ scale | int }}})?$'), 0)
    {%- elif bare.startswith('DateTime64(') -%}
        (ifNull(match({{ value }}, '^(19[7-9]|20[0-9])[0-9]-'), 0) and isNotNull({{ parsed(value, type) }}))
    {%- elif bare == 'Date' -%}
        (
            ifNull(match({{ value }}, '^(19[7-9][0-9]|20[0-9]{2}|21[0-3][0-9])-[0-9]{2}-[0-9]{2}Z?$'), 0)
            and isNotNull({{ parsed(value, type) }})
        )
    {%- else -%}
        isNotNull({{ parsed(value, type) }})
    {%- endif -%}
{%- endmacro %}
