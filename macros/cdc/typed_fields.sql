{#-
    Purpose: the select list that turns a row image into typed columns, as in source_fields().
    A field that is not nullable is there and fits: bronze quarantined the message otherwise. Only a
    delete from a table without full replica identity lacks its other fields: there they take the
    type's default, in a row that nobody sees.
    Args: table: name in source_fields(); image: expression of row_image(); names: list of the fields
    wanted (none: all)
-#}
{% macro typed_fields(table, image, names=none) -%}
    {%- set fields = source_fields(table).fields -%}
    {%- for field in names or fields -%}
    {%- set type = fields[field] -%}
    {%- set value = parsed("tupleElement(" ~ image ~ ", '" ~ field ~ "')", type) -%}
    cast({{ value if 'Nullable(' in type else 'assumeNotNull(' ~ value ~ ')' }} as {{ type }}) as {{ field }}
    {{- ',\n    ' if not loop.last -}}
    {%- endfor -%}
{%- endmacro %}
