{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=['minute', 'merchant_id', 'currency_code', 'status', 'decline_code'],
    tags=['live'],
) }}

{{ payments_by(
    'minute',
    'toStartOfMinute(occurred_at)',
    ref('silver_transactions_deltas'),
    consumer=this,
) }}
