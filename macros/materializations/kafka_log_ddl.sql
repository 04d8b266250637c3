{#-
    Purpose: the one shape of every bronze log.
    Ordered by offset: consumers read "everything after offset n", a range of the primary key.
    Partitioned by ingestion day, constant within a block, so one block is one part, and no merge
    rewrites more than a day. No TTL: all below is rebuilt from the log (decision 25).
    Two projections keep a row or two per part, so that what each cycle asks costs parts and not rows:
    how far the log is, and where its history begins (history_start).
    Args: relation: the log's relation
-#}
{% macro kafka_log_ddl(relation) -%}
    create table {{ relation }} {{ on_cluster_clause(relation) }} (
        _op LowCardinality(String),
        before String codec(ZSTD(1)),
        after String codec(ZSTD(1)),
        _lsn UInt64 codec(Delta, ZSTD(1)),
        _sequence String codec(ZSTD(1)),
        _tx_id UInt64 codec(Delta, ZSTD(1)),
        _committed_at DateTime64(6, 'UTC') codec(Delta, ZSTD(1)),
        _captured_at DateTime64(6, 'UTC') codec(Delta, ZSTD(1)),
        _published_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)),
        _ingested_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)),
        _topic LowCardinality(String),
        _partition UInt32 codec(ZSTD(1)),
        _offset UInt64 codec(Delta, ZSTD(1)),
        _key String codec(ZSTD(1)),
        _error LowCardinality(String),
        _raw String codec(ZSTD(1)),
        index is_invalid _error != '' type minmax granularity 1,
        projection watermark (select count(), max(_offset)),
        projection history (
            select {{ history_key() }}, min(_offset), max(_offset) group by {{ history_key() }}
        )
    )
    engine = {{ config.get('engine', 'MergeTree') }}
    partition by toDate(_ingested_at)
    order by _offset
    settings {{ merge_settings() }}
{%- endmacro %}
