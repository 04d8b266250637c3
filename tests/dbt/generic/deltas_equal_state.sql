{#-
    Guards: the signed changes of a table add up to its current rows, per group of the contract but the
    first, which is a day. Exact while both are being written: the changes are taken up to the watermark
    of the state, from bronze where the deltas table is behind it, and nothing from before the start of
    the history (TRUNCATE, new snapshot) counts. A failure means that an event was applied twice or not
    at all: rebuild both with `./finhouse dbt run --full-refresh -s <state> <deltas>+`.
    Args: table: name in source_fields(); log: bronze relation; state: state relation
-#}
{% test deltas_equal_state(model, table, log, state) %}
{%- set contract = source_fields(table) -%}
{%- set groups = contract.groups[1:] | join(', ') -%}
{%- set amount = contract.amount -%}
with not_in_deltas as (

    {{ signed_changes(table, log, consumer=model, limit=none) }}

),

changes as (

    select {{ groups }}, sign, {{ amount }}, _offset
    from {{ model }}
    where _offset >= {{ history_start(log) | indent(4) }}
    union all
    select {{ groups }}, sign, {{ amount }}, _offset
    from not_in_deltas

),

changed as (

    select
        {{ groups }},
        toInt64(sum(sign)) as count_rows,
        sum(sign * {{ amount }}) as total_amount
    from changes
    where _offset < {{ next_offset(state) }}
    group by {{ groups }}

),

current_state as (

    {{ current_rows(state, contract.key, contract.groups[1:] + [amount]) }}

),

stored as (

    select
        {{ groups }},
        toInt64(count()) as count_rows,
        sum({{ amount }}) as total_amount
    from current_state
    where {{ next_offset(state) }} > {{ history_start(log) | indent(4) }}
    group by {{ groups }}

)

select
    {{ groups }},
    sum(count_rows) as difference_rows,
    sum(total_amount) as difference_amount
from (
    select {{ groups }}, count_rows, total_amount from changed
    union all
    select {{ groups }}, -count_rows, -total_amount from stored
)
group by {{ groups }}
having difference_rows != 0 or difference_amount != 0
{% endtest %}
