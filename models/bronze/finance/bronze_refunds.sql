{{ config(topic='finhouse.finance.refunds') }}

{{ debezium_events('refunds', queue=kafka_queue(this)) }}
