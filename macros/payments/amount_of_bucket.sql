{#-
    Purpose: the amount that stands for a histogram bucket: at most 1 % away from each amount in it.
    Args: bucket: expression, Int16, see amount_bucket()
-#}
{% macro amount_of_bucket(bucket) -%}
    if({{ bucket }} = -32768, 0, 2 * pow(1.02, {{ bucket }}) / (1.02 + 1))
{%- endmacro %}
