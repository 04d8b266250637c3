{{ valid_periods(
    ref('silver_merchants_history'),
    key='merchant_id',
    attributes={
        'merchant_name': 'merchant_name',
        'merchant_category': 'merchant_category',
        'country': 'merchant_country',
        'risk_rating': 'risk_rating',
    },
) }}
