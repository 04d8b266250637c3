{#-
    Guards: the changes of status add up. Per status, payments that came into it less payments that left
    it are the payments that have it (from the signed changes, up to the offset both know); and the
    fact of gold has each change up to its watermark once. A failure means that a change was missed or
    counted twice: rebuild with `./finhouse dbt run --full-refresh
    -s silver_transactions_status_history+`.
-#}
with history as (

    select
        from_status,
        to_status,
        _offset
    from {{ ref('silver_transactions_status_history') }}

),

in_both as (

    select least(
        {{ next_offset(ref('silver_transactions_status_history')) }},
        {{ next_offset(ref('silver_transactions_deltas')) }}
    ) as end_offset

),

balances as (

    select
        cast(to_status as String) as status,
        toInt64(1) as balance
    from history
    where _offset < (select in_both.end_offset from in_both)
    union all
    select
        cast(from_status as String) as status,
        toInt64(-1) as balance
    from history
    where _offset < (select in_both.end_offset from in_both)
    union all
    select
        cast(status as String) as status,
        toInt64(-sign) as balance
    from {{ ref('silver_transactions_deltas') }}
    where _offset < (select in_both.end_offset from in_both)

),

applied as (

    select
        from_status,
        to_status,
        toInt64(1) as balance
    from history
    where _offset < {{ next_offset(ref('fct_status_changes_by_day')) }}
    union all
    select
        from_status,
        to_status,
        -count_changes as balance
    from {{ ref('fct_status_changes_by_day') }}

)

select
    'status ' || status as what,
    sum(balance) as difference
from balances
where status != ''
group by status
having difference != 0
union all
select
    'fact ' || from_status || ' to ' || to_status as what,
    sum(balance) as difference
from applied
group by from_status, to_status
having difference != 0
