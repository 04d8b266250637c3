{#-
    Guards: fct_watched_payments keeps every payment that the risk marts judge. A failure names a
    currency whose rate makes a payment of less than 10 EUR one of 15 units or more, or one of 1,000 EUR
    or more one of less than 750: widen watched_bounds() and rebuild with
    `./finhouse dbt run --full-refresh -s fct_watched_payments`.
-#}
{%- set bounds = watched_bounds() %}
select
    currency_code,
    min(rate_to_eur) as lowest_rate,
    max(rate_to_eur) as highest_rate
from {{ ref('dim_fx_rates') }}
group by currency_code
having
    lowest_rate * {{ bounds.below }} < {{ bounds.below_eur }}
    or highest_rate * {{ bounds.from }} > {{ bounds.from_eur }}
