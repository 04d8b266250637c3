{#-
    Purpose: the additive key figures of payments, from the rows of a payments fact: how many were
    attempted, decided (not pending) and successful, and for how much in the rows' currency.
    Returns: select list of count_attempted, count_decided, count_successful, attempted_amount,
    successful_amount; the amounts may be summed within one currency only
-#}
{% macro payment_measures() -%}
sum(count_payments) as count_attempted,
sumIf(count_payments, status != 'pending') as count_decided,
sumIf(count_payments, status = 'success') as count_successful,
sum(total_amount) as attempted_amount,
sumIf(total_amount, status = 'success') as successful_amount
{%- endmacro %}
