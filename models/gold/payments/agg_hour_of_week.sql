{%- set weeks = 4 -%}
with slots as (

    select
        toDayOfWeek(payment_hour) as weekday,
        toHour(payment_hour) as hour,
        sum(count_payments) as count_attempted,
        sumIf(count_payments, status != 'pending') as count_decided,
        sumIf(count_payments, status = 'success') as count_successful
    from {{ ref('fct_payments_by_hour') }}
    where
        payment_hour >= toStartOfDay({{ now_utc() }}) - interval {{ 7 * weeks }} day
        and payment_hour < toStartOfDay({{ now_utc() }})
    group by weekday, hour
    having count_attempted != 0

)

select
    weekday,
    hour,
    toInt64({{ weeks }}) as count_slots,
    count_attempted,
    count_decided,
    count_successful,
    count_attempted / {{ weeks }} as payments_per_slot,
    {{ ratio('count_successful', 'count_decided') }} as acceptance_rate
from slots
