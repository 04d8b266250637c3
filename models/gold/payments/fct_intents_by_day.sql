{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=['intent_date', 'merchant_id', 'currency_code', 'first_status', 'first_decline_code'],
    tags=['background'],
) }}
{%- set attempts = ref('fct_attempts_by_intent') -%}
{#- Where an intent begins depends on the attempts before it. So all intents with a key that a
    change touches are worked out twice, as of the watermark and as of the end of the batch, and the
    difference is written: the table stays additive. -#}
with batch as (

    select
        {{ intent_key() }} as intent_key,
        merchant_id,
        occurred_at,
        currency,
        status,
        decline_code,
        _offset
    from (
        {{ new_deltas(
            ref('silver_transactions_deltas'),
            [
                'account_id', 'merchant_id', 'occurred_at', 'currency', 'amount', 'status',
                'decline_code', '_offset',
            ],
            consumer=this,
        ) | indent(8) }}
    )
    where _offset < {{ next_offset(attempts) }}

),

-- Where all changes of a batch cancel out, this one still moves the watermark.
newest as (

    select *
    from batch
    order by _offset desc
    limit 1

),

known as (

    select
        intent_key,
        merchant_id,
        currency_code,
        amount,
        occurred_at,
        transaction_id,
        status,
        decline_code,
        sumIf(sign, _offset < {{ next_offset(this) }}) as count_before,
        sum(sign) as count_after
    from {{ attempts }}
    where
        intent_key in (select batch.intent_key from batch)
        and _offset <= (select newest._offset from newest)
    group by
        intent_key,
        merchant_id,
        currency_code,
        amount,
        occurred_at,
        transaction_id,
        status,
        decline_code

),

ordered as (

    select
        merchant_id,
        currency_code,
        amount,
        arraySort(groupArrayIf(
            tuple(occurred_at, UUIDToNum(transaction_id), status, decline_code), count_before > 0
        )) as attempts_before,
        arraySort(groupArrayIf(
            tuple(occurred_at, UUIDToNum(transaction_id), status, decline_code), count_after > 0
        )) as attempts_after
    from known
    group by intent_key, merchant_id, currency_code, amount

),

signed as (

    select
        merchant_id,
        currency_code,
        amount,
        toInt64(tupleElement(version, 1)) as sign,
        tupleElement(version, 2) as all_attempts,
        arrayFold(
            (starts, moment) -> if(
                empty(starts) or moment >= starts[-1] + interval 24 hour,
                arrayPushBack(starts, moment),
                starts
            ),
            tupleElement(all_attempts, 1),
            cast([] as Array(DateTime64(6, 'UTC')))
        ) as starts
    from ordered
    array join [(-1, attempts_before), (1, attempts_after)] as version

),

intents as (

    select
        merchant_id,
        currency_code,
        amount,
        sign,
        arrayFilter(
            attempt -> tupleElement(attempt, 1) >= started_at
            and tupleElement(attempt, 1) < started_at + interval 24 hour,
            all_attempts
        ) as attempts,
        toDate(started_at) as intent_date,
        tupleElement(attempts[1], 3) as first_status,
        tupleElement(attempts[1], 4) as first_decline_code,
        has(tupleElement(attempts, 3), 'success') as is_approved
    from signed
    array join starts as started_at

),

changes as (

    select
        intent_date,
        merchant_id,
        currency_code,
        first_status,
        first_decline_code,
        sign as count_intents,
        sign * is_approved as count_approved_intents,
        sign * toInt64(length(attempts)) as count_attempts,
        sign * amount as total_amount,
        sign * amount * is_approved as approved_amount
    from intents
    union all
    select
        toDate(occurred_at) as intent_date,
        merchant_id,
        currency as currency_code,
        status as first_status,
        ifNull(decline_code, '') as first_decline_code,
        toInt64(0) as count_intents,
        toInt64(0) as count_approved_intents,
        toInt64(0) as count_attempts,
        toDecimal64(0, 2) as total_amount,
        toDecimal64(0, 2) as approved_amount
    from newest

)

select
    intent_date,
    merchant_id,
    currency_code,
    first_status,
    first_decline_code,
    sum(count_intents) as count_intents,
    sum(count_approved_intents) as count_approved_intents,
    sum(count_attempts) as count_attempts,
    sum(total_amount) as total_amount,
    sum(approved_amount) as approved_amount,
    (select newest._offset from newest) as _offset
from changes
group by intent_date, merchant_id, currency_code, first_status, first_decline_code
