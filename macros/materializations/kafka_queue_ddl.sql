{#-
    Purpose: the Kafka engine table that feeds a bronze log.
    The consumer group carries the log's UUID: a log that is made anew (dropped by intent, or its
    server's disk lost) reads its topic from the first retained message, never from where the lost one
    had stopped.
    A live log is flushed every 200 ms, and its consumer goes on 10 ms after it found the topic empty:
    ClickHouse's own pause of 500 ms put the median from commit to bronze at 0.8 s. Other logs are
    written every four seconds: what a small block costs is its planning and its part, not its rows.
    Broker and librdkafka settings: named collection `cdc_kafka` of the server's configuration.
    Args: queue: name; topic: Kafka topic; group: suffix of the consumer group
-#}
{% macro kafka_queue_ddl(queue, topic, group) -%}
    create table {{ queue }} {{ on_cluster_clause(this) }} (raw String)
    engine = Kafka(cdc_kafka)
    settings
        kafka_topic_list = '{{ topic }}',
        kafka_group_name = 'finhouse.{{ group }}',
        kafka_format = 'RawBLOB',
        kafka_num_consumers = 1,
        kafka_thread_per_consumer = 1,
        kafka_max_block_size = 65536,
        {%- if config.get('is_live') %}
        kafka_poll_timeout_ms = 20,
        kafka_flush_interval_ms = 200,
        kafka_consumer_reschedule_ms = 10
        {%- else %}
        kafka_poll_timeout_ms = 500,
        kafka_flush_interval_ms = 4000,
        kafka_consumer_reschedule_ms = 500
        {%- endif %}
{%- endmacro %}
