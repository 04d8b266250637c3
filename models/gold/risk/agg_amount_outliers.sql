{%- set days = 30 -%}
{%- set no_bucket = 32767 -%}
{%- set large = 'occurred_at > ' ~ now_utc() ~ ' - interval 24 hour and occurred_at <= ' ~ now_utc()
    ~ ' and amount >= ' ~ watched_bounds().from -%}
with attempts as (

    {{ watched_payments(
        ref('fct_watched_payments'),
        where=large,
    ) | indent(4) }}

),

-- Sorted lists, and no GROUP BY of the bucket: there are almost as many buckets as payments.
histograms as (

    select
        account_id,
        currency_code,
        arraySort(groupArray(tuple(amount_bucket, count_payments))) as changes,
        changes.1 as buckets,
        arrayFilter(
            (total, bucket, next_bucket) -> bucket != next_bucket,
            arrayZip(buckets, arrayCumSum(changes.2)),
            buckets,
            arrayPushBack(arrayPopFront(buckets), {{ no_bucket }})
        ) as totals
    from {{ ref('fct_account_amounts_by_day') }}
    where
        account_id in (
            select watched.account_id
            from {{ ref('fct_watched_payments') }} as watched
            where {{ large }}
        )
        and payment_date >= toDate({{ now_utc() }}) - {{ days }}
        and payment_date < toDate({{ now_utc() }})
    group by account_id, currency_code

),

usual as (

    select
        account_id,
        currency_code,
        arrayMap(bucket -> {{ value_of_bucket('bucket') }}, totals.1) as usual_amounts,
        arrayMap(
            (total, before) -> toUInt64(total - before),
            totals.2,
            arrayPushFront(arrayPopBack(totals.2), 0)
        ) as weights,
        arraySum(weights) as count_usual,
        arrayReduce('quantileExactWeighted(0.5)', usual_amounts, weights) as median_amount,
        arrayReduce(
            'quantileExactWeighted(0.5)',
            arrayMap(amount -> abs(amount - median_amount), usual_amounts),
            weights
        ) as mad_amount
    from histograms
    where count_usual >= 10

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
