{%- set amounts = {'total_amount': 'total_eur', 'approved_amount': 'approved_eur'} -%}
with soft_declined as (

    select
        intents.intent_date as intent_date,
        intents.currency_code as currency_code,
        sum(intents.count_intents) as count_intents,
        sum(intents.count_approved_intents) as count_approved_intents,
        sum(intents.total_amount) as total_amount,
        sum(intents.approved_amount) as approved_amount
    from {{ ref('fct_intents_by_day') }} as intents
    inner join {{ ref('decline_codes') }} as codes
        on intents.first_decline_code = codes.decline_code
    where intents.first_status = 'failed' and codes.decline_group = 'soft'
    group by intent_date, currency_code
    having count_intents != 0

),

valued as (

    {{ booked_in_eur('soft_declined', 'intent_date', amounts, ref('dim_fx_rates')) | indent(4) }}

)

select
    intent_date,
    sum(count_intents) as count_soft_declined_intents,
    sum(count_approved_intents) as count_recovered_intents,
    {{ sum_or_null('total_eur') }} as soft_declined_amount_eur,
    {{ sum_or_null('approved_eur') }} as recovered_amount_eur,
    {{ ratio('count_recovered_intents', 'count_soft_declined_intents') }} as recovery_rate
from valued
group by intent_date
