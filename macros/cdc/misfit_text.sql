{#-
    Purpose: what is wrong with the field that misfit() found, e.g. `amount is no Decimal(18, 2)`. The value
    is in the message; bronze.quarantine shows it.
    Args: place: expression of misfit(); fields: as there
-#}
{% macro misfit_text(place, fields) -%}
    {%- set texts = [] -%}
    {%- for field, type in fallible_fields(fields).items() -%}
        {%- do texts.append("'" ~ field ~ ' is no ' ~ base_type(type) | replace("'", '') ~ "'") -%}
    {%- endfor -%}
    arrayElement([{{ texts | join(', ') }}], {{ place }})
{%- endmacro %}
