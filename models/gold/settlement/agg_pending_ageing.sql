with age_classes as (

    select
        arrayJoin([
            (1, '0-5 m'), (2, '5-60 m'), (3, '1-24 h'), (4, '1-3 d'), (5, '3-7 d'), (6, '> 7 d')
        ]) as age_class,
        tupleElement(age_class, 1) as age_order,
        tupleElement(age_class, 2) as age_bucket

),

pending as (

    select
        1 + arrayCount(seconds -> age_seconds >= seconds, [300, 3600, 86400, 259200, 604800])
            as age_order,
        count_pending,
        pending_amount_eur
    from {{ ref('agg_pending_by_minute') }}

),

aged as (

    select
        age_order,
        sum(count_pending) as count_pending,
        {{ sum_or_null('pending_amount_eur') }} as pending_amount_eur,
        1 as is_found
    from pending
    group by age_order

)

select
    age_classes.age_order as age_order,
    age_classes.age_bucket as age_bucket,
    ifNull(aged.count_pending, 0) as count_pending,
    if(
        aged.is_found = 1, aged.pending_amount_eur, cast(0 as Nullable(Decimal(38, 8)))
    ) as pending_amount_eur
from age_classes
left join aged on age_classes.age_order = aged.age_order
order by age_order
