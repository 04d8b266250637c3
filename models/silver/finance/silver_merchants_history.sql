{{ config(order_by=['merchant_id', '_version']) }}

{{ row_history(
    'merchants',
    ref('bronze_merchants'),
    consumer=this,
    names=['merchant_id', 'merchant_name', 'merchant_category', 'country', 'risk_rating', 'updated_at'],
) }}
