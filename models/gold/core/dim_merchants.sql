with merchants as (

    {{ current_rows(
        ref('silver_merchants_state'),
        key=['merchant_id'],
        columns=[
            'merchant_id', 'merchant_name', 'merchant_category', 'country', 'profile_text', 'risk_rating',
            'updated_at',
        ],
    ) | indent(4) }}

)

select
    -- ids
    merchant_id,
    -- strings
    merchant_name,
    merchant_category,
    country as merchant_country,
    profile_text,
    -- numerics
    risk_rating,
    -- timestamps
    updated_at
from merchants
