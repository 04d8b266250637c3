{#-
    Purpose: a bronze log. One model owns three objects: `<name>_queue` (Kafka engine), `<name>`
    (the append-only log, one row per Kafka message) and `<name>_mv` (moves queue to log; the model's
    SQL is its query).
    Why not dbt's materialized_view: it would drop and re-create the log with the view. Here an
    unchanged model touches nothing, a changed query swaps the view only (the consumer group's
    offsets stay in Kafka, so no message is lost or read twice by intent), and --full-refresh keeps
    the log unless `--vars 'drop_bronze_logs: true'` says otherwise: it is the only copy of the past.
    Config: topic (Kafka topic, one partition), is_live (see kafka_queue_ddl)
-#}
{% materialization kafka_log, adapter='clickhouse' %}
    {%- set log_table = this.incorporate(type='table') -%}
    {%- set queue = kafka_queue(this) | trim -%}
    {%- set view = api.Relation.create(schema=this.schema, identifier=this.identifier ~ '_mv', type='view') -%}
    {%- set topic = config.require('topic') -%}
    {%- set cluster = on_cluster_clause(this) -%}

    {%- set view_query -%}
        create materialized view {{ view }} {{ cluster }} to {{ log_table }} as
        {{ sql }}
    {%- endset -%}
    {%- set view_hash = local_md5(view_query) -%}

    {%- set found = {} -%}
    {%- for row in run_query(
        "select name, comment from system.tables where database = '" ~ this.schema
        ~ "' and name in ('" ~ log_table.identifier ~ "', '" ~ this.identifier ~ "_queue', '" ~ view.identifier ~ "')"
    ) -%}
        {%- do found.update({row[0]: row[1]}) -%}
    {%- endfor -%}
    {%- set log_is_new = log_table.identifier not in found -%}
    {%- set log_is_dropped = should_full_refresh() and not log_is_new and var('drop_bronze_logs') -%}

    {{ run_hooks(pre_hooks) }}

    {#- The view goes first and comes last: without it nothing is consumed, so nothing can be lost. -#}
    {%- if log_is_dropped -%}
        {% for relation in [view, queue, log_table] %}
            {% do run_query("drop table if exists " ~ relation ~ " " ~ cluster ~ " sync") %}
        {% endfor %}
    {%- endif -%}
    {%- if log_is_new or log_is_dropped -%}
        {% do run_query(kafka_log_ddl(log_table)) %}
        {% do persist_docs(log_table, model) %}
    {%- else -%}
        {% do refresh_docs(log_table) %}
    {%- endif -%}

    {%- set log_uuid = run_query(
        "select toString(uuid) from system.tables where database = '" ~ this.schema
        ~ "' and name = '" ~ log_table.identifier ~ "'"
    ).rows[0][0] -%}
    {%- set queue_query = kafka_queue_ddl(queue, topic, this.schema ~ '.' ~ this.identifier ~ '.' ~ log_uuid) -%}
    {%- set queue_hash = local_md5(queue_query) -%}
    {%- set queue_changed = log_is_dropped or found.get(this.identifier ~ '_queue') != queue_hash -%}
    {%- set view_changed = queue_changed or found.get(view.identifier) != view_hash -%}

    {%- if should_full_refresh() and not log_is_new and not log_is_dropped -%}
        {% do exceptions.warn(
            "kept " ~ this ~ ": --full-refresh does not drop a bronze log, the only copy of its change events."
            ~ " To drop it all the same: --vars 'drop_bronze_logs: true'"
        ) %}
    {%- endif -%}

    {%- if view_changed -%}
        {% do run_query("drop table if exists " ~ view ~ " " ~ cluster ~ " sync") %}
    {%- endif -%}
    {%- if queue_changed -%}
        {% do run_query("drop table if exists " ~ queue ~ " " ~ cluster ~ " sync") %}
        {% do run_query(queue_query ~ "\ncomment '" ~ queue_hash ~ "'") %}
    {%- endif -%}
    {% call statement('main') -%}
        {% if view_changed %}{{ view_query }}
comment '{{ view_hash }}'{% else %}select 'unchanged'{% endif %}
    {%- endcall %}

    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [log_table]}) }}
{% endmaterialization %}
