{{ config(topic='finhouse.finance.fx_rates') }}

{{ debezium_events('fx_rates', queue=kafka_queue(this)) }}
