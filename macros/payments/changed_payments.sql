{#-
    Purpose: the payments that a deltas table names between the offset a table of recomputed rows has
    stopped at and the offset the states have reached.
    Args: deltas: relation with `transaction_id`; stopped_at: column of the consumer, and of its CTE
    `ends`, that holds the offset; consumer: `this`
-#}
{% macro changed_payments(deltas, stopped_at, consumer) -%}
select transaction_id
from {{ deltas }}
where
    _offset >= (select max({{ stopped_at }}) from {{ consumer }})
    and _offset < (select {{ stopped_at }} from ends)
{%- endmacro %}
