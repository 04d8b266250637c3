{#-
    Guards: attempts with the same account, merchant, currency and amount have one key, and each of the
    four makes another. A failure means that retries are not found, or that intents are thrown together.
-#}
{%- set one = "toUUID('00000000-0000-0000-0000-000000000001')" -%}
{%- set two = "toUUID('00000000-0000-0000-0000-000000000002')" -%}
with attempts as (

    select
        tupleElement(attempt, 1) as intent,
        tupleElement(attempt, 2) as account_id,
        tupleElement(attempt, 3) as merchant_id,
        tupleElement(attempt, 4) as currency,
        toDecimal64(tupleElement(attempt, 5), 2) as amount
    from (
        select arrayJoin([
            (1, {{ one }}, {{ two }}, 'EUR', '10.00'),
            (1, {{ one }}, {{ two }}, 'EUR', '10.00'),
            (2, {{ two }}, {{ one }}, 'EUR', '10.00'),
            (3, {{ one }}, {{ one }}, 'EUR', '10.00'),
            (4, {{ one }}, {{ two }}, 'USD', '10.00'),
            (5, {{ one }}, {{ two }}, 'EUR', '10.01')
        ]) as attempt
    )

),

keyed as (

    select
        intent,
        {{ intent_key() }} as intent_key
    from attempts

)

select
    count(distinct intent) as count_intents,
    count(distinct intent_key) as count_keys,
    count(distinct intent, intent_key) as count_pairs
from keyed
having count_intents != count_keys or count_intents != count_pairs
