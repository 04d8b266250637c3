{{ config(materialized='view') }}

{% for table in source_tables() %}
    {%- set log = ref('bronze_' ~ table) %}
    select
        '{{ table }}' as source_table,
        _offset as kafka_offset,
        _error as reason,
        _op as operation,
        _key as message_key,
        _raw as message,
        _ingested_at as ingested_at
    from {{ log }}
    where _error != ''
    {{ 'union all' if not loop.last }}
{% endfor %}
