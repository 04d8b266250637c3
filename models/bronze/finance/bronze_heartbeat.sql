{{ config(topic='finhouse.finance.heartbeat', is_live=true) }}

{{ debezium_events('heartbeat', queue=kafka_queue(this)) }}
