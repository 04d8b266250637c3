{%- set amounts = {'total_amount': 'total_eur', 'approved_amount': 'approved_eur'} -%}
with intents as (

    select
        intent_date,
        currency_code,
        sum(count_intents) as count_intents,
        sum(count_approved_intents) as count_approved_intents,
        sum(count_attempts) as count_attempts,
        sum(total_amount) as total_amount,
        sum(approved_amount) as approved_amount
    from {{ ref('fct_intents_by_day') }}
    group by intent_date, currency_code
    having count_intents != 0

),

valued as (

    {{ booked_in_eur('intents', 'intent_date', amounts, ref('dim_fx_rates')) | indent(4) }}

),

daily as (

    select
        intent_date,
        sum(count_intents) as count_intents,
        sum(count_approved_intents) as count_approved_intents,
        sum(count_attempts) as count_attempts,
        {{ sum_or_null('total_eur') }} as intended_amount_eur,
        {{ sum_or_null('approved_eur') }} as approved_amount_eur
    from valued
    group by intent_date

)

select
    daily.intent_date as intent_date,
    daily.count_intents as count_intents,
    daily.count_approved_intents as count_approved_intents,
    daily.count_attempts as count_attempts,
    daily.intended_amount_eur as intended_amount_eur,
    daily.approved_amount_eur as approved_amount_eur,
    {{ ratio('daily.count_approved_intents', 'daily.count_intents') }} as deduplicated_success_rate,
    {{ ratio('daily.approved_amount_eur', 'daily.intended_amount_eur') }}
        as deduplicated_success_rate_by_value,
    acceptance.acceptance_rate as acceptance_rate
from daily
left join {{ ref('agg_acceptance_daily') }} as acceptance
    on daily.intent_date = acceptance.payment_date
