{#-
    Purpose: the version of a row in ReplacingMergeTree: LSN, then Kafka offset as tie-break, as one
    UInt128.
    Why not a clock: two changes can share a millisecond and clocks go back; the LSN is the order in
    which Postgres made the changes. One WAL record (a COPY, a key change) can carry several events
    with one LSN, hence the offset.
-#}
{% macro row_version() -%}
    bitOr(bitShiftLeft(toUInt128(_lsn), 64), toUInt128(_offset))
{%- endmacro %}
