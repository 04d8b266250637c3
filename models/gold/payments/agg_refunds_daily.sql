{%- set amounts = {'refunded_amount': 'refunded_eur'} -%}
with refunds as (

    select
        refund_date,
        currency_code,
        sum(count_refunds) as count_refunds,
        sum(total_amount) as refunded_amount
    from {{ ref('fct_refunds_by_day') }}
    where status = 'succeeded'
    group by refund_date, currency_code
    having count_refunds != 0

),

valued as (

    {{ booked_in_eur('refunds', 'refund_date', amounts, ref('dim_fx_rates')) | indent(4) }}

),

refunded as (

    select
        refund_date,
        sum(count_refunds) as count_refunds,
        {{ sum_or_null('refunded_eur') }} as refunded_amount_eur
    from valued
    group by refund_date

)

select
    assumeNotNull(coalesce(refunded.refund_date, kpis.kpi_date)) as refund_date,
    ifNull(refunded.count_refunds, 0) as count_refunds,
    if(isNull(refunded.refund_date), 0, refunded.refunded_amount_eur) as refunded_amount_eur,
    ifNull(kpis.count_successful, 0) as count_successful,
    if(isNull(kpis.kpi_date), 0, kpis.successful_amount_eur) as successful_amount_eur,
    {{ ratio('count_refunds', 'count_successful') }} as refund_activity,
    {{ ratio('refunded_amount_eur', 'successful_amount_eur') }} as refund_activity_by_value
from refunded
full outer join {{ ref('agg_kpis_daily') }} as kpis on refunded.refund_date = kpis.kpi_date
