{{ config(topic='finhouse.finance.accounts') }}

{{ debezium_events('accounts', queue=kafka_queue(this)) }}
