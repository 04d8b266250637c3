{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=['change_date', 'from_status', 'to_status', 'elapsed_bucket'],
) }}

with changes as (

    {{ new_deltas(
        ref('silver_transactions_status_history'),
        ['from_status', 'to_status', 'occurred_at', '_committed_at', '_offset'],
        consumer=this,
    ) | indent(4) }}

),

timed as (

    select
        toDate(_committed_at) as change_date,
        from_status,
        to_status,
        dateDiff('microsecond', occurred_at, _committed_at) as elapsed_microseconds,
        toDecimal128(elapsed_microseconds, 6) / 1000000 as elapsed_seconds,
        _offset
    from changes

)

select
    change_date,
    from_status,
    to_status,
    {{ log_bucket('elapsed_seconds') }} as elapsed_bucket,
    toInt64(count()) as count_changes,
    max(_offset) as _offset
from timed
group by change_date, from_status, to_status, elapsed_bucket
