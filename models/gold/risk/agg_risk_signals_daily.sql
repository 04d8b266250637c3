with signals as (

    select
        payment_date,
        count() as count_bursts,
        sum(count_attempted) as count_burst_attempts,
        0 as count_trips,
        0 as count_travellers
    from {{ ref('agg_card_testing_bursts') }}
    group by payment_date
    union all
    select
        payment_date,
        0 as count_bursts,
        0 as count_burst_attempts,
        count() as count_trips,
        uniqExact(account_id) as count_travellers
    from {{ ref('agg_impossible_travel') }}
    group by payment_date

)

select
    payment_date,
    sum(count_bursts) as count_bursts,
    sum(count_burst_attempts) as count_burst_attempts,
    sum(count_trips) as count_trips,
    sum(count_travellers) as count_travellers
from signals
group by payment_date
