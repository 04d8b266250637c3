{% snapshot silver_accounts_snapshot %}
{{ config(
    schema='silver',
    strategy='timestamp',
    unique_key='account_id',
    updated_at='_committed_at',
    hard_deletes='invalidate',
    pre_hook='{{ drop_snapshot_leftovers() }}',
) }}

{{ current_rows(
    ref('silver_accounts_state'),
    key=['account_id'],
    columns=['account_id', 'user_name', 'email', 'country', 'signup_at', '_committed_at'],
) }}
{% endsnapshot %}
