with attempts as (

    {{ overlapping_days(
        ref('fct_attempts_by_minute'),
        ['minute', 'account_id', 'ip', 'count_payments'],
        where="ip != ''",
        before=60,
    ) | indent(4) }}

),

-- Most accounts stay at one address: they need no second look.
travellers as (

    select
        payment_date,
        account_id,
        groupArray(tuple(minute, ip, count_payments)) as seen
    from attempts
    group by payment_date, account_id
    having min(ip) != max(ip)

),

addresses as (

    {{ current_rows(
        ref('silver_ip_geo_state'), key=['ip'], columns=['ip', 'country']
    ) | indent(4) }}

),

moves as (

    select
        payment_date,
        account_id,
        move.1 as seen_at,
        move.2 as ip,
        move.3 as count_payments
    from travellers
    array join seen as move

),

sightings as (

    select
        moves.payment_date as payment_date,
        moves.account_id as account_id,
        moves.seen_at as seen_at,
        cast(addresses.country as String) as country
    from moves
    inner join addresses on moves.ip = addresses.ip
    group by payment_date, account_id, seen_at, country
    having sum(moves.count_payments) > 0

),

arrivals as (

    select
        payment_date,
        account_id,
        seen_at as arrived_at,
        country as to_country,
        groupArray(tuple(seen_at, country)) over (
            partition by payment_date, account_id
            order by seen_at
            range between 3600 preceding and current row
        ) as within_the_hour
    from sightings

),

-- Of several attempts in the same two countries the nearest two: the last before an arrival, and
-- the first after that.
nearest_departures as (

    select
        payment_date,
        account_id,
        departure.2 as from_country,
        to_country,
        max(departure.1) as departed_at,
        arrived_at
    from arrivals
    array join within_the_hour as departure
    where
        from_country != to_country
        and (departure.1 < arrived_at or from_country < to_country)
    group by payment_date, account_id, from_country, to_country, arrived_at

),

trips as (

    select
        payment_date,
        account_id,
        from_country,
        to_country,
        departed_at,
        min(arrived_at) as arrived_at
    from nearest_departures
    group by payment_date, account_id, from_country, to_country, departed_at

)

select
    payment_date,
    account_id,
    from_country,
    to_country,
    departed_at,
    arrived_at,
    dateDiff('minute', departed_at, arrived_at) as elapsed_minutes
from trips
where toDate(arrived_at) = payment_date
