{#- A window is two slots of five minutes, so windows overlap by half. -#}
{%- set slot_seconds = 300 -%}
{%- set bounds = watched_bounds() -%}
with attempts as (

    {{ watched_payments(
        ref('fct_watched_payments'), where='amount < ' ~ bounds.below ~ " and ip != ''"
    ) | indent(4) }}

),

valued as (

    {{ booked_in_eur(
        'attempts', 'occurred_at', {'amount': 'amount_eur'}, ref('dim_fx_rates')
    ) | indent(4) }}

),

slots as (

    select
        toDate(occurred_at) as payment_date,
        ip,
        toStartOfFiveMinutes(occurred_at) as slot,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at,
        count() as count_attempted,
        countIf(status != 'pending') as count_decided,
        countIf(status = 'failed') as count_declined,
        sum(amount_eur) as attempted_amount_eur,
        groupUniqArray(account_id) as accounts,
        groupUniqArray(merchant_id) as merchants
    from valued
    where amount_eur < {{ bounds.below_eur }}
    group by payment_date, ip, slot

),

windowed as (

    select
        *,
        sum(count_attempted) over ahead >= 5
        and length(groupUniqArrayArray(accounts) over ahead) >= 3 as is_burst
    from slots
    window ahead as (
        partition by payment_date, ip
        order by slot
        range between current row and {{ slot_seconds }} following
    )

),

covered as (

    select
        *,
        max(is_burst) over (
            partition by payment_date, ip
            order by slot
            range between {{ slot_seconds }} preceding and current row
        ) as is_in_burst
    from windowed

),

bordered as (

    select
        *,
        slot - lagInFrame(slot) over (
            partition by payment_date, ip
            order by slot
            rows between unbounded preceding and current row
        ) > {{ slot_seconds }} as is_first
    from covered
    where is_in_burst = 1

),

numbered as (

    select
        *,
        sum(is_first) over (
            partition by payment_date, ip
            order by slot
            rows between unbounded preceding and current row
        ) as burst
    from bordered

),

bursts as (

    select
        payment_date,
        ip,
        min(first_at) as burst_first_at,
        max(last_at) as burst_last_at,
        sum(count_attempted) as count_attempted,
        sum(count_decided) as count_decided,
        sum(count_declined) as count_declined,
        sum(attempted_amount_eur) as attempted_amount_eur,
        length(groupUniqArrayArray(accounts)) as count_accounts,
        length(groupUniqArrayArray(merchants)) as count_merchants
    from numbered
    group by payment_date, ip, burst

),

addresses as (

    {{ current_rows(
        ref('silver_ip_geo_state'), key=['ip'], columns=['ip', 'country', 'is_proxy_or_vpn']
    ) | indent(4) }}

)

select
    bursts.payment_date as payment_date,
    bursts.ip as ip,
    ifNull(cast(addresses.country as Nullable(String)), '') as ip_country,
    ifNull(addresses.is_proxy_or_vpn, false) as is_proxy_or_vpn,
    bursts.burst_first_at as burst_first_at,
    bursts.burst_last_at as burst_last_at,
    bursts.count_attempted as count_attempted,
    bursts.count_decided as count_decided,
    bursts.count_declined as count_declined,
    bursts.count_accounts as count_accounts,
    bursts.count_merchants as count_merchants,
    bursts.attempted_amount_eur as attempted_amount_eur,
    {{ ratio('bursts.count_declined', 'bursts.count_decided') }} as declined_share
from bursts
left join addresses on bursts.ip = addresses.ip
