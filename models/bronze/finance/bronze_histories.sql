{{ config(materialized='view') }}

{% for table in source_tables() %}
    {%- set log = ref('bronze_' ~ table) %}
    select
        '{{ table }}' as source_table,
        assumeNotNull({{ history_start(log) | indent(8) }}) as history_start,
        assumeNotNull({{ next_offset(log) }}) as next_offset
    {{ 'union all' if not loop.last }}
{% endfor %}
