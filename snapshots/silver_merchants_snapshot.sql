{% snapshot silver_merchants_snapshot %}
{{ config(
    schema='silver',
    strategy='timestamp',
    unique_key='merchant_id',
    updated_at='_committed_at',
    hard_deletes='invalidate',
    pre_hook='{{ drop_snapshot_leftovers() }}',
) }}

{{ current_rows(
    ref('silver_merchants_state'),
    key=['merchant_id'],
    columns=[
        'merchant_id', 'merchant_name', 'merchant_category', 'country', 'risk_rating', '_committed_at',
    ],
) }}
{% endsnapshot %}
