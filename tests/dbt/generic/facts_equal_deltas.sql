{#-
    Guards: a fact table holds each change up to its watermark exactly once, per day, currency and
    status. A failure means a wrong number on the dashboard: rebuild the table with
    `./finhouse dbt run --full-refresh -s <model>`.
    Args: day: date or time column of the facts; deltas: relation of the signed changes
-#}
{% test facts_equal_deltas(model, day, deltas) %}
with facts as (

    select
        toDate({{ day }}) as day,
        currency_code,
        status,
        sum(count_payments) as count_rows,
        sum(total_amount) as amount
    from {{ model }}
    group by day, currency_code, status

),

changes as (

    select
        toDate(occurred_at) as day,
        currency as currency_code,
        status,
        toInt64(sum(sign)) as count_rows,
        sum(sign * amount) as amount
    from {{ deltas }}
    where _offset < {{ next_offset(model) }}
    group by day, currency_code, status

)

select
    day,
    currency_code,
    status,
    sum(count_rows) as difference_rows,
    sum(amount) as difference_amount
from (
    select day, currency_code, status, count_rows, amount from facts
    union all
    select day, currency_code, status, -count_rows, -amount from changes
)
group by day, currency_code, status
having difference_rows != 0 or difference_amount != 0
{% endtest %}
