{#- Read it by `_offset`, which is the order of everything below: the offsets of a payment are in
    live_payment_offsets. -#}
{%- set log = ref('bronze_transactions') -%}
{%- set contract = source_fields('transactions') -%}
{%- set touched = [] -%}
{%- for field in contract.fields if field not in contract.key + ['updated_at'] -%}
    {%- do touched.append(
        "('" ~ field ~ "', tupleElement(old_row, '" ~ field ~ "'), tupleElement(new_row, '" ~ field ~ "'))"
    ) -%}
{%- endfor -%}
{#- So many heartbeats are a day. -#}
{%- set heartbeats = 86400 -%}
with events as (

    select
        _op,
        before,
        after,
        _lsn,
        _tx_id,
        _committed_at,
        _captured_at,
        _published_at,
        _ingested_at,
        _partition,
        _offset
    from {{ log }}
    where
        _offset >= {{ history_start(log) | indent(8) }}
        and _error = ''
        and _op != 't'
    limit 1 by _offset

),

images as (

    select
        *,
        {{ row_image('before', contract.fields) }} as old_row,
        {{ row_image('after', contract.fields) }} as new_row,
        if(_op = 'd', old_row, new_row) as image
    from events

),

typed as (

    select
        {{ typed_fields('transactions', 'image') }},
        cast(currency as LowCardinality(String)) as currency_code,
        _op as operation,
        -- The key stays, and the source touches updated_at with each change.
        arrayFilter(
            change -> ifNull(change.2 != change.3, isNull(change.2) != isNull(change.3)),
            [
                {{ touched | join(',\n                ') }}
            ]
        ) as changes,
        _committed_at as committed_at,
        _captured_at as captured_at,
        _published_at as published_at,
        _ingested_at as ingested_at,
        _lsn,
        _tx_id,
        _partition,
        _offset
    from images

),

valued as (

    {{ booked_in_eur(
        'typed', 'occurred_at', {'amount': 'amount_eur'}, ref('dim_fx_rates')
    ) | indent(4) }}

),

in_silver as (

    select
        _offset,
        max(_applied_at) as silver_at
    from {{ ref('silver_transactions_deltas') }}
    group by _offset

),

applied as (

    select
        valued.*,
        in_silver.silver_at as silver_at,
        -- An ASOF join takes no NULL, and needs a column that is equal.
        ifNull(in_silver.silver_at, toDateTime64('2200-01-01', 3, 'UTC')) as applied_at,
        valued._offset < least(
            {{ next_offset(ref('fct_payments_by_day')) }},
            {{ next_offset(ref('fct_payments_by_minute')) }}
        ) as is_in_gold,
        1 as pipeline
    from valued
    left join in_silver on valued._offset = in_silver._offset

),

cycles as (

    select
        gold_at,
        1 as pipeline
    from {{ ref('fct_heartbeats') }}
    where _offset + {{ heartbeats }} >= {{ next_offset(ref('fct_heartbeats')) }}

),

oldest_cycle as (

    select min(gold_at) as since
    from cycles

),

addresses as (

    {{ current_rows(
        ref('silver_ip_geo_state'), key=['ip'], columns=['ip', 'country', 'is_proxy_or_vpn']
    ) | indent(4) }}

)

select
    -- ids
    applied.transaction_id as transaction_id,
    applied.account_id as account_id,
    applied.merchant_id as merchant_id,
    applied.device_id as device_id,
    -- strings
    merchants.merchant_name as merchant_name,
    applied.currency_code as currency_code,
    applied.status as status,
    applied.decline_code as decline_code,
    applied.ip as ip,
    ifNull(cast(addresses.country as Nullable(String)), '') as ip_country,
    applied.operation as operation,
    applied.changes as changes,
    -- numerics
    applied.amount as amount,
    applied.amount_eur as amount_eur,
    -- booleans
    ifNull(addresses.is_proxy_or_vpn, false) as is_proxy_or_vpn,
    cast(applied.is_in_gold as Bool) as is_in_gold,
    -- timestamps
    applied.occurred_at as occurred_at,
    applied.updated_at as updated_at,
    applied.committed_at as committed_at,
    applied.captured_at as captured_at,
    applied.published_at as published_at,
    applied.ingested_at as ingested_at,
    applied.silver_at as silver_at,
    if(
        applied.is_in_gold and applied.applied_at >= (select oldest_cycle.since from oldest_cycle),
        cycles.gold_at,
        null
    ) as gold_at,
    -- cdc metadata
    applied._lsn as _lsn,
    applied._tx_id as _tx_id,
    applied._partition as _partition,
    applied._offset as _offset
from applied
asof left join cycles
    on applied.pipeline = cycles.pipeline and applied.applied_at <= cycles.gold_at
left join addresses on applied.ip = addresses.ip
left join {{ ref('dim_merchants') }} as merchants on applied.merchant_id = merchants.merchant_id
