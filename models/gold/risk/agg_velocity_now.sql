{%- set as_of = 'assumeNotNull((select newest.as_of from newest))' -%}
with newest as (

    select max(minute) as as_of
    from (
        select minute
        from {{ ref('fct_attempts_by_minute') }}
        where minute > {{ now_utc() }} - interval 24 hour and minute <= {{ now_utc() }}
        group by minute
        having sum(count_payments) > 0
    )

),

attempts as (

    select
        minute,
        account_id,
        ip,
        device_id,
        count_payments
    from {{ ref('fct_attempts_by_minute') }}
    where minute >= {{ as_of }} - interval 24 hour and minute < {{ as_of }}

),

by_device as (

    select
        account_id,
        device_id,
        sumIf(count_payments, minute >= {{ as_of }} - interval 1 minute) as count_attempted_1m,
        sumIf(count_payments, minute >= {{ as_of }} - interval 10 minute) as count_attempted_10m,
        sum(count_payments) as count_attempted_24h
    from attempts
    group by account_id, device_id
    having count_attempted_24h > 0

),

by_address as (

    select
        ip,
        account_id,
        sumIf(count_payments, minute >= {{ as_of }} - interval 1 minute) as count_attempted_1m,
        sumIf(count_payments, minute >= {{ as_of }} - interval 10 minute) as count_attempted_10m,
        sumIf(count_payments, minute >= {{ as_of }} - interval 1 hour) as count_attempted_1h,
        sum(count_payments) as count_attempted_24h
    from attempts
    where ip != ''
    group by ip, account_id
    having count_attempted_24h > 0

),

entities as (

    select
        'account' as entity_type,
        toString(account_id) as entity_id,
        sum(count_attempted_1m) as count_attempted_1m,
        sum(count_attempted_10m) as count_attempted_10m,
        sum(count_attempted_24h) as count_attempted_24h,
        cast(null as Nullable(UInt64)) as count_accounts_1h,
        cast(countIf(device_id != '') as Nullable(UInt64)) as count_devices_24h
    from by_device
    group by account_id
    union all
    select
        'device' as entity_type,
        device_id as entity_id,
        sum(count_attempted_1m) as count_attempted_1m,
        sum(count_attempted_10m) as count_attempted_10m,
        sum(count_attempted_24h) as count_attempted_24h,
        cast(null as Nullable(UInt64)) as count_accounts_1h,
        cast(null as Nullable(UInt64)) as count_devices_24h
    from by_device
    where device_id != ''
    group by device_id
    union all
    select
        'ip' as entity_type,
        ip as entity_id,
        sum(count_attempted_1m) as count_attempted_1m,
        sum(count_attempted_10m) as count_attempted_10m,
        sum(count_attempted_24h) as count_attempted_24h,
        cast(countIf(count_attempted_1h > 0) as Nullable(UInt64)) as count_accounts_1h,
        cast(null as Nullable(UInt64)) as count_devices_24h
    from by_address
    group by ip

)

select
    entity_type,
    entity_id,
    {{ as_of }} as as_of_minute,
    count_attempted_1m,
    count_attempted_10m,
    count_attempted_24h,
    count_accounts_1h,
    count_devices_24h
from entities
