{#-
    Purpose: CREATE TABLE of an offset_append model from its contract.
    The projection keeps one row per part with the highest and the lowest `_offset`, so reading the watermark
    costs the number of parts and not the number of rows.
    Config: index_granularity, for a table that is looked up by keys of no order: a lookup reads a
    granule, 8192 rows by default.
    Args: relation: the table to create
-#}
{% macro offset_append_ddl(relation) -%}
    create table {{ relation }} {{ on_cluster_clause(relation) }} (
        {%- for column in model.columns.values() %}
        {{ column.name }} {{ column.data_type }},
        {%- endfor %}
        projection watermark (select count(), min(_offset), max(_offset))
    )
    engine = {{ config.get('engine', 'MergeTree') }}
    order by ({{ offset_append_order(config.require('order_by')) }})
    settings
        {%- if config.get('index_granularity') %}
        index_granularity = {{ config.get('index_granularity') }},
        {%- endif %}
        {{ merge_settings() }},
        non_replicated_deduplication_window = 100,
        deduplicate_merge_projection_mode = 'rebuild'
{%- endmacro %}
