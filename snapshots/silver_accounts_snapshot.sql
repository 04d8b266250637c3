{% snapshot silver_accounts_snapshot %}
{{ config(unique_key='account_id') }}

{{ current_rows(
    ref('silver_accounts_state'),
    key=['account_id'],
    columns=['account_id', 'user_name', 'email', 'country', 'signup_at', '_committed_at'],
) }}
{% endsnapshot %}
