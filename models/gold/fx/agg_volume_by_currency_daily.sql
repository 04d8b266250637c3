{%- set amounts = {
    'attempted_amount': 'attempted_amount_eur', 'successful_amount': 'successful_amount_eur',
} -%}
with payments as (

    select
        payment_date,
        currency_code,
        {{ payment_measures() | indent(8) }}
    from {{ ref('fct_payments_by_day') }}
    group by payment_date, currency_code
    having count_attempted != 0

),

valued as (

    {{ booked_in_eur('payments', 'payment_date', amounts, ref('dim_fx_rates')) | indent(4) }}

)

select
    payment_date,
    currency_code,
    count_attempted,
    count_successful,
    attempted_amount,
    successful_amount,
    attempted_amount_eur,
    successful_amount_eur
from valued
