{#-
    Purpose: before a snapshot runs, drop the table in which its last run would have built the new
    version, had it not been killed.
    Why: dbt-clickhouse fills `<snapshot>__snapshot_upsert` if it does not exist and exchanges it with
    the snapshot; after a crash it would fill the left one again, and each version would be there twice.
-#}
{% macro drop_snapshot_leftovers() -%}
    drop table if exists {{ this.schema }}.{{ this.identifier }}__snapshot_upsert {{ on_cluster_clause(this) }} sync
{%- endmacro %}
