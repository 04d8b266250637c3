{%- set days = 30 -%}
with addresses as (

    {{ current_rows(
        ref('silver_ip_geo_state'), key=['ip'], columns=['ip', 'country', 'is_proxy_or_vpn']
    ) | indent(4) }}

),

located as (

    select
        ips.merchant_id as merchant_id,
        sum(ips.count_payments) as count_located,
        sumIf(
            ips.count_payments,
            addresses.is_proxy_or_vpn
            or ifNull(addresses.country != accounts.account_country, false)
        ) as count_abroad
    from {{ ref('fct_merchant_ips_by_day') }} as ips
    inner join addresses on ips.ip = addresses.ip
    -- any: a third of the time, and an account has one row
    any left join {{ ref('dim_accounts') }} as accounts on ips.account_id = accounts.account_id
    where ips.payment_date > toDate({{ now_utc() }}) - {{ days }}
    group by merchant_id

),

hours as (

    select
        merchant_id,
        payment_hour,
        sum(count_payments) as count_attempted
    from {{ ref('fct_payments_by_hour') }}
    where toDate(payment_hour) > toDate({{ now_utc() }}) - {{ days }}
    group by merchant_id, payment_hour
    having count_attempted > 0

),

peaks as (

    select
        merchant_id,
        -- one division: equal velocities are equal numbers, and share their rank
        max(count_attempted) * count() / sum(count_attempted) as velocity
    from hours
    group by merchant_id

),

measured as (

    select
        merchants.merchant_id as merchant_id,
        merchants.merchant_name as merchant_name,
        merchants.dispute_rate as dispute_rate,
        1 - merchants.acceptance_rate as decline_rate,
        merchants.refund_rate as refund_rate,
        {{ ratio('located.count_abroad', 'located.count_located') }} as geo_share,
        peaks.velocity as velocity,
        merchants.risk_rating as risk_rating
    from {{ ref('agg_merchants_trailing') }} as merchants
    left join located on merchants.merchant_id = located.merchant_id
    left join peaks on merchants.merchant_id = peaks.merchant_id

),

ranked as (

    select
        *,
        percent_rank() over (order by ifNull(dispute_rate, 0)) as dispute_rate_rank,
        percent_rank() over (order by ifNull(decline_rate, 0)) as decline_rate_rank,
        percent_rank() over (order by ifNull(refund_rate, 0)) as refund_rate_rank,
        percent_rank() over (order by ifNull(geo_share, 0)) as geo_share_rank,
        percent_rank() over (order by ifNull(velocity, 0)) as velocity_rank,
        percent_rank() over (order by ifNull(risk_rating, 0)) as risk_rating_rank
    from measured

),

weights as (

    select
        toFloat64(sumIf(weight, component = 'dispute_rate')) as dispute_rate_weight,
        toFloat64(sumIf(weight, component = 'decline_rate')) as decline_rate_weight,
        toFloat64(sumIf(weight, component = 'refund_rate')) as refund_rate_weight,
        toFloat64(sumIf(weight, component = 'geo_share')) as geo_share_weight,
        toFloat64(sumIf(weight, component = 'velocity')) as velocity_weight,
        toFloat64(sumIf(weight, component = 'risk_rating')) as risk_rating_weight
    from {{ ref('risk_weights') }}

)

select
    ranked.merchant_id as merchant_id,
    ranked.merchant_name as merchant_name,
    ranked.dispute_rate as dispute_rate,
    ranked.dispute_rate_rank as dispute_rate_rank,
    ranked.decline_rate as decline_rate,
    ranked.decline_rate_rank as decline_rate_rank,
    ranked.refund_rate as refund_rate,
    ranked.refund_rate_rank as refund_rate_rank,
    ranked.geo_share as geo_share,
    ranked.geo_share_rank as geo_share_rank,
    ranked.velocity as velocity,
    ranked.velocity_rank as velocity_rank,
    ranked.risk_rating as risk_rating,
    ranked.risk_rating_rank as risk_rating_rank,
    ranked.dispute_rate_rank * weights.dispute_rate_weight
    + ranked.decline_rate_rank * weights.decline_rate_weight
    + ranked.refund_rate_rank * weights.refund_rate_weight
    + ranked.geo_share_rank * weights.geo_share_weight
    + ranked.velocity_rank * weights.velocity_weight
    + ranked.risk_rating_rank * weights.risk_rating_weight
        as risk_score
from ranked
cross join weights
