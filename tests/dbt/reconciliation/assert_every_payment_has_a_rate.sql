{#-
    Guards: no EUR figure is unknown for want of a rate. A failure names the days; the figures show as
    missing, never as a part of the truth, until the feed of finance.fx_rates brings the rate.
-#}
select
    kpi_date,
    count_attempted
from {{ ref('agg_kpis_daily') }}
where attempted_amount_eur is null
