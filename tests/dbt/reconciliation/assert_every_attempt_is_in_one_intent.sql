{#-
    Guards: each payment is an attempt of exactly one intent: per merchant and currency, the attempts of
    all intents are the payments there are (from the signed changes, up to the offset the fact knows). A
    failure means that intents were missed or counted twice: rebuild with
    `./finhouse dbt run --full-refresh -s fct_attempts_by_intent fct_intents_by_day`.
-#}
with balances as (

    select
        merchant_id,
        cast(currency_code as String) as currency_code,
        count_attempts as balance
    from {{ ref('fct_intents_by_day') }}
    union all
    select
        merchant_id,
        cast(currency as String) as currency_code,
        toInt64(-sign) as balance
    from {{ ref('silver_transactions_deltas') }}
    where _offset < {{ next_offset(ref('fct_intents_by_day')) }}

)

select
    merchant_id,
    currency_code,
    sum(balance) as difference
from balances
group by merchant_id, currency_code
having difference != 0
