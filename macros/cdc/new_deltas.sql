{#-
    Purpose: the next batch of signed rows of a deltas table: those after the watermark of the
    consuming table.
    Why the batch ends at an offset and not at a row: an update is two rows with one offset; a batch
    that ended between them would lose the second for ever.
    Args: deltas: relation; columns: list of column names; consumer: the relation whose watermark
    counts, `this` in a model; limit: end the batch with the offset of so many-th row; none: read all
    that the consumer lacks, for a view; condition: only rows for which it holds; the limit counts
    those, or a batch without one would stop a table for ever
-#}
{% macro new_deltas(deltas, columns, consumer, limit=var('max_batch_events'), condition=none) -%}
    select {{ columns | join(', ') }}
    from {{ deltas }}
    {%- if not limit %}
    where
        _offset >= {{ next_offset(consumer) }}
    {%- else %}
    where
        _offset >= {{ read_from(first_delta(deltas), consumer) | indent(8) }}
        and _offset <= (
            select max(_offset)
            from (
                select _offset
                from {{ deltas }}
                where
                    _offset >= greatest({{ next_offset(consumer) }}, {{ first_delta(deltas) }})
                {%- if condition %}
                    and ({{ condition }})
                {%- endif %}
                order by _offset
                limit {{ limit | int }}
            )
        )
    {%- endif %}
    {%- if condition %}
        and ({{ condition }})
    {%- endif %}
{%- endmacro %}
