{%- set amounts = {'attempted_amount': 'attempted_eur', 'successful_amount': 'successful_eur'} -%}
with payments as (

    select
        minute,
        currency_code,
        {{ payment_measures() | indent(8) }}
    from {{ ref('live_payments_by_minute') }}
    group by minute, currency_code

),

valued as (

    {{ booked_in_eur('payments', 'minute', amounts, ref('dim_fx_rates')) | indent(4) }}

)

select
    minute,
    sum(count_attempted) as count_attempted,
    sum(count_decided) as count_decided,
    sum(count_successful) as count_successful,
    {{ sum_or_null('attempted_eur') }} as attempted_amount_eur,
    {{ sum_or_null('successful_eur') }} as successful_amount_eur
from valued
group by minute
