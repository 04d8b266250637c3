{{ config(topic='finhouse.finance.transactions', is_live=true) }}

{{ debezium_events('transactions', queue=kafka_queue(this)) }}
