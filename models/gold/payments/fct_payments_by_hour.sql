{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=['payment_hour', 'merchant_id', 'currency_code', 'status', 'decline_code'],
) }}

{{ payments_by(
    'payment_hour',
    'toStartOfHour(occurred_at)',
    ref('silver_transactions_deltas'),
    consumer=this,
) }}
