{{ config(materialized='offset_append', order_by='_offset', tags=['live']) }}
{#- Last of the cycle: its `_applied_at` says when the facts below were done. -#}
-- depends_on: {{ ref('fct_payments_by_minute') }}
-- depends_on: {{ ref('fct_payments_by_day') }}
-- depends_on: {{ ref('fct_account_activity_by_day') }}
with heartbeats as (

    {{ new_deltas(
        ref('silver_heartbeats'),
        [
            'beat_at', 'marker', '_committed_at', '_captured_at', '_published_at', '_ingested_at',
            '_applied_at', '_offset',
        ],
        consumer=this,
    ) | indent(4) }}

)

select
    beat_at,
    marker,
    _committed_at as committed_at,
    _captured_at as captured_at,
    _published_at as published_at,
    _ingested_at as ingested_at,
    _applied_at as silver_at,
    nowInBlock64(3, 'UTC') as gold_at,
    _offset
from heartbeats
