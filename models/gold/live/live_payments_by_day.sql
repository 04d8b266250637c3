{{ live_payments_by(
    'payment_date',
    'toDate(occurred_at)',
    fact=ref('fct_payments_by_day'),
    deltas=ref('silver_transactions_deltas'),
    log=ref('bronze_transactions'),
) }}
