{%- set days = 7 -%}
{%- set first_day = 'toDate(' ~ now_utc() ~ ') - ' ~ (days - 1) -%}
with sessions as (

    select
        payment_date,
        account_id,
        ip,
        device_id,
        sum(count_payments) as count_attempted,
        sum(count_decided) as decided,
        sum(count_declined) as declined,
        sum(count_small) as small,
        sum(count_large) as large,
        sum(count_round) as rounded
    from {{ ref('fct_sessions_by_day') }}
    where
        -- a device is new that was not seen on the days before
        payment_date >= {{ first_day }} - {{ days }}
        and payment_date <= toDate({{ now_utc() }})
    group by payment_date, account_id, ip, device_id
    having count_attempted > 0

),

dated as (

    select
        *,
        min(payment_date) over (partition by account_id) as account_first_date,
        min(payment_date) over (partition by account_id, device_id) as device_first_date
    from sessions

),

by_device as (

    select
        *,
        uniqExact(account_id) over on_device as device_accounts,
        sum(count_attempted) over on_device as device_attempted,
        sum(decided) over on_device as device_decided,
        sum(declined) over on_device as device_declined,
        sum(small) over on_device as device_small,
        sum(large) over on_device as device_large,
        sum(rounded) over on_device as device_round
    from dated
    where payment_date >= {{ first_day }}
    window on_device as (
        -- an unknown device is no one's but the account's
        partition by payment_date, device_id, if(device_id = '', toString(account_id), '')
    )

),

addresses as (

    {{ current_rows(
        ref('silver_ip_geo_state'), key=['ip'], columns=['ip', 'country', 'is_proxy_or_vpn']
    ) | indent(4) }}

),

measured as (

    select
        by_device.payment_date as payment_date,
        by_device.account_id as account_id,
        by_device.ip as ip,
        by_device.device_id as device_id,
        ifNull(cast(accounts.account_country as Nullable(String)), '') as account_country,
        ifNull(cast(addresses.country as Nullable(String)), '') as ip_country,
        by_device.count_attempted as count_attempted,
        by_device.decided as decided,
        by_device.declined as declined,
        by_device.device_accounts as device_accounts,
        by_device.device_attempted as device_attempted,
        by_device.device_decided as device_decided,
        by_device.device_declined as device_declined,
        by_device.device_small as device_small,
        by_device.device_large as device_large,
        by_device.device_round as device_round,
        toUInt8(
            by_device.device_id != ''
            and by_device.device_first_date = by_device.payment_date
            and by_device.account_first_date < by_device.payment_date
        ) as is_new_device,
        toUInt8(
            account_country != '' and ip_country != '' and account_country != ip_country
        ) as is_other_country,
        toUInt8(ifNull(addresses.is_proxy_or_vpn, false)) as is_proxy
    from by_device
    left join {{ ref('dim_accounts') }} as accounts on by_device.account_id = accounts.account_id
    left join addresses on by_device.ip = addresses.ip

),

rules as (

    select
        sumIf(at_least, rule = 'shared_device') as shared_device_at_least,
        sumIf(points, rule = 'shared_device') as shared_device_points,
        sumIf(at_least, rule = 'new_device') as new_device_at_least,
        sumIf(points, rule = 'new_device') as new_device_points,
        sumIf(at_least, rule = 'other_country') as other_country_at_least,
        sumIf(points, rule = 'other_country') as other_country_points,
        sumIf(at_least, rule = 'proxy') as proxy_at_least,
        sumIf(points, rule = 'proxy') as proxy_points,
        sumIf(at_least, rule = 'declines') as declines_at_least,
        sumIf(points, rule = 'declines') as declines_points,
        sumIf(at_least, rule = 'small_amounts') as small_amounts_at_least,
        sumIf(points, rule = 'small_amounts') as small_amounts_points,
        sumIf(at_least, rule = 'large_amounts') as large_amounts_at_least,
        sumIf(points, rule = 'large_amounts') as large_amounts_points,
        sumIf(at_least, rule = 'round_amounts') as round_amounts_at_least,
        sumIf(points, rule = 'round_amounts') as round_amounts_points
    from {{ ref('fraud_rules') }}

),

judged as (

    select
        measured.payment_date as payment_date,
        measured.account_id as account_id,
        measured.ip as ip,
        measured.device_id as device_id,
        measured.account_country as account_country,
        measured.ip_country as ip_country,
        measured.count_attempted as count_attempted,
        measured.decided as count_decided,
        measured.declined as count_declined,
        measured.device_accounts as count_device_accounts,
        {{ rule_points('shared_device', 'measured.device_accounts') | indent(8) }}
            as shared_device_points,
        {{ rule_points('new_device', 'measured.is_new_device') | indent(8) }}
            as new_device_points,
        {{ rule_points('other_country', 'measured.is_other_country') | indent(8) }}
            as other_country_points,
        {{ rule_points('proxy', 'measured.is_proxy') | indent(8) }}
            as proxy_points,
        {{ rule_points(
            'declines', 'measured.device_declined', of='measured.device_decided'
        ) | indent(8) }} as declines_points,
        {{ rule_points(
            'small_amounts', 'measured.device_small', of='measured.device_attempted'
        ) | indent(8) }} as small_amounts_points,
        {{ rule_points(
            'large_amounts', 'measured.device_large', of='measured.device_attempted'
        ) | indent(8) }} as large_amounts_points,
        {{ rule_points(
            'round_amounts', 'measured.device_round', of='measured.device_attempted'
        ) | indent(8) }} as round_amounts_points
    from measured
    cross join rules

)

select
    *,
    toUInt16(
        shared_device_points
        + new_device_points
        + other_country_points
        + proxy_points
        + declines_points
        + small_amounts_points
        + large_amounts_points
        + round_amounts_points
    ) as fraud_score,
    cast(fraud_score >= {{ var('suspicious_score') }} as Bool) as is_suspicious
from judged
