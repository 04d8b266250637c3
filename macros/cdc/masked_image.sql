{#-
    Purpose: a row image of a change event, or its key, as JSON for readers who must not learn who
    somebody is: the fields that the contract lists and does not call personal, all others masked.
    Why what may be shown is listed and not what is hidden: a column the source adds is masked until
    somebody has looked at it.
    Args: json: expression of type String; contract: as in source_tables()
    Returns: String, empty where there is no image
-#}
{% macro masked_image(json, contract) -%}
    {%- set shown = [] -%}
    {%- for field in contract.fields if field not in contract.get('personal', []) -%}
        {%- do shown.append("'" ~ field ~ "'") -%}
    {%- endfor -%}
    if(
        {{ json }} = '',
        '',
        concat('{', arrayStringConcat(arrayMap(
            field -> concat(
                toJSONString(field.1), ':',
                if(field.1 in ({{ shown | join(', ') }}), field.2, '"(masked)"')
            ),
            JSONExtractKeysAndValuesRaw({{ json }})
        ), ','), '}')
    )
{%- endmacro %}
