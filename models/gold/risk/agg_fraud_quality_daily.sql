{%- set best = 100 -%}
with thresholds as (

    select
        *,
        count_true_positives + count_false_positives as count_accused,
        fraud_score >= {{ var('suspicious_score') }} as is_suspicious
    from {{ ref('agg_fraud_thresholds_daily') }}

),

daily as (

    select
        payment_date,
        max(evaluated_at) as newest_evaluated_at,
        sum(count_scored) as count_payments,
        sum(count_scored_fraud) as count_fraud,
        sumIf(count_scored, is_suspicious) as count_accused_payments,
        sumIf(count_scored_fraud, is_suspicious) as count_found,
        -- of equal scores at the border, the expected share
        sumIf(
            count_true_positives - count_scored_fraud
            + ({{ best }} - (count_accused - count_scored)) * count_scored_fraud / count_scored,
            count_accused >= {{ best }} and count_accused - count_scored < {{ best }}
        ) as count_best_fraud,
        sum(
            count_scored_fraud
            * (toFloat64(count_true_negatives) + (count_scored - count_scored_fraud) / 2)
        ) as count_won_pairs
    from thresholds
    group by payment_date

)

select
    payment_date,
    newest_evaluated_at as evaluated_at,
    toUInt16({{ var('suspicious_score') }}) as suspicious_score,
    count_payments as count_measured_payments,
    count_fraud,
    count_found as count_true_positives,
    count_accused_payments - count_found as count_false_positives,
    count_fraud - count_found as count_false_negatives,
    count_payments - count_accused_payments - count_fraud + count_found as count_true_negatives,
    {{ ratio('count_found', 'count_accused_payments') }} as precision_share,
    {{ ratio('count_found', 'count_fraud') }} as recall_share,
    {{ ratio('2 * count_found', 'count_accused_payments + count_fraud') }} as f1_score,
    if(count_payments >= {{ best }}, count_best_fraud / {{ best }}, null) as precision_at_100,
    {{ ratio(
        'count_won_pairs', 'toFloat64(count_fraud) * (count_payments - count_fraud)'
    ) }} as area_under_curve
from daily
