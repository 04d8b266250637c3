{{ config(order_by=['account_id', '_version']) }}

{{ row_history(
    'accounts',
    ref('bronze_accounts'),
    consumer=this,
    names=['account_id', 'user_name', 'email', 'country', 'signup_at', 'updated_at'],
) }}
