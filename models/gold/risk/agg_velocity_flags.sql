with measured as (

    select
        entity_type,
        entity_id,
        as_of_minute,
        count_attempted_1m,
        count_attempted_10m,
        count_attempted_24h,
        arrayJoin([
            ('count_attempted_10m', count_attempted_10m),
            ('count_accounts_1h', ifNull(toInt64(count_accounts_1h), 0)),
            ('count_devices_24h', ifNull(toInt64(count_devices_24h), 0))
        ]) as measured_as
    from {{ ref('agg_velocity_now') }}

),

limited as (

    select
        measured.entity_type as entity_type,
        measured.entity_id as entity_id,
        measured.measured_as.1 as measure,
        measured.as_of_minute as as_of_minute,
        measured.measured_as.2 as count_measured,
        limits.minimum as minimum,
        limits.times_median * (quantileExactLow(0.5) (measured.measured_as.2) over (
            partition by measured.entity_type, measured.measured_as.1
        )) as above_median,
        measured.count_attempted_1m as count_attempted_1m,
        measured.count_attempted_10m as count_attempted_10m,
        measured.count_attempted_24h as count_attempted_24h
    from measured
    inner join {{ ref('velocity_limits') }} as limits
        on
            measured.entity_type = limits.entity_type
            and measured.measured_as.1 = limits.measure
    -- who did nothing in the window says nothing about what is usual
    where measured.measured_as.2 > 0

)

select
    entity_type,
    entity_id,
    measure,
    as_of_minute,
    count_measured,
    toInt64(greatest(toInt64(minimum), toInt64(above_median))) as count_limit,
    count_measured / count_limit as times_limit,
    count_attempted_1m,
    count_attempted_10m,
    count_attempted_24h
from limited
where count_measured > count_limit
