with valuations as (

    select calendar_date as valuation_date
    from {{ ref('dim_dates') }}
    where calendar_date <= toDate({{ now_utc() }})

),

pairs as (

    select
        valuations.valuation_date as valuation_date,
        volume.payment_date as payment_date,
        volume.currency_code as currency_code,
        volume.attempted_amount as attempted_amount,
        volume.successful_amount as successful_amount,
        volume.successful_amount_eur as successful_amount_eur
    from valuations
    cross join {{ ref('agg_volume_by_currency_daily') }} as volume

),

-- Each payment at the rate of the valuation's day, whenever it was made.
valued as (

    {{ booked_in_eur(
        'pairs',
        'valuation_date',
        {
            'attempted_amount': 'attempted_amount_constant_eur',
            'successful_amount': 'successful_amount_constant_eur',
        },
        ref('dim_fx_rates'),
    ) | indent(4) }}

)

select
    valuation_date,
    payment_date,
    currency_code,
    successful_amount,
    attempted_amount_constant_eur,
    successful_amount_constant_eur,
    successful_amount_eur,
    successful_amount_eur - successful_amount_constant_eur as fx_effect_eur
from valued
