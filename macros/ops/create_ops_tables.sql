{#-
    Purpose: the tables of database `ops`, where the running warehouse tells about itself: who may
    write (`writer_lease`) and what each model of each transform cycle did (`transform_runs`).
    Why not models: they must exist before the first model runs, and they hold no data of the business.
-#}
{% macro create_ops_tables() %}
    {% do run_query("create database if not exists ops") %}
    {% do run_query("
        create table if not exists ops.writer_lease (
            lease_number UInt64 comment 'Counts every change of the lease; the highest is in force.',
            owner String comment 'Who holds it: program, host, process; empty once released.',
            changed_at DateTime64(3, 'UTC') comment 'When it was taken, renewed or released, UTC.',
            expires_at DateTime64(3, 'UTC') comment 'From when on another writer may take it, UTC.'
        )
        engine = MergeTree
        order by lease_number
        ttl toDateTime(changed_at) + interval 1 day
        settings non_replicated_deduplication_window = 1000
        comment 'Which process may write silver and gold.'
    ") %}
    {% do run_query("
        create table if not exists ops.transform_runs (
            cycle_id UUID comment 'One transform cycle.',
            tier LowCardinality(String) comment 'live: facts, each second; slow: everything, each few seconds.',
            model LowCardinality(String) comment 'Name of the dbt model.',
            status LowCardinality(String) comment 'success, error or skipped.',
            started_at DateTime64(3, 'UTC') comment 'When the cycle started, UTC.',
            finished_at DateTime64(3, 'UTC') comment 'When the cycle was done, UTC.',
            model_seconds Float64 comment 'Time the model took, seconds.',
            message String comment 'What went wrong; empty otherwise.'
        )
        engine = MergeTree
        order by started_at
        ttl toDateTime(started_at) + interval 7 day
        comment 'One row per model and transform cycle.'
    ") %}
{% endmacro %}
