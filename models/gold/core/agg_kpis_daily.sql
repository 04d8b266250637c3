{%- set amounts = {'attempted_amount': 'attempted_eur', 'successful_amount': 'successful_eur'} -%}
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

),

daily as (

    select
        payment_date,
        sum(count_attempted) as count_attempted,
        sum(count_decided) as count_decided,
        sum(count_successful) as count_successful,
        {{ sum_or_null('attempted_eur') }} as attempted_amount_eur,
        {{ sum_or_null('successful_eur') }} as successful_amount_eur
    from valued
    group by payment_date

),

account_days as (

    select
        activity_date,
        account_id,
        sum(count_payments) as count_successful
    from {{ ref('fct_account_activity_by_day') }}
    where status = 'success'
    group by activity_date, account_id

),

active_accounts as (

    select
        activity_date,
        toInt64(countIf(count_successful > 0)) as count_active_accounts
    from account_days
    group by activity_date

)

select
    daily.payment_date as kpi_date,
    daily.count_attempted as count_attempted,
    daily.count_decided as count_decided,
    daily.count_successful as count_successful,
    daily.attempted_amount_eur as attempted_amount_eur,
    daily.successful_amount_eur as successful_amount_eur,
    if(
        daily.count_successful > 0,
        cast(
            -- the divisor is never 0: divideDecimal computes the branch that is not taken, too
            divideDecimal(
                daily.successful_amount_eur, toDecimal64(greatest(daily.count_successful, 1), 0), 8
            )
            as Nullable(Decimal(38, 8))
        ),
        null
    ) as average_ticket_eur,
    ifNull(active_accounts.count_active_accounts, 0) as count_active_accounts,
    if(daily.count_decided > 0, daily.count_successful / daily.count_decided, null) as success_rate
from daily
left join active_accounts on daily.payment_date = active_accounts.activity_date
