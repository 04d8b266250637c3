{#-
    Purpose: the histogram bucket of a value (an amount, a number of seconds): bucket i holds
    (1.02^(i-1), 1.02^i], so that any value in it is within 1 % of `value_of_bucket(i)`. A value of
    zero or less is in bucket -32768.
    Source: DDSketch (Masson, Rim, Lee, VLDB 2019), logarithmic buckets with gamma 1.02.
    Why the inner if: both branches of an if may be computed, and no logarithm is of zero.
    Args: value: expression, Decimal
-#}
{% macro log_bucket(value) -%}
    toInt16(if({{ value }} > 0, ceil(log(toFloat64(if({{ value }} > 0, {{ value }}, 1))) / log(1.02)), -32768))
{%- endmacro %}
