{#-
    Purpose: the sum of a nullable measure, NULL as soon as one summand is.
    Why not sum(): it skips NULLs, so one missing FX rate would make a volume too small and look right.
    Args: value: nullable expression
-#}
{% macro sum_or_null(value) -%}
    if(countIf(isNull({{ value }})) > 0, null, sum({{ value }}))
{%- endmacro %}
