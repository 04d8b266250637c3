with newest as (

    select
        payment_date,
        max(evaluated_at) as evaluated_at
    from {{ source('ops', 'fraud_evaluations') }}
    group by payment_date

),

scored as (

    select
        evaluations.payment_date as payment_date,
        evaluations.score as fraud_score,
        evaluations.evaluated_at as evaluated_at,
        evaluations.count_payments as count_scored,
        evaluations.count_fraud as count_scored_fraud
    from {{ source('ops', 'fraud_evaluations') }} as evaluations
    inner join newest
        on
            evaluations.payment_date = newest.payment_date
            and evaluations.evaluated_at = newest.evaluated_at

),

counted as (

    select
        *,
        sum(count_scored) over at_or_above as count_accused,
        sum(count_scored_fraud) over at_or_above as count_true_positives,
        sum(count_scored) over of_day as count_all,
        sum(count_scored_fraud) over of_day as count_all_fraud
    from scored
    window
        of_day as (partition by payment_date),
        at_or_above as (
            partition by payment_date
            order by fraud_score desc
            rows between unbounded preceding and current row
        )

)

select
    payment_date,
    fraud_score,
    evaluated_at,
    count_scored,
    count_scored_fraud,
    count_true_positives,
    count_accused - count_true_positives as count_false_positives,
    count_all_fraud - count_true_positives as count_false_negatives,
    count_all - count_accused - count_all_fraud + count_true_positives as count_true_negatives,
    {{ ratio('count_true_positives', 'count_accused') }} as precision_share,
    {{ ratio('count_true_positives', 'count_all_fraud') }} as recall_share,
    {{ ratio('2 * count_true_positives', 'count_accused + count_all_fraud') }} as f1_score,
    {{ ratio(
        'count_accused - count_true_positives', 'count_all - count_all_fraud'
    ) }} as false_positive_rate
from counted
