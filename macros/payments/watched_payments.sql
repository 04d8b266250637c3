{#-
    Purpose: the payments that fct_watched_payments holds now: one row each, without what a later
    change has taken back.
    Args: fact: the relation; where: condition on its rows
    Returns: columns occurred_at (UTC), transaction_id, account_id, merchant_id, ip, device_id,
    currency_code, status, amount (of that currency)
-#}
{% macro watched_payments(fact, where) -%}
{%- set columns = [
    'occurred_at', 'transaction_id', 'account_id', 'merchant_id', 'ip', 'device_id', 'currency_code',
    'status', 'amount',
] -%}
select {{ columns | join(', ') }}
from {{ fact }}
where {{ where }}
group by {{ columns | join(', ') }}
having sum(count_payments) > 0
{%- endmacro %}
