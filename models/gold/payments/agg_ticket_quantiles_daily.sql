with tickets as (

    select
        payment_date,
        ticket_eur,
        toUInt64(count_successful) as count_tickets
    from {{ ref('agg_tickets_daily') }}

)

select
    payment_date,
    toInt64(sum(count_tickets)) as count_successful,
    if(
        countIf(isNull(ticket_eur)) > 0,
        null,
        quantileExactWeighted(0.5) (ticket_eur, count_tickets)
    ) as ticket_p50_eur,
    if(
        countIf(isNull(ticket_eur)) > 0,
        null,
        quantileExactWeighted(0.95) (ticket_eur, count_tickets)
    ) as ticket_p95_eur
from tickets
group by payment_date
