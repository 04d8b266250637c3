with pending as (

    select
        age_seconds,
        -- less than none at a minute can only be a correction that is half applied
        toUInt64(greatest(count_pending, 0)) as weight,
        count_pending as count_payments,
        pending_amount_eur as amount_eur
    from {{ ref('agg_pending_by_minute') }}

)

select
    {{ now_utc() }} as as_of,
    sum(count_payments) as count_pending,
    if(
        count() > 0, {{ sum_or_null('amount_eur') }}, cast(0 as Nullable(Decimal(38, 8)))
    ) as pending_amount_eur,
    if(count() > 0, quantileExactWeighted(0.5) (age_seconds, weight), null) as age_p50_seconds,
    if(count() > 0, quantileExactWeighted(0.95) (age_seconds, weight), null) as age_p95_seconds
from pending
