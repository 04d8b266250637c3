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
        assumeNotNull({{ history_start(log) | indent(8) }}) as history_start,
        assumeNotNull({{ next_offset(log) }}) as next_offset
    {{ 'union all' if not loop.last }}
{% endfor %}
