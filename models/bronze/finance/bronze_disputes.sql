{{ config(topic='finhouse.finance.disputes') }}

{{ debezium_events('disputes', queue=kafka_queue(this)) }}
