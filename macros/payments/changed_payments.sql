{#-
    Purpose: the payments that a deltas table names between the offset a table of recomputed rows has
    stopped at and the offset the states have reached. If the history of the deltas begins behind
    where it stopped, the table is void.
    Args: deltas: relation with `transaction_id`; stopped_at: column of the consumer, and of its CTE
    `ends`, that holds the offset; consumer: `this`
-#}
{% macro changed_payments(deltas, stopped_at, consumer) -%}
{%- set stopped = '(select max(' ~ stopped_at ~ ') from ' ~ consumer ~ ')' -%}
{{ void_if(stopped ~ ' > 0 and ' ~ stopped ~ ' <= ' ~ first_delta(deltas)) }}
select transaction_id
from {{ deltas }}
where
    _offset >= {{ stopped }}
    and _offset < (select {{ stopped_at }} from ends)
{%- endmacro %}
