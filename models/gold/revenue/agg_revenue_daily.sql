with booked as (

    select
        payment_date as booking_date,
        merchant_id,
        count_successful,
        toInt64(0) as count_opened,
        successful_amount_eur,
        toDecimal128(0, 8) as refunded_amount_eur,
        toDecimal128(0, 8) as lost_amount_eur
    from {{ ref('agg_payments_daily') }}
    where count_successful != 0
    union all
    select
        booking_date,
        merchant_id,
        toInt64(0) as count_successful,
        count_opened,
        toDecimal128(0, 8) as successful_amount_eur,
        refunded_amount_eur,
        lost_amount_eur
    from {{ ref('agg_adjustments_by_booking_day') }}

),

by_category as (

    select
        booked.booking_date as booking_date,
        ifNull(merchants.merchant_category, '') as merchant_category,
        sum(booked.count_successful) as count_successful,
        sum(booked.count_opened) as count_opened,
        {{ sum_or_null('booked.successful_amount_eur') }} as successful_amount_eur,
        {{ sum_or_null('booked.refunded_amount_eur') }} as refunded_amount_eur,
        {{ sum_or_null('booked.lost_amount_eur') }} as lost_amount_eur
    from booked
    left join {{ ref('dim_merchants') }} as merchants on booked.merchant_id = merchants.merchant_id
    group by booking_date, merchant_category

),

-- Basis points as an exact share: 8 decimals of an amount in EUR times 4 are 12.
fees as (

    select
        merchant_category,
        toDecimal64(fee_bps, 4) / 10000 as fee_share,
        fee_fixed_eur,
        toDecimal64(cost_bps, 4) / 10000 as cost_share,
        cost_fixed_eur,
        dispute_fee_eur
    from {{ ref('fee_schedule') }}

),

components as (

    select
        by_category.booking_date as booking_date,
        by_category.merchant_category as merchant_category,
        by_category.count_successful as count_successful,
        by_category.successful_amount_eur as successful_amount_eur,
        by_category.refunded_amount_eur as refunded_amount_eur,
        by_category.lost_amount_eur as lost_amount_eur,
        by_category.successful_amount_eur * fees.fee_share
        + by_category.count_successful * fees.fee_fixed_eur as gross_fees_eur,
        by_category.successful_amount_eur * fees.cost_share
        + by_category.count_successful * fees.cost_fixed_eur as scheme_cost_eur,
        by_category.refunded_amount_eur * fees.fee_share as refunded_fees_eur,
        by_category.count_opened * fees.dispute_fee_eur as dispute_fees_eur
    from by_category
    left join fees on by_category.merchant_category = fees.merchant_category

)

select
    booking_date,
    merchant_category,
    count_successful,
    successful_amount_eur,
    refunded_amount_eur,
    lost_amount_eur,
    successful_amount_eur - refunded_amount_eur - lost_amount_eur as net_settled_amount_eur,
    gross_fees_eur,
    scheme_cost_eur,
    refunded_fees_eur,
    dispute_fees_eur,
    gross_fees_eur - scheme_cost_eur - refunded_fees_eur - lost_amount_eur - dispute_fees_eur
        as net_revenue_eur,
    {{ ratio('net_revenue_eur', 'successful_amount_eur') }} as take_rate
from components
