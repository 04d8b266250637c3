{#-
    Purpose: the Kafka offset at which the history of a source table, as its bronze log has it, begins:
    after its last TRUNCATE, or with the first row of its newest snapshot, whichever is later; 0 while
    there was neither. What the log holds before is void: a snapshot states the whole table anew, and
    rows that vanished while nobody captured are in no later message.
    Costs parts and not rows: the log has a projection for it (see kafka_log_ddl).
    Args: log: bronze relation
-#}
{% macro history_start(log) -%}
    (
        select greatest(
            maxIf(newest_offset + 1, history = 1),
            argMaxIf(oldest_offset, newest_offset, history > 1)
        )
        from (
            select
                {{ history_key() }} as history,
                min(_offset) as oldest_offset,
                max(_offset) as newest_offset
            from {{ log }}
            group by history
        )
    )
{%- endmacro %}
