{%- set days = 30 -%}
with by_merchant as (

    select
        merchant_id,
        sum(count_attempted) as count_attempted,
        sum(count_decided) as count_decided,
        sum(count_successful) as count_successful,
        sum(count_refunded) as count_refunded,
        sum(count_disputed) as count_disputed,
        {{ sum_or_null('successful_amount_eur') }} as successful_amount_eur,
        {{ sum_or_null('refunded_amount_eur') }} as refunded_amount_eur,
        {{ sum_or_null('lost_amount_eur') }} as lost_amount_eur
    from {{ ref('agg_adjustments_by_payment_day') }}
    where payment_date > toDate({{ now_utc() }}) - {{ days }}
    group by merchant_id

),

totals as (

    select {{ sum_or_null('successful_amount_eur') }} as total_amount_eur
    from by_merchant

),

shared as (

    select
        by_merchant.*,
        {{ ratio('by_merchant.successful_amount_eur', 'totals.total_amount_eur') }} as volume_share
    from by_merchant
    cross join totals

)

select
    shared.merchant_id as merchant_id,
    merchants.merchant_name as merchant_name,
    merchants.merchant_category as merchant_category,
    merchants.merchant_country as merchant_country,
    merchants.risk_rating as risk_rating,
    shared.count_attempted as count_attempted,
    shared.count_decided as count_decided,
    shared.count_successful as count_successful,
    shared.count_refunded as count_refunded,
    shared.count_disputed as count_disputed,
    shared.successful_amount_eur as successful_amount_eur,
    shared.refunded_amount_eur as refunded_amount_eur,
    shared.lost_amount_eur as lost_amount_eur,
    {{ ratio('shared.count_successful', 'shared.count_decided') }} as acceptance_rate,
    {{ ratio('shared.refunded_amount_eur', 'shared.successful_amount_eur') }} as refund_rate,
    {{ ratio('shared.count_disputed', 'shared.count_successful') }} as dispute_rate,
    shared.volume_share as volume_share
from shared
left join {{ ref('dim_merchants') }} as merchants on shared.merchant_id = merchants.merchant_id
