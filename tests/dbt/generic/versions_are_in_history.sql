{#-
    Guards: a dbt snapshot and the history derived from the bronze log tell the same past: each version
    of the snapshot was, when it began, the version of the derived history. The snapshot may miss
    versions between two of its runs, and may have begun before the log did.
    A failure means that one of them is wrong: rebuild the history (`./finhouse dbt run --full-refresh
    -s <history>`); if it still fails, the snapshot took a row that was never committed.
    Args: history: relation of valid_periods(); key: key column of both; attributes: {column of the
    snapshot: column of the history}
-#}
{% test versions_are_in_history(model, history, key, attributes) %}
with matched as (

    select
        versions.{{ key }} as {{ key }},
        versions.dbt_valid_from as dbt_valid_from,
        countIf(
            versions.dbt_valid_from >= periods.valid_from
            and (
                isNull(periods.valid_to)
                or versions.dbt_valid_from < periods.valid_to
                or versions.dbt_valid_from = periods.valid_from
            )
            and (versions.{{ attributes.keys() | join(', versions.') }})
            = (periods.{{ attributes.values() | join(', periods.') }})
        ) as count_periods
    from {{ model }} as versions
    left join {{ history }} as periods on versions.{{ key }} = periods.{{ key }}
    where versions.dbt_valid_from >= (select min(valid_from) from {{ history }})
    group by {{ key }}, dbt_valid_from

)

select
    {{ key }},
    dbt_valid_from
from matched
where count_periods = 0
{% endtest %}
