{#-
    Guards: fct_adjusted_payments adds up the refunds and lost disputes of a payment in the payment's
    own currency. A failure names one in another currency, whose amount was taken for one of that.
-#}
with refunds as (

    {{ current_rows(
        ref('silver_refunds_state'),
        key=['refund_id'],
        columns=['refund_id', 'transaction_id', 'currency'],
    ) | indent(4) }}

),

disputes as (

    {{ current_rows(
        ref('silver_disputes_state'),
        key=['dispute_id'],
        columns=['dispute_id', 'transaction_id', 'currency'],
    ) | indent(4) }}

),

adjustments as (

    select
        'refund' as kind,
        refund_id as id,
        transaction_id,
        currency
    from refunds
    union all
    select
        'dispute' as kind,
        dispute_id as id,
        transaction_id,
        currency
    from disputes

),

payments as (

    {{ current_rows(
        ref('silver_transactions_state'),
        key=['transaction_id'],
        columns=['transaction_id', 'currency'],
        where='transaction_id in (select transaction_id from adjustments)',
    ) | indent(4) }}

)

select
    adjustments.kind as kind,
    adjustments.id as id,
    adjustments.currency as currency,
    payments.transaction_id as transaction_id,
    payments.currency as payment_currency
from adjustments
inner join payments on adjustments.transaction_id = payments.transaction_id
where adjustments.currency != payments.currency
