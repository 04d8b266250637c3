{#-
    Guards: revenue is of the payments of a day, each in one line of business: its payments and volume are
    those of agg_kpis_daily. A failure means that payments were lost or counted twice on their way to a
    category, as by a merchant that is twice in dim_merchants. A day without a rate has no volume to compare.
-#}
with revenue as (

    select
        booking_date,
        sum(count_successful) as count_successful,
        {{ sum_or_null('successful_amount_eur') }} as successful_amount_eur
    from {{ ref('agg_revenue_daily') }}
    group by booking_date

)

select
    revenue.booking_date as booking_date,
    revenue.count_successful as revenue_count,
    days.count_successful as days_count,
    revenue.successful_amount_eur as revenue_amount_eur,
    days.successful_amount_eur as days_amount_eur
from revenue
full outer join {{ ref('agg_kpis_daily') }} as days on revenue.booking_date = days.kpi_date
where
    ifNull(revenue.count_successful, 0) != ifNull(days.count_successful, 0)
    or ifNull(revenue.successful_amount_eur != days.successful_amount_eur, false)
