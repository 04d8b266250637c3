{#-
    Purpose: one measure divided by another, as a share; NULL when there is nothing to divide by.
    Args: part, whole: numeric expressions, Decimal too
    Returns: Nullable(Float64): a ratio is for reading, the exact numbers are its two measures
-#}
{% macro ratio(part, whole) -%}
    if({{ whole }} > 0, toFloat64({{ part }}) / toFloat64({{ whole }}), null)
{%- endmacro %}
