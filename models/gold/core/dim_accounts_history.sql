{{ valid_periods(
    ref('silver_accounts_history'),
    key='account_id',
    attributes={
        'user_name': 'user_name', 'email': 'email', 'country': 'account_country', 'signup_at': 'signup_at',
    },
) }}
