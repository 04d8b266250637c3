{#-
    Purpose: the name of the Kafka engine table that feeds a bronze log: `<log>_queue`, beside the log.
    Args: log: the log's relation, `this` in a bronze model
-#}
{% macro kafka_queue(log) -%}
    {{ log.schema }}.{{ log.identifier }}_queue
{%- endmacro %}
