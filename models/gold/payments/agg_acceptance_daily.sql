with daily as (

    select
        payment_date,
        sum(count_attempted) as count_attempted,
        sum(count_pending) as count_pending,
        sum(count_successful) as count_successful,
        sum(count_blocked) as count_blocked,
        {{ sum_or_null('attempted_amount_eur') }} as attempted_amount_eur,
        {{ sum_or_null('pending_amount_eur') }} as pending_amount_eur,
        {{ sum_or_null('successful_amount_eur') }} as successful_amount_eur,
        {{ sum_or_null('blocked_amount_eur') }} as blocked_amount_eur
    from {{ ref('agg_payments_daily') }}
    group by payment_date

),

decided as (

    select
        *,
        count_attempted - count_pending as count_decided,
        count_attempted - count_pending - count_blocked as count_submitted,
        attempted_amount_eur - pending_amount_eur as decided_amount_eur,
        attempted_amount_eur - pending_amount_eur - blocked_amount_eur as submitted_amount_eur
    from daily

)

select
    payment_date,
    count_attempted,
    count_pending,
    count_decided,
    count_submitted,
    count_successful,
    pending_amount_eur,
    decided_amount_eur,
    submitted_amount_eur,
    successful_amount_eur,
    {{ ratio('count_successful', 'count_submitted') }} as authorization_rate,
    {{ ratio('successful_amount_eur', 'submitted_amount_eur') }} as authorization_rate_by_value,
    {{ ratio('count_successful', 'count_decided') }} as acceptance_rate,
    {{ ratio('successful_amount_eur', 'decided_amount_eur') }} as acceptance_rate_by_value,
    {{ ratio('count_pending', 'count_attempted') }} as pending_share
from decided
