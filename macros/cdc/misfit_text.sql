{#-
    Purpose: what is wrong with the field that misfit() found, e.g. `amount: "1.2.3" is no Decimal(18, 2)`.
    Args: place: expression of misfit(); image, fields: as there
-#}
{% macro misfit_text(place, image, fields) -%}
    {%- set names = [] -%}
    {%- set values = [] -%}
    {%- set types = [] -%}
    {%- for field, type in fallible_fields(fields).items() -%}
        {%- do names.append("'" ~ field ~ "'") -%}
        {%- do values.append("tupleElement(" ~ image ~ ", '" ~ field ~ "')") -%}
        {%- do types.append("'" ~ base_type(type) | replace("'", '') ~ "'") -%}
    {%- endfor -%}
    concat(
        arrayElement([{{ names | join(', ') }}], {{ place }}),
        ': ',
        ifNull(
            concat(
                '"',
                substring(arrayElement([{{ values | join(', ') }}], {{ place }}), 1, 80),
                '" is no ',
                arrayElement([{{ types | join(', ') }}], {{ place }})
            ),
            'missing'
        )
    )
{%- endmacro %}
