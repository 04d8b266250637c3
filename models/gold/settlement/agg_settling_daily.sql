with settled as (

    select
        change_date,
        toUInt64(sum(count_changes)) as count_settled,
        toUInt64(sumIf(count_changes, to_status = 'success')) as count_settled_successful,
        quantileExactWeighted(0.5) (elapsed_bucket, toUInt64(count_changes)) as p50_bucket,
        quantileExactWeighted(0.95) (elapsed_bucket, toUInt64(count_changes)) as p95_bucket
    from {{ ref('fct_status_changes_by_day') }}
    where from_status = 'pending' and to_status in ('success', 'failed')
    group by change_date

)

select
    change_date,
    toInt64(count_settled) as count_settled,
    toInt64(count_settled_successful) as count_settled_successful,
    toFloat64({{ value_of_bucket('p50_bucket') }}) as time_to_final_p50_seconds,
    toFloat64({{ value_of_bucket('p95_bucket') }}) as time_to_final_p95_seconds
from settled
