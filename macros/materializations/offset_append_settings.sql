{#-
    Purpose: the INSERT settings that make a batch one block, one part, and a compare-and-set.
    Args: position: the watermark the batch starts from
-#}
{% macro offset_append_settings(position) -%}
    insert_deduplicate = 1,
    deduplicate_insert = 'enable',
    deduplicate_insert_select = 'enable_when_possible',
    insert_deduplication_token = '{{ position }}',
    max_insert_threads = 1,
    max_insert_block_size = 100000000,
    min_insert_block_size_rows = 100000000,
    min_insert_block_size_bytes = 0,
    optimize_on_insert = 1
{%- endmacro %}
