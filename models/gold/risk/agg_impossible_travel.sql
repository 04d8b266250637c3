with addresses as (

    {{ current_rows(
        ref('silver_ip_geo_state'), key=['ip'], columns=['ip', 'country']
    ) | indent(4) }}

),

located as (

    select
        toDate(attempts.minute) as payment_date,
        attempts.account_id as account_id,
        attempts.minute as minute,
        cast(addresses.country as String) as country
    from {{ ref('fct_attempts_by_minute') }} as attempts
    inner join addresses on attempts.ip = addresses.ip
    group by payment_date, account_id, minute, country
    having sum(attempts.count_payments) > 0

),

steps as (

    select
        payment_date,
        account_id,
        minute as arrived_at,
        country as to_country,
        lagInFrame(minute) over in_order as departed_at,
        lagInFrame(country) over in_order as from_country
    from located
    window in_order as (
        partition by payment_date, account_id
        order by minute, country
        rows between unbounded preceding and current row
    )

)

select
    payment_date,
    account_id,
    from_country,
    to_country,
    departed_at,
    arrived_at,
    dateDiff('minute', departed_at, arrived_at) as elapsed_minutes
from steps
where from_country != to_country and elapsed_minutes <= 60
