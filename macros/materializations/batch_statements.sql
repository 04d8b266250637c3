{#-
    Purpose: what the transform loop and the background run again and again, as text, so that what a batch
    and the lease are is said in macros only: `dbt compile --inline "{{ batch_statements() }}"` gives it to
    infra/transform/batches.py. In place of what differs from batch to batch stands its name: __SELECT__ (the
    model's compiled SQL), __POSITION__, __NUMBER__ (of the lease).
    Returns: JSON: {settings: {name: value}, lease: {query, take, release}, owner, max_batch_events,
    unavailable_value, positions: {name: expression}, models: {name: insert}}, with all offset_append
    models, and with the position of each log, too
-#}
{% macro batch_statements() -%}
    {%- set positions = {} -%}
    {%- set models = {} -%}
    {%- for node in graph.nodes.values()
        if node.resource_type == 'model' and node.config.materialized in ('kafka_log', 'offset_append') -%}
        {%- do positions.update({node.name: next_offset(node.relation_name)}) -%}
        {%- if node.config.materialized == 'offset_append' -%}
            {%- do models.update({node.name: offset_append_insert(
                node.relation_name, '__SELECT__', node.columns, node.config.order_by, '__POSITION__'
            )}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ tojson({
        'settings': target.custom_settings,
        'owner': writer_lease_owner() | trim,
        'lease': {
            'query': writer_lease_query(),
            'take': writer_lease_change('__NUMBER__', writer_lease_owner() | trim, 60),
            'release': writer_lease_change('__NUMBER__', '', 0),
        },
        'max_batch_events': var('max_batch_events'),
        'unavailable_value': unavailable_value() | trim,
        'positions': positions,
        'models': models,
    }) }}
{%- endmacro %}
