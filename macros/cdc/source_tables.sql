{#-
    Purpose: the contract of the source. For each captured Postgres table of schema `finance`: its
    primary key, whether its change events carry the whole old row (REPLICA IDENTITY FULL), and its
    fields with the ClickHouse type they become in silver.
    Why one place: bronze checks each message against it (a field that does not fit its type sends
    the message to quarantine), silver types by it; two lists would drift. Python reads it, too
    (infra/transform/comparisons.py), as plain Jinja: nothing of dbt may be called in here.
    Nullable means NULL is a legal value in Postgres; any other field that is missing is an error.
    toastable: texts long enough to be stored out of line (TOAST) in a table without full replica
    identity. A change that leaves such a text alone comes without it; silver keeps the last known one.
    groups, amount: what reconciliation groups the rows by, times by their day in UTC, and what it adds
    up besides counting them. A table without groups is not reconciled.
    personal: fields that tell who or where somebody is; masked_image() shows them to nobody.
    Returns: {table: contract}; a contract is
    {key: [field, …], groups: [field, …], amount: field, full_before: bool, toastable: [field, …],
    personal: [field, …], fields: {field: type}}
-#}
{% macro source_tables() %}
    {% set timestamp = "DateTime64(6, 'UTC')" %}
    {% set tables = {
        'accounts': {
            'key': ['account_id'],
            'groups': ['country'],
            'personal': ['user_name', 'email'],
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
            'groups': ['country', 'merchant_category'],
            'toastable': ['profile_text'],
            'personal': ['profile_text'],
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
            'groups': ['country'],
            'personal': ['ip'],
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
            'groups': ['currency'],
            'amount': 'rate_to_eur',
            'fields': {
                'rate_date': 'Date',
                'currency': 'LowCardinality(String)',
                'rate_to_eur': 'Decimal(18, 6)',
                'updated_at': timestamp,
            },
        },
        'transactions': {
            'key': ['transaction_id'],
            'groups': ['occurred_at', 'currency', 'status'],
            'amount': 'amount',
            'full_before': true,
            'personal': ['ip'],
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
            'groups': ['created_at', 'currency', 'status'],
            'amount': 'amount',
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
            'groups': ['opened_at', 'currency', 'status'],
            'amount': 'amount',
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
