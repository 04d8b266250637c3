with looks as (

    select
        checked_at,
        kafka_error,
        connect_error,
        connector_state,
        task_state,
        connector_error,
        postgres_error,
        slot_state,
        wal_status,
        retained_bytes,
        wal_bytes
    from {{ source('ops', 'server_checks') }}

),

newest as (

    select *
    from looks
    order by checked_at desc
    limit 1

),

answered as (

    select
        maxOrNullIf(checked_at, kafka_error = '') as kafka_answered_at,
        maxOrNullIf(checked_at, connect_error = '') as connect_answered_at,
        maxOrNullIf(checked_at, postgres_error = '') as postgres_answered_at
    from looks

)

select
    newest.checked_at as checked_at,
    dateDiff('millisecond', newest.checked_at, {{ now_utc() }}) / 1000 as age_seconds,
    newest.kafka_error as kafka_error,
    answered.kafka_answered_at as kafka_answered_at,
    newest.connect_error as connect_error,
    answered.connect_answered_at as connect_answered_at,
    newest.connector_state as connector_state,
    newest.task_state as task_state,
    newest.connector_error as connector_error,
    newest.postgres_error as postgres_error,
    answered.postgres_answered_at as postgres_answered_at,
    newest.slot_state as slot_state,
    newest.wal_status as wal_status,
    newest.retained_bytes as retained_bytes,
    newest.wal_bytes as wal_bytes
from newest
cross join answered
