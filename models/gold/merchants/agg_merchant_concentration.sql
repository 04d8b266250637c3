with ranked as (

    select
        volume_share,
        row_number() over (order by volume_share desc) as place
    from {{ ref('agg_merchants_trailing') }}
    where count_successful > 0

)

select
    toDate({{ now_utc() }}) as as_of_date,
    toInt64(count()) as count_merchants,
    {{ sum_or_null('if(place <= 10, volume_share, 0)') }} as top_10_share,
    {{ sum_or_null('volume_share * volume_share') }} as herfindahl_index
from ranked
