{%- set since = now_utc() ~ ' - interval 24 hour' -%}
with velocity as (

    select uniqExact(entity_type, entity_id) as count_flagged_entities
    from {{ ref('agg_velocity_flags') }}

),

bursts as (

    select
        sum(count_attempted) as count_burst_attempts,
        if(
            count() > 0,
            {{ sum_or_null('attempted_amount_eur') }},
            cast(0 as Nullable(Decimal(38, 8)))
        ) as amount_eur
    from {{ ref('agg_card_testing_bursts') }}
    where
        -- a burst of the day before goes on for an hour
        payment_date >= toDate({{ since }} - interval 1 hour)
        and burst_last_at > {{ since }}
        and burst_last_at <= {{ now_utc() }}

),

outliers as (

    select
        count() as count_outliers,
        if(
            count() > 0, {{ sum_or_null('amount_eur') }}, cast(0 as Nullable(Decimal(38, 8)))
        ) as amount_eur
    from {{ ref('agg_amount_outliers') }}

),

payments as (

    select
        toDate(minute) as payment_date,
        currency_code,
        sum(total_amount) as attempted_amount
    from {{ ref('fct_payments_by_minute') }}
    where minute > {{ since }} and minute <= {{ now_utc() }}
    group by payment_date, currency_code

),

valued as (

    {{ booked_in_eur(
        'payments', 'payment_date', {'attempted_amount': 'amount_eur'}, ref('dim_fx_rates')
    ) | indent(4) }}

),

attempted as (

    select
        if(
            count() > 0, {{ sum_or_null('amount_eur') }}, cast(0 as Nullable(Decimal(38, 8)))
        ) as amount_eur
    from valued

)

select
    {{ now_utc() }} as as_of,
    velocity.count_flagged_entities as count_flagged_entities,
    bursts.count_burst_attempts as count_burst_attempts,
    outliers.count_outliers as count_outliers,
    bursts.amount_eur + outliers.amount_eur as flagged_amount_eur,
    attempted.amount_eur as attempted_amount_eur,
    {{ ratio('flagged_amount_eur', 'attempted_amount_eur') }} as flagged_volume_share
from velocity
cross join bursts
cross join outliers
cross join attempted
