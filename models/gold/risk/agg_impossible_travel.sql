with addresses as (

    {{ current_rows(
        ref('silver_ip_geo_state'), key=['ip'], columns=['ip', 'country']
    ) | indent(4) }}

),

attempts as (

    {{ overlapping_days(
        ref('fct_attempts_by_minute'),
        ['minute', 'account_id', 'ip', 'count_payments'],
        where="ip != ''",
        before=60,
    ) | indent(4) }}

),

-- Most accounts stay in one country: they need no second look. Groups of accounts that hold their
-- few addresses take half the time of groups of accounts and addresses.
stays as (

    select
        payment_date,
        account_id,
        groupUniqArray(ip) as ips
    from attempts
    group by payment_date, account_id

),

visits as (

    select
        payment_date,
        account_id,
        arrayJoin(ips) as ip
    from stays

),

travellers as (

    select
        visits.payment_date as payment_date,
        visits.account_id as account_id
    from visits
    inner join addresses on visits.ip = addresses.ip
    group by payment_date, account_id
    having min(addresses.country) != max(addresses.country)

),

moves as (

    select attempts.*
    from attempts
    inner join travellers
        on
            attempts.payment_date = travellers.payment_date
            and attempts.account_id = travellers.account_id

),

sightings as (

    select
        moves.payment_date as payment_date,
        moves.account_id as account_id,
        moves.minute as seen_at,
        cast(addresses.country as String) as country
    from moves
    inner join addresses on moves.ip = addresses.ip
    group by payment_date, account_id, seen_at, country
    having sum(moves.count_payments) > 0

),

-- Of a stay in a country only its first and its last attempt are next to another.
switches as (

    select
        payment_date,
        account_id,
        seen_at,
        country,
        lagInFrame(country) over in_turn as country_before,
        leadInFrame(country) over in_turn as country_after
    from sightings
    window in_turn as (
        partition by payment_date, account_id
        order by seen_at, country
        rows between 1 preceding and 1 following
    )

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
    from switches
    where country_before != country or country_after != country

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
