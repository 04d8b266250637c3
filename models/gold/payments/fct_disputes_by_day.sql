{{ config(
    materialized='offset_append',
    engine='AggregatingMergeTree',
    order_by=['opened_date', 'closed_date', 'currency_code', 'status', 'reason'],
) }}

with deltas as (

    {{ new_deltas(
        ref('silver_disputes_deltas'),
        ['sign', 'opened_at', 'closed_at', 'currency', 'status', 'reason', 'amount', '_offset'],
        consumer=this,
    ) | indent(4) }}

)

select
    toDate(opened_at) as opened_date,
    ifNull(toDate(closed_at), toDate('1970-01-01')) as closed_date,
    currency as currency_code,
    status,
    ifNull(reason, '') as reason,
    sum(toInt64(sign)) as count_disputes,
    sum(sign * amount) as total_amount,
    max(_offset) as _offset
from deltas
group by opened_date, closed_date, currency_code, status, reason
