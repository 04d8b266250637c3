{#-
    Purpose: the text of a Debezium field as its ClickHouse type, NULL if it does not fit exactly.
    Why not toDecimal64OrZero, toDateTime or a plain cast: OrZero turns garbage into 0.00,
    toDecimal64 drops digits beyond its scale without a word, Date wraps years outside 1970-2149, and
    the minute and day of a moment outside 1970-2105 are others (DateTime64 alone would reach from
    1900 to 2299). Here anything that would change is NULL, and bronze quarantines the message.
    Args: value: expression of type Nullable(String); type: as in source_fields()
-#}
{% macro parse_or_null(value, type) -%}
    {%- set bare = base_type(type) -%}
    {%- if bare.startswith('Decimal(') -%}
        {%- set precision, scale = bare[8:-1].split(',') -%}
        if(
            match({{ value }}, '^-?[0-9]{1,{{ precision | int - scale | int }}}(\\.[0-9]{1,{{ scale | int }}})?$'),
            toDecimal64OrNull({{ value }}, {{ scale | int }}),
            null
        )
    {%- elif bare.startswith('DateTime64(') -%}
        if(
            match({{ value }}, '^(19[7-9]|20[0-9])[0-9]-'),
            parseDateTime64BestEffortOrNull({{ value }}, 6, 'UTC'),
            null
        )
    {%- elif bare == 'Date' -%}
        {#- Debezium's ISO dates end in Z. -#}
        if(
            match({{ value }}, '^(19[7-9][0-9]|20[0-9]{2}|21[0-3][0-9])-[0-9]{2}-[0-9]{2}Z?$'),
            toDateOrNull(substring({{ value }}, 1, 10)),
            null
        )
    {%- elif bare == 'UUID' -%}
        toUUIDOrNull({{ value }})
    {%- elif bare == 'UInt8' -%}
        toUInt8OrNull({{ value }})
    {%- elif bare == 'Bool' -%}
        transform({{ value }}, ['true', 'false'], [true, false], null)
    {%- elif bare == 'String' -%}
        {{ value }}
    {%- else -%}
        {%- do exceptions.raise_compiler_error('parse_or_null: no exact parser for type ' ~ type) -%}
    {%- endif -%}
{%- endmacro %}
