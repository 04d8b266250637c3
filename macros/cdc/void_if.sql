{#-
    Purpose: tells offset_append, in a comment of the batch it runs, when all that the model's table
    holds is void and it has to be built anew.
    Args: condition: SQL expression over the model's table and its inputs
-#}
{% macro void_if(condition) -%}
    /* void if {{ condition }} */
{%- endmacro %}
