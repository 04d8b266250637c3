{#-
    Guards: the signed changes of a table add up to its current rows, per currency and status. Exact
    while both are being written: the changes are taken up to the watermark of the state, from bronze
    where the deltas table is behind it, and nothing from before the start of the history (TRUNCATE,
    new snapshot) counts. A failure means that an event was applied twice or not at all: rebuild both with `./finhouse dbt run --full-refresh -s <state> <deltas>+`.
    Args: table: name in source_fields(); log: bronze relation; state: state relation
-#}
{% test deltas_equal_state(model, table, log, state) %}
with not_in_deltas as (

    {{ signed_changes(table, log, consumer=model, limit=none) }}

),

changes as (

    select currency, status, sign, amount, _offset
    from {{ model }}
    where _offset >= {{ history_start(log) | indent(4) }}
    union all
    select currency, status, sign, amount, _offset
    from not_in_deltas

),

changed as (

    select
        currency,
        status,
        toInt64(sum(sign)) as count_rows,
        sum(sign * amount) as total_amount
    from changes
    where _offset < {{ next_offset(state) }}
    group by currency, status

),

current_state as (

    {{ current_rows(state, source_fields(table).key, ['currency', 'status', 'amount']) }}

),

stored as (

    select
        currency,
        status,
        toInt64(count()) as count_rows,
        sum(amount) as total_amount
    from current_state
    where {{ next_offset(state) }} > {{ history_start(log) | indent(4) }}
    group by currency, status

)

select
    currency,
    status,
    sum(count_rows) as difference_rows,
    sum(total_amount) as difference_amount
from (
    select currency, status, count_rows, total_amount from changed
    union all
    select currency, status, -count_rows, -total_amount from stored
)
group by currency, status
having difference_rows != 0 or difference_amount != 0
{% endtest %}
