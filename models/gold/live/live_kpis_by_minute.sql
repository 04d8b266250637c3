with payments as (

    select
        minute,
        currency_code,
        sum(count_payments) as count_attempted,
        sumIf(count_payments, status != 'pending') as count_decided,
        sumIf(count_payments, status = 'success') as count_successful,
        sum(total_amount) as attempted_amount,
        sumIf(total_amount, status = 'success') as successful_amount
    from {{ ref('live_payments_by_minute') }}
    group by minute, currency_code

),

rates as (

    select
        currency_code,
        rate_date,
        rate_to_eur
    from {{ ref('dim_fx_rates') }}

),

valued as (

    select
        payments.minute as minute,
        payments.count_attempted as count_attempted,
        payments.count_decided as count_decided,
        payments.count_successful as count_successful,
        {{ to_eur('payments.attempted_amount', 'rates.rate_to_eur') }} as attempted_eur,
        {{ to_eur('payments.successful_amount', 'rates.rate_to_eur') }} as successful_eur
    from payments
    asof left join rates
        on
            payments.currency_code = rates.currency_code
            and toDate(payments.minute) >= rates.rate_date

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
