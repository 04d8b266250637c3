{#-
    Purpose: what fct_sessions_by_day counts as a small, a large and a round amount: below `small`, from
    `large` on, multiples of `round`, in the payment's own currency.
    Why not in EUR: as in watched_bounds(); and what a fraud rule calls large need not be exact in EUR.
    Returns: {small: number, large: number, round: number}
-#}
{% macro session_bounds() %}
    {{ return({'small': 10, 'large': 200, 'round': 50}) }}
{% endmacro %}
