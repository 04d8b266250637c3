{%- set settlement_days = var('settlement_days') -%}
with counted as (

    select
        toStartOfMonth(payment_date + {{ settlement_days }}) as month_start_date,
        merchant_id,
        count_successful as count_settled_payments,
        toInt64(0) as count_disputes,
        toInt64(0) as count_reported_fraud
    from {{ ref('agg_payments_daily') }}
    where payment_date <= toDate({{ now_utc() }}) - {{ settlement_days }}
    union all
    select
        toStartOfMonth(booking_date) as month_start_date,
        merchant_id,
        toInt64(0) as count_settled_payments,
        count_opened as count_disputes,
        count_reported_fraud
    from {{ ref('agg_adjustments_by_booking_day') }}

),

monthly as (

    select
        month_start_date,
        merchant_id,
        sum(count_settled_payments) as count_settled_payments,
        sum(count_disputes) as count_disputes,
        sum(count_reported_fraud) as count_reported_fraud
    from counted
    group by month_start_date, merchant_id

)

select
    monthly.month_start_date as month_start_date,
    monthly.merchant_id as merchant_id,
    merchants.merchant_name as merchant_name,
    monthly.count_settled_payments as count_settled_payments,
    monthly.count_disputes as count_disputes,
    monthly.count_reported_fraud as count_reported_fraud,
    monthly.count_disputes + monthly.count_reported_fraud as count_vamp_cases,
    {{ ratio('count_vamp_cases', 'monthly.count_settled_payments') }} as vamp_ratio,
    cast(ifNull(vamp_ratio >= 0.015, false) and count_vamp_cases > 1500 as Bool) as is_excessive
from monthly
left join {{ ref('dim_merchants') }} as merchants on monthly.merchant_id = merchants.merchant_id
where monthly.count_settled_payments != 0 or monthly.count_disputes != 0
