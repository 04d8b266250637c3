{#-
    Purpose: the INSERT settings that make a batch one block, one part, and a compare-and-set.
    optimize_sorting_by_input_stream_properties: the server leaves out a sort whose input comes sorted, as
    events of a log do in a table ordered by `_offset`; then each part read is a chunk, and of two
    writers with other ends of the batch both store theirs.
    Args: position: the watermark the batch starts from
-#}
{% macro offset_append_settings(position) -%}
    insert_deduplicate = 1,
    deduplicate_insert = 'enable',
    deduplicate_insert_select = 'enable_when_possible',
    insert_deduplication_token = '{{ position }}',
    max_insert_threads = 1,
    optimize_sorting_by_input_stream_properties = 0,
    max_block_size = 100000000,
    max_insert_block_size = 100000000,
    min_insert_block_size_rows = 100000000,
    min_insert_block_size_bytes = 0,
    optimize_on_insert = 1
{%- endmacro %}
