{{ live_payments_by(
    'minute',
    'toStartOfMinute(occurred_at)',
    fact=ref('fct_payments_by_minute'),
    deltas=ref('silver_transactions_deltas'),
    log=ref('bronze_transactions'),
) }}
