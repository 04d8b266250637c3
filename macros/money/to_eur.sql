{#-
    Purpose: an amount in EUR at the rate of its day, exact: 2 decimals times 6 decimals are 8.
    NULL when the rate is, but nothing is nothing in any currency. Sums of it may be taken in any grouping; rounding happens on screen.
    Why toDecimal128: Decimal(18, 2) times Decimal(18, 6) is Decimal(18, 8), which overflows at ten billion.
    Args: amount: Decimal(P, 2) expression; rate: Nullable(Decimal(18, 6)) expression
-#}
{% macro to_eur(amount, rate) -%}
    cast(if({{ amount }} = 0, 0, toDecimal128({{ amount }}, 2) * {{ rate }}) as Nullable(Decimal(38, 8)))
{%- endmacro %}
