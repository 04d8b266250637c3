{#-
    Purpose: the histogram bucket of an amount: bucket i holds (1.02^(i-1), 1.02^i], so that any amount
    in it is within 1 % of `amount_of_bucket(i)`. An amount of zero or less is in bucket -32768.
    Source: DDSketch (Masson, Rim, Lee, VLDB 2019), logarithmic buckets with gamma 1.02.
    Args: amount: expression, Decimal
-#}
{% macro amount_bucket(amount) -%}
    toInt16(if({{ amount }} > 0, ceil(log(toFloat64(greatest({{ amount }}, toDecimal64(0.01, 2)))) / log(1.02)), -32768))
{%- endmacro %}
