{#-
    Purpose: the contract of the source. For each captured Postgres table of schema `finance`: its
    primary key, whether its change events carry the whole old row (REPLICA IDENTITY FULL), and its
    fields with the ClickHouse type they become in silver.
    Why one place: bronze checks each message against it (a field that does not fit its type sends
    the message to quarantine), silver types by it; two lists would drift.
    Nullable means NULL is a legal value in Postgres; any other field that is missing is an error.
    toastable: texts long enough to be stored out of line (TOAST) in a table without full replica
    identity. A change that leaves such a text alone comes without it; silver keeps the last known one.
    Returns: {table: contract}; a contract is
    {key: [field, …], full_before: bool, toastable: [field, …], fields: {field: type}}
-#}
{% macro source_tables() %}
    {% set timestamp = "DateTime64(6, 'UTC')" %}
    {% set tables = {
        'accounts': {
            'key': ['account_id'],
            'fields': {
                'account_id': 'UUID',
                'user_name': 'String',
                'email': 'String',
                'country': 'LowCardinality(String)',
                'signup_at': timestamp,
                'updated_at': timestamp,
            },
        },
        'merchants': {
            'key': ['merchant_id'],
            'toastable': ['profile_text'],
            'fields': {
                'merchant_id': 'UUID',
                'merchant_name': 'String',
                'merchant_category': 'LowCardinality(String)',
                'country': 'LowCardinality(String)',
                'risk_rating': 'UInt8',
                'updated_at': timestamp,
                'profile_text': 'Nullable(String)',
            },
        },
        'ip_geo': {
            'key': ['ip'],
            'fields': {
                'ip': 'String',
                'country': 'LowCardinality(String)',
                'city': 'String',
                'is_proxy_or_vpn': 'Bool',
                'updated_at': timestamp,
            },
        },
        'fx_rates': {
            'key': ['rate_date', 'currency'],
            'fields': {
                'rate_date': 'Date',
                'currency': 'LowCardinality(String)',
                'rate_to_eur': 'Decimal(18, 6)',
                'updated_at': timestamp,
            },
        },
        'transactions': {
            'key': ['transaction_id'],
            'full_before': true,
            'fields': {
                'transaction_id': 'UUID',
                'account_id': 'UUID',
                'merchant_id': 'UUID',
                'occurred_at': timestamp,
                'amount': 'Decimal(18, 2)',
                'currency': 'LowCardinality(String)',
                'status': 'LowCardinality(String)',
                'decline_code': 'LowCardinality(Nullable(String))',
                'ip': 'Nullable(String)',
                'device_id': 'Nullable(String)',
                'updated_at': timestamp,
            },
        },
        'refunds': {
            'key': ['refund_id'],
            'full_before': true,
            'fields': {
                'refund_id': 'UUID',
                'transaction_id': 'UUID',
                'amount': 'Decimal(18, 2)',
                'currency': 'LowCardinality(String)',
                'status': 'LowCardinality(String)',
                'reason': 'LowCardinality(Nullable(String))',
                'created_at': timestamp,
                'updated_at': timestamp,
            },
        },
        'disputes': {
            'key': ['dispute_id'],
            'full_before': true,
            'fields': {
                'dispute_id': 'UUID',
                'transaction_id': 'UUID',
                'amount': 'Decimal(18, 2)',
                'currency': 'LowCardinality(String)',
                'status': 'LowCardinality(String)',
                'reason': 'LowCardinality(Nullable(String))',
                'opened_at': timestamp,
                'closed_at': 'Nullable(' ~ timestamp ~ ')',
                'updated_at': timestamp,
            },
        },
        'heartbeat': {
            'key': ['id'],
            'fields': {
                'id': 'UInt8',
                'beat_at': timestamp,
                'marker': 'Nullable(String)',
            },
        },
    } %}
    {{ return(tables) }}
{% endmacro %}
