{{ config(materialized='view') }}

{#- A field that does not fit is named in the log; what it said is in the message. -#}
{%- set side = "extract(_error, '^(after|before)[.]')" -%}
{%- set field = "extract(_error, '^[a-z]+[.]([a-z_]+) ')" -%}
{%- set value = "JSONExtractRaw(_raw, " ~ side ~ ", " ~ field ~ ")" -%}
{% for table in source_tables() %}
    {%- set log = ref('bronze_' ~ table) %}
    select
        '{{ table }}' as source_table,
        _offset as kafka_offset,
        if(
            {{ side }} = '',
            _error,
            concat(_error, ': ', substring(if({{ value }} = '', 'missing', {{ value }}), 1, 80))
        ) as reason,
        _error as refusal,
        _op as operation,
        _key as message_key,
        _raw as message,
        _ingested_at as ingested_at
    from {{ log }}
    where _error != ''
    {{ 'union all' if not loop.last }}
{% endfor %}
