{{ config(topic='finhouse.finance.ip_geo') }}

{{ debezium_events('ip_geo', queue=kafka_queue(this)) }}
