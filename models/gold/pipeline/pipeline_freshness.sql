with in_bronze as (

    select
        _committed_at,
        _captured_at,
        _published_at,
        _ingested_at
    from {{ ref('bronze_heartbeat') }}
    where _error = ''
    order by _offset desc
    limit 1

),

in_silver as (

    select
        _committed_at,
        _ingested_at,
        _applied_at
    from {{ ref('silver_heartbeats') }}
    order by _offset desc
    limit 1

),

in_gold as (

    select
        committed_at,
        silver_at,
        gold_at
    from {{ ref('fct_heartbeats') }}
    order by _offset desc
    limit 1

),

hops as (

    select
        toUInt8(1) as hop_order,
        'postgres → debezium' as hop,
        _committed_at as newest_commit_at,
        dateDiff('millisecond', _committed_at, _captured_at) as hop_milliseconds
    from in_bronze
    union all
    select
        toUInt8(2) as hop_order,
        'debezium → kafka' as hop,
        _committed_at as newest_commit_at,
        dateDiff('millisecond', _captured_at, _published_at) as hop_milliseconds
    from in_bronze
    union all
    select
        toUInt8(3) as hop_order,
        'kafka → bronze' as hop,
        _committed_at as newest_commit_at,
        dateDiff('millisecond', _published_at, _ingested_at) as hop_milliseconds
    from in_bronze
    union all
    select
        toUInt8(4) as hop_order,
        'bronze → silver' as hop,
        _committed_at as newest_commit_at,
        dateDiff('millisecond', _ingested_at, _applied_at) as hop_milliseconds
    from in_silver
    union all
    select
        toUInt8(5) as hop_order,
        'silver → gold' as hop,
        committed_at as newest_commit_at,
        dateDiff('millisecond', silver_at, gold_at) as hop_milliseconds
    from in_gold

)

select
    hop_order,
    hop,
    newest_commit_at,
    dateDiff('millisecond', newest_commit_at, {{ now_utc() }}) / 1000 as lag_seconds,
    hop_milliseconds / 1000 as hop_seconds
from hops
