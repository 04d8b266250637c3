{#-
    Purpose: which part of a log's history a message belongs to, as a number: 0 an ordinary change,
    1 a TRUNCATE, otherwise the LSN of the snapshot whose row it is. Debezium gives all rows of one
    snapshot one LSN; a snapshot that is taken again, or begun again after a crash, gets another.
    Why a macro: the projection of a bronze log and history_start() must use the same expression, or
    the projection is not read.
-#}
{% macro history_key() -%}
    multiIf(_error != '', 0, _op = 't', 1, _op = 'r', _lsn, 0)
{%- endmacro %}
