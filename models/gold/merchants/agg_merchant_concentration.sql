with ranked as (

    select
        volume_share,
        row_number() over (order by volume_share desc) as place
    from {{ ref('agg_merchants_trailing') }}
    where volume_share > 0

)

select
    toDate({{ now_utc() }}) as as_of_date,
    toInt64(count()) as count_merchants,
    sumIf(volume_share, place <= 10) as top_10_share,
    sum(volume_share * volume_share) as herfindahl_index
from ranked
