{%- set days = 30 -%}
{%- set bounds = watched_bounds() -%}
with attempts as (

    {{ watched_payments(
        ref('fct_watched_payments'),
        where='occurred_at > ' ~ now_utc() ~ ' - interval 24 hour and occurred_at <= ' ~ now_utc()
        ~ ' and amount >= ' ~ bounds.from,
    ) | indent(4) }}

),

amounts as (

    select
        account_id,
        currency_code,
        {{ value_of_bucket('amount_bucket') }} as bucket_amount,
        toUInt64(sum(count_payments)) as weight
    from {{ ref('fct_account_amounts_by_day') }}
    where
        account_id in (select attempts.account_id from attempts)
        and payment_date >= toDate({{ now_utc() }}) - {{ days }}
        and payment_date < toDate({{ now_utc() }})
    group by account_id, currency_code, amount_bucket
    having sum(count_payments) > 0

),

usual as (

    select
        account_id,
        currency_code,
        sum(weight) as count_usual,
        groupArray(bucket_amount) as usual_amounts,
        groupArray(weight) as weights,
        arrayReduce('quantileExactWeighted(0.5)', usual_amounts, weights) as median_amount,
        arrayReduce(
            'quantileExactWeighted(0.5)',
            arrayMap(amount -> abs(amount - median_amount), usual_amounts),
            weights
        ) as mad_amount
    from amounts
    group by account_id, currency_code
    having count_usual >= 10

),

judged as (

    select
        attempts.*,
        usual.count_usual as count_usual,
        usual.median_amount as median_amount,
        usual.mad_amount as mad_amount,
        {{ ratio('abs(toFloat64(attempts.amount) - usual.median_amount)', 'usual.mad_amount') }}
            as outlier_score
    from attempts
    inner join usual
        on
            attempts.account_id = usual.account_id
            and attempts.currency_code = usual.currency_code
    where outlier_score > 6

),

valued as (

    {{ booked_in_eur(
        'judged', 'occurred_at', {'amount': 'amount_eur'}, ref('dim_fx_rates')
    ) | indent(4) }}

)

select
    transaction_id,
    account_id,
    merchant_id,
    ip,
    device_id,
    currency_code,
    status,
    occurred_at,
    amount,
    amount_eur,
    count_usual,
    median_amount,
    mad_amount,
    outlier_score
from valued
