{#-
    Purpose: the value that stands for a histogram bucket: at most 1 % away from each value in it.
    Args: bucket: expression, Int16, see log_bucket()
-#}
{% macro value_of_bucket(bucket) -%}
    if({{ bucket }} = -32768, 0, 2 * pow(1.02, {{ bucket }}) / (1.02 + 1))
{%- endmacro %}
