{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=['payment_date', 'merchant_id', 'currency_code', 'status', 'decline_code'],
    tags=['live'],
) }}

{{ payments_by(
    'payment_date',
    'toDate(occurred_at)',
    ref('silver_transactions_deltas'),
    consumer=this,
) }}
