{%- set weeks = 4 -%}
{%- set amounts = {'successful_amount': 'successful_eur'} -%}
with payments as (

    select
        payment_hour,
        currency_code,
        {{ payment_measures() | indent(8) }}
    from {{ ref('fct_payments_by_hour') }}
    where
        payment_hour >= toStartOfDay({{ now_utc() }}) - interval {{ 7 * weeks }} day
        and payment_hour < toStartOfDay({{ now_utc() }})
    group by payment_hour, currency_code
    having count_attempted != 0

),

valued as (

    {{ booked_in_eur('payments', 'payment_hour', amounts, ref('dim_fx_rates')) | indent(4) }}

),

slots as (

    select
        toDayOfWeek(payment_hour) as weekday,
        toHour(payment_hour) as hour,
        sum(count_attempted) as count_attempted,
        sum(count_decided) as count_decided,
        sum(count_successful) as count_successful,
        {{ sum_or_null('successful_eur') }} as successful_amount_eur
    from valued
    group by weekday, hour

)

select
    weekday,
    hour,
    toInt64({{ weeks }}) as count_slots,
    count_attempted,
    count_decided,
    count_successful,
    successful_amount_eur,
    count_attempted / {{ weeks }} as payments_per_slot,
    cast(successful_amount_eur / {{ weeks }} as Nullable(Decimal(38, 8))) as volume_per_slot_eur,
    {{ ratio('count_successful', 'count_decided') }} as acceptance_rate
from slots
