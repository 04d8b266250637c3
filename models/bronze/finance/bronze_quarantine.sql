{{ config(materialized='view') }}

{%- set logs = {
    'accounts': ref('bronze_accounts'),
    'merchants': ref('bronze_merchants'),
    'ip_geo': ref('bronze_ip_geo'),
    'fx_rates': ref('bronze_fx_rates'),
    'transactions': ref('bronze_transactions'),
    'refunds': ref('bronze_refunds'),
    'disputes': ref('bronze_disputes'),
    'heartbeat': ref('bronze_heartbeat'),
} %}
{% for table, log in logs.items() %}
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
