{#-
    Purpose: the next batch of valid change events of a bronze log: those after the watermark of the
    consuming table, in log order, each offset once.
    Why `limit 1 by`: after a crash between INSERT and commit ClickHouse reads the same Kafka
    messages again, so the log may hold an offset twice; a log that is read by offset does not care.
    What the log holds from before the start of its history (history_start) is never read.
    Args: log: bronze relation; columns: list of column names; consumer: the relation whose watermark
    counts, `this` in a model; limit: at most so many events, for a batch of a model; none: all that
    the consumer lacks, for a view or a test, which counts nothing else of a consumer from before the
    start of the history; condition: only events for which it holds;
    the limit counts those, or a batch without one would stop a table for ever
-#}
{% macro new_events(log, columns, consumer, limit=var('max_batch_events'), condition=none) -%}
    select {{ columns | join(', ') }}
    from (
        select {{ columns | join(', ') }}
        from {{ log }}
        where
        {%- if limit %}
            _offset >= {{ read_from(history_start(log), consumer) | indent(12) }}
        {%- else %}
            _offset >= greatest({{ next_offset(consumer) }}, {{ history_start(log) | indent(12) }})
        {%- endif %}
            and _error = ''
        {%- if condition %}
            and {{ condition }}
        {%- endif %}
        {%- if limit %}
        order by _offset
        limit {{ limit | int }}
        {%- endif %}
    )
    limit 1 by _offset
{%- endmacro %}
