{#-
    Purpose: which payments fct_watched_payments keeps one by one: amounts below `below` and from
    `from` on, in the payment's own currency.
    Why not in EUR: a rate may come late or be corrected, and a table that is filled once must not
    depend on it. Small amounts are judged in EUR, at read: below `below_eur`. The bound is wide enough for
    rates from 0.67 EUR on; assert_watched_bounds_hold finds others.
    Returns: {below: number, from: number, below_eur: number}
-#}
{% macro watched_bounds() %}
    {{ return({'below': 15, 'from': 750, 'below_eur': 10}) }}
{% endmacro %}
