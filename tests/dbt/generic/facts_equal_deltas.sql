{#-
    Guards: a fact table holds each change up to its watermark exactly once, per day and keys. A failure
    means a wrong number on the dashboard: rebuild the table with
    `./finhouse dbt run --full-refresh -s <model>`.
    Args: day: date or time column of the facts; deltas: relation of the signed changes; moment: their
    time whose day it is; keys: columns of the facts to compare by, of currency_code, status; count:
    column that counts the rows; amount: column that adds up their amounts (none: there is none)
-#}
{% test facts_equal_deltas(
    model,
    day,
    deltas,
    moment='occurred_at',
    keys=['currency_code', 'status'],
    count='count_payments',
    amount='total_amount'
) %}
{%- set groups = (['day'] + keys) | join(', ') -%}
with facts as (

    select
        {{ (['toDate(' ~ day ~ ') as day'] + keys) | join(', ') }},
        sum({{ count }}) as count_rows,
        {{ 'sum(' ~ amount ~ ')' if amount else 'toDecimal128(0, 2)' }} as amount
    from {{ model }}
    group by {{ groups }}

),

changes as (

    select
        {{ (['toDate(' ~ moment ~ ') as day'] + keys) | join(', ') | replace('currency_code', 'currency as currency_code') }},
        toInt64(sum(sign)) as count_rows,
        {{ 'sum(sign * amount)' if amount else 'toDecimal128(0, 2)' }} as amount
    from {{ deltas }}
    where _offset < {{ next_offset(model) }}
    group by {{ groups }}

)

select
    {{ groups }},
    sum(count_rows) as difference_rows,
    sum(amount) as difference_amount
from (
    select {{ groups }}, count_rows, amount from facts
    union all
    select {{ groups }}, -count_rows, -amount from changes
)
group by {{ groups }}
having difference_rows != 0 or difference_amount != 0
{% endtest %}
