{%- set days = 30 -%}
{%- set bounds = watched_bounds() -%}
with large as (

    {{ watched_payments(
        ref('fct_watched_payments'),
        where='occurred_at > ' ~ now_utc() ~ ' - interval 24 hour and occurred_at <= ' ~ now_utc()
        ~ ' and amount >= ' ~ bounds.from,
    ) | indent(4) }}

),

valued as (

    {{ booked_in_eur(
        'large', 'occurred_at', {'amount': 'amount_eur'}, ref('dim_fx_rates')
    ) | indent(4) }}

),

candidates as (

    select *
    from valued
    where amount_eur >= {{ bounds.from_eur }}
    order by amount_eur desc, toString(transaction_id)
    limit 100

),

amounts as (

    select
        account_id,
        currency_code,
        {{ value_of_bucket('amount_bucket') }} as bucket_amount,
        toUInt64(sum(count_payments)) as weight
    from {{ ref('fct_account_amounts_by_day') }}
    where
        account_id in (select candidates.account_id from candidates)
        and payment_date > toDate({{ now_utc() }}) - {{ days }}
    group by account_id, currency_code, amount_bucket
    having sum(count_payments) > 0

),

medians as (

    select
        account_id,
        currency_code,
        sum(weight) as count_usual,
        quantileExactWeighted(0.5) (bucket_amount, weight) as median_amount
    from amounts
    group by account_id, currency_code
    having count_usual >= 10

),

usual as (

    select
        medians.account_id as account_id,
        medians.currency_code as currency_code,
        any(medians.count_usual) as count_usual,
        any(medians.median_amount) as median_amount,
        quantileExactWeighted(0.5) (
            abs(amounts.bucket_amount - medians.median_amount), amounts.weight
        ) as mad_amount
    from medians
    inner join amounts
        on
            medians.account_id = amounts.account_id
            and medians.currency_code = amounts.currency_code
    group by account_id, currency_code

)

select
    candidates.transaction_id as transaction_id,
    candidates.account_id as account_id,
    candidates.merchant_id as merchant_id,
    candidates.ip as ip,
    candidates.device_id as device_id,
    candidates.currency_code as currency_code,
    candidates.status as status,
    candidates.occurred_at as occurred_at,
    candidates.amount as amount,
    candidates.amount_eur as amount_eur,
    usual.count_usual as count_usual,
    usual.median_amount as median_amount,
    usual.mad_amount as mad_amount,
    {{ ratio('abs(toFloat64(candidates.amount) - usual.median_amount)', 'usual.mad_amount') }}
        as outlier_score
from candidates
inner join usual
    on
        candidates.account_id = usual.account_id
        and candidates.currency_code = usual.currency_code
where outlier_score > 6
