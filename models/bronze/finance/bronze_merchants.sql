{{ config(topic='finhouse.finance.merchants') }}

{{ debezium_events('merchants', queue=kafka_queue(this)) }}
