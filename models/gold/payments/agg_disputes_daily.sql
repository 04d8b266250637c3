with opened as (

    select
        opened_date as dispute_date,
        sum(count_disputes) as count_opened,
        toInt64(0) as count_won,
        toInt64(0) as count_lost,
        toInt64(0) as count_successful
    from {{ ref('fct_disputes_by_day') }}
    group by dispute_date

),

closed as (

    select
        closed_date as dispute_date,
        toInt64(0) as count_opened,
        sumIf(count_disputes, status = 'won') as count_won,
        sumIf(count_disputes, status = 'lost') as count_lost,
        toInt64(0) as count_successful
    from {{ ref('fct_disputes_by_day') }}
    where status in ('won', 'lost') and closed_date != toDate('1970-01-01')
    group by dispute_date

),

payments as (

    select
        payment_date as dispute_date,
        toInt64(0) as count_opened,
        toInt64(0) as count_won,
        toInt64(0) as count_lost,
        sum(count_payments) as count_successful
    from {{ ref('fct_payments_by_day') }}
    where status = 'success'
    group by dispute_date

),

everything as (

    select * from opened
    union all
    select * from closed
    union all
    select * from payments

),

daily as (

    select
        dispute_date,
        sum(count_opened) as count_opened,
        sum(count_won) as count_won,
        sum(count_lost) as count_lost,
        sum(count_successful) as count_successful
    from everything
    group by dispute_date

)

select
    dispute_date,
    count_opened,
    count_won,
    count_lost,
    count_successful,
    {{ ratio('count_opened', 'count_successful') }} as dispute_activity,
    {{ ratio('count_won', 'count_won + count_lost') }} as win_rate
from daily
where count_opened != 0 or count_won != 0 or count_lost != 0 or count_successful != 0
