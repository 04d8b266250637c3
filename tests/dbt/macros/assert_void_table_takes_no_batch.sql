{#-
    Guards: a table whose rows are from before its input's history began gets no batch, from a log or
    from deltas. A failure means that old and new rows would be added up, should a TRUNCATE arrive
    between the look at the log and the INSERT.
-#}
with change_log as (

    select
        toUInt64(1) as _offset,
        'c' as _op,
        '' as _error,
        toUInt64(100) as _lsn
    union all
    select
        toUInt64(2) as _offset,
        't' as _op,
        '' as _error,
        toUInt64(200) as _lsn
    union all
    select
        toUInt64(3) as _offset,
        'c' as _op,
        '' as _error,
        toUInt64(300) as _lsn

),

new_history as (

    select toUInt64(3) as _offset

),

old_table as (

    select toUInt64(1) as _offset

),

from_log as (

    {{ new_events('change_log', ['_offset'], 'old_table') | indent(4) }}

),

from_deltas as (

    {{ new_deltas('new_history', ['_offset'], 'old_table') | indent(4) }}

)

select _offset from from_log
union all
select _offset from from_deltas
