{{ live_payments_by(
    'payment_hour',
    'toStartOfHour(occurred_at)',
    fact=ref('fct_payments_by_hour'),
    deltas=ref('silver_transactions_deltas'),
    log=ref('bronze_transactions'),
) }}
