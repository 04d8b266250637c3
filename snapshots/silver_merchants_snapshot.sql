{% snapshot silver_merchants_snapshot %}
{{ config(unique_key='merchant_id') }}

{{ current_rows(
    ref('silver_merchants_state'),
    key=['merchant_id'],
    columns=[
        'merchant_id', 'merchant_name', 'merchant_category', 'country', 'risk_rating', '_committed_at',
    ],
) }}
{% endsnapshot %}
