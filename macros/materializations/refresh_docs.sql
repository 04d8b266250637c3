{#-
    Purpose: descriptions that have changed since the table was made reach its comments; nothing is
    altered otherwise, for this is asked at each run of a table that is there.
    Args: relation: the table of the model that runs
-#}
{% macro refresh_docs(relation) -%}
    {%- set found = {} -%}
    {%- for row in run_query(
        "select '(table)', comment from system.tables where database = '" ~ relation.schema
        ~ "' and name = '" ~ relation.identifier ~ "' union all select name, comment from system.columns"
        ~ " where database = '" ~ relation.schema ~ "' and table = '" ~ relation.identifier ~ "'"
    ) -%}
        {%- do found.update({row[0]: (row[1] or '') | trim}) -%}
    {%- endfor -%}
    {%- set said = {'(table)': model.description} -%}
    {%- for column in model.columns.values() -%}
        {%- do said.update({column.name: column.description}) -%}
    {%- endfor -%}
    {%- set stale = [] -%}
    {%- for name, text in said.items() -%}
        {#- What has no description, or is no column of the table, is left alone by persist_docs, too. -#}
        {%- if text and found.get(name, text | trim) != text | trim -%}
            {%- do stale.append(name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if stale -%}
        {% do persist_docs(relation, model) %}
    {%- endif -%}
{%- endmacro %}
