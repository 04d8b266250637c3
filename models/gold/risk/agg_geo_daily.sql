with pairs as (

    select
        payment_date,
        account_id,
        ip,
        sum(count_payments) as count_attempted,
        sumIf(count_payments, status = 'success') as count_successful
    from {{ ref('fct_account_ips_by_day') }}
    group by payment_date, account_id, ip
    having count_attempted != 0

),

addresses as (

    {{ current_rows(
        ref('silver_ip_geo_state'), key=['ip'], columns=['ip', 'country', 'is_proxy_or_vpn']
    ) | indent(4) }}

)

select
    pairs.payment_date as payment_date,
    ifNull(cast(accounts.account_country as Nullable(String)), '') as account_country,
    ifNull(cast(addresses.country as Nullable(String)), '') as ip_country,
    ifNull(addresses.is_proxy_or_vpn, false) as is_proxy_or_vpn,
    sum(pairs.count_attempted) as count_attempted,
    sum(pairs.count_successful) as count_successful
from pairs
left join {{ ref('dim_accounts') }} as accounts on pairs.account_id = accounts.account_id
left join addresses on pairs.ip = addresses.ip
group by payment_date, account_country, ip_country, is_proxy_or_vpn
