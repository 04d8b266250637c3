with countries as (

    select
        payment_date,
        account_country,
        ip_country,
        is_proxy_or_vpn,
        count_attempted as count_payments
    from {{ ref('agg_geo_daily') }}

),

daily as (

    select
        payment_date,
        sum(count_payments) as count_attempted,
        sumIf(count_payments, ip_country != '' and account_country != '') as count_both_known,
        sumIf(
            count_payments,
            ip_country != '' and account_country != '' and ip_country != account_country
        ) as count_mismatched,
        sumIf(count_payments, ip_country != '') as count_ip_known,
        sumIf(count_payments, is_proxy_or_vpn) as count_proxied
    from countries
    group by payment_date

)

select
    payment_date,
    count_attempted,
    count_both_known,
    count_mismatched,
    count_ip_known,
    count_proxied,
    {{ ratio('count_mismatched', 'count_both_known') }} as geo_mismatch_rate,
    {{ ratio('count_proxied', 'count_ip_known') }} as proxy_share
from daily
