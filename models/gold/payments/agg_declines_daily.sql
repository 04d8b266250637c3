{%- set amounts = {'declined_amount': 'declined_eur'} -%}
with decided as (

    select
        payment_date,
        sum(count_payments) as count_decided
    from {{ ref('fct_payments_by_day') }}
    where status != 'pending'
    group by payment_date

),

declines as (

    select
        payment_date,
        currency_code,
        decline_code,
        sum(count_payments) as count_declined,
        sum(total_amount) as declined_amount
    from {{ ref('fct_payments_by_day') }}
    where status = 'failed'
    group by payment_date, currency_code, decline_code
    having count_declined != 0

),

valued as (

    {{ booked_in_eur('declines', 'payment_date', amounts, ref('dim_fx_rates')) | indent(4) }}

),

by_code as (

    select
        payment_date,
        decline_code,
        sum(count_declined) as count_declined,
        {{ sum_or_null('declined_eur') }} as declined_amount_eur
    from valued
    group by payment_date, decline_code

)

select
    by_code.payment_date as payment_date,
    by_code.decline_code as decline_code,
    ifNull(codes.decline_group, 'unknown') as decline_group,
    codes.advice as advice,
    by_code.count_declined as count_declined,
    decided.count_decided as count_decided,
    by_code.declined_amount_eur as declined_amount_eur,
    {{ ratio('by_code.count_declined', 'decided.count_decided') }} as decline_rate
from by_code
inner join decided on by_code.payment_date = decided.payment_date
left join {{ ref('decline_codes') }} as codes on by_code.decline_code = codes.decline_code
