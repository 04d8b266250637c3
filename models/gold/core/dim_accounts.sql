with accounts as (

    {{ current_rows(
        ref('silver_accounts_state'),
        key=['account_id'],
        columns=['account_id', 'user_name', 'email', 'country', 'signup_at', 'updated_at'],
    ) | indent(4) }}

)

select
    -- ids
    account_id,
    -- strings
    user_name,
    email,
    country as account_country,
    -- timestamps
    signup_at,
    updated_at
from accounts
