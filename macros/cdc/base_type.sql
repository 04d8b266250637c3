{#-
    Purpose: a field type without its Nullable and LowCardinality wrappers: what has to be parsed.
    Returns: string, e.g. `LowCardinality(Nullable(String))` -> `String`
-#}
{% macro base_type(type) %}
    {% set bare = type | replace('LowCardinality(', '') | replace('Nullable(', '') %}
    {% set depth = type.count('LowCardinality(') + type.count('Nullable(') %}
    {{ return(bare[: bare | length - depth]) }}
{% endmacro %}
