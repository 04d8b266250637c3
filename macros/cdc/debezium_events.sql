{#-
    Purpose: the select of a bronze materialized view: one row per Kafka message of a Debezium
    topic, parsed in one pass, checked against the source's contract, never dropped.
    Why RawBLOB and not JSONEachRow: a message that is no JSON would stop the stream; and one
    JSONExtract into a tuple was measured at twice the speed of the JSONEachRow format.
    A message that breaks the contract keeps its bytes in `_raw` and says why in `_error`; silver
    reads only rows with an empty `_error`, `bronze.quarantine` the others.
    Source of the envelope's fields: Debezium's PostgreSQL connector, "Data change events".
    Args: table: name in source_fields(); queue: relation of the Kafka engine table
-#}
{% macro debezium_events(table, queue) -%}
{#- The queue is this model's own object; naming the source draws the line from topic to log. -#}
{%- do source('kafka', table) -%}
{%- set contract = source_fields(table) -%}
{%- set key_fields = {} -%}
{%- for field in contract.key %}{% do key_fields.update({field: contract.fields[field]}) %}{% endfor -%}
{#- Without REPLICA IDENTITY FULL the old row carries its key only. -#}
{%- set before_fields = contract.fields if contract.full_before else key_fields -%}
{%- set has_before = "op in ('u', 'd')" if contract.full_before else "op = 'd'" -%}
with messages as (

    select
        raw,
        JSONExtract(
            raw,
            'Tuple(op String, before String, after String, ts_us UInt64, source Tuple(ts_us UInt64, lsn UInt64, txId UInt64, sequence String, snapshot String))'
        ) as event,
        tupleElement(event, 'op') as op,
        tupleElement(event, 'before') as before_image,
        tupleElement(event, 'after') as after_image,
        {{ row_image('after_image', contract.fields) }} as after_row,
        {{ row_image('before_image', before_fields) }} as before_row,
        multiIf(
            op not in ('c', 'r', 'u', 'd', 't'),
            if(isValidJSON(raw), 'no Debezium operation', 'message is no JSON'),
            _partition != 0, 'topic has more than one partition',
            tupleElement(tupleElement(event, 'source'), 'lsn') = 0, 'no LSN',
            tupleElement(tupleElement(event, 'source'), 'snapshot') = 'incremental',
            'an incremental snapshot is not supported: ./finhouse recapture takes a whole one',
            op in ('c', 'r', 'u') and after_image = '', 'no row after the change',
            {{ has_before }} and before_image = '',
            'no row before the change: is the replica identity set?',
            op in ('c', 'r', 'u') and {{ count_unsent('after_image', 'after_row', contract.get('toastable', [])) }} > 0,
            'a text was not sent because it did not change: list it as toastable in source_fields()',
            {%- if contract.full_before %}
            {{ has_before }} and {{ count_unsent('before_image', 'before_row') }} > 0,
            'a text of the old row was not sent: is the replica identity set?',
            {%- endif %}
            ''
        ) as envelope_error,
        _topic,
        _partition,
        _offset,
        _key,
        _timestamp_ms
    from {{ queue }}

),

checked as (

    select
        *,
        if(op in ('c', 'r', 'u'), {{ misfit('after_row', contract.fields) | indent(8) }}, 0) as after_misfit,
        if({{ has_before }}, {{ misfit('before_row', before_fields) | indent(8) }}, 0) as before_misfit
    from messages

),

explained as (

    select
        *,
        multiIf(
            envelope_error != '', envelope_error,
            after_misfit > 0, 'after.' || {{ misfit_text('after_misfit', contract.fields) }},
            before_misfit > 0, 'before.' || {{ misfit_text('before_misfit', before_fields) }},
            ''
        ) as error
    from checked

)

select
    op as _op,
    before_image as before,
    after_image as after,
    tupleElement(tupleElement(event, 'source'), 'lsn') as _lsn,
    tupleElement(tupleElement(event, 'source'), 'sequence') as _sequence,
    tupleElement(tupleElement(event, 'source'), 'txId') as _tx_id,
    fromUnixTimestamp64Micro(tupleElement(tupleElement(event, 'source'), 'ts_us'), 'UTC') as _committed_at,
    fromUnixTimestamp64Micro(tupleElement(event, 'ts_us'), 'UTC') as _captured_at,
    ifNull(_timestamp_ms, toDateTime64(0, 3, 'UTC')) as _published_at,
    nowInBlock64(3, 'UTC') as _ingested_at,
    _topic as _topic,
    toUInt32(_partition) as _partition,
    toUInt64(_offset) as _offset,
    _key as _key,
    error as _error,
    if(error = '', '', raw) as _raw
from explained
{%- endmacro %}
