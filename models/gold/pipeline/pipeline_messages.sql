{#- So many offsets of each topic, a range of the index: no query on the view reads a whole log. -#}
{%- set lookback = 10000 -%}
{% for table, contract in source_tables().items() %}
    {%- set log = ref('bronze_' ~ table) %}
    select
        '{{ table }}' as source_table,
        _topic as topic,
        _partition as kafka_partition,
        _offset as kafka_offset,
        _op as operation,
        {#- A message that breaks the contract may hold anything anywhere. #}
        if(_error != '', '', {{ masked_image('_key', contract) | indent(8) }}) as masked_key,
        if(_error != '', '', {{ masked_image('before', contract) | indent(8) }}) as masked_before,
        if(_error != '', '', {{ masked_image('after', contract) | indent(8) }}) as masked_after,
        _error as refusal,
        _committed_at as committed_at,
        _captured_at as captured_at,
        _published_at as published_at,
        _ingested_at as ingested_at
    from {{ log }}
    where _offset + {{ lookback }} >= {{ next_offset(log) }}
    limit 1 by _offset
    {{ 'union all' if not loop.last }}
{% endfor %}
