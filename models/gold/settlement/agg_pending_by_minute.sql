{#- The day fact says which days still have pending payments; only their minutes are read, by
    primary key. Without it each look would read the whole history. -#}
with pending_days as (

    select payment_date
    from {{ ref('fct_payments_by_day') }}
    where status = 'pending'
    group by payment_date
    having sum(count_payments) != 0 or sum(total_amount) != 0

),

pending as (

    select
        minute,
        currency_code,
        sum(count_payments) as count_pending,
        sum(total_amount) as pending_amount
    from {{ ref('fct_payments_by_minute') }}
    where
        status = 'pending'
        and toDate(minute) in (select pending_days.payment_date from pending_days)
    group by minute, currency_code
    having count_pending != 0 or pending_amount != 0

),

valued as (

    {{ booked_in_eur(
        'pending', 'minute', {'pending_amount': 'pending_amount_eur'}, ref('dim_fx_rates')
    ) | indent(4) }}

)

select
    minute,
    currency_code,
    count_pending,
    pending_amount,
    pending_amount_eur,
    greatest(dateDiff('second', minute, {{ now_utc() }}) - 30, 0) as age_seconds
from valued
