{#-
    Guards: fct_watched_payments keeps every payment that may be card testing. A failure names a currency
    whose rate makes a payment of less than 10 EUR one of 15 units or more: widen watched_bounds() and
    rebuild with `./finhouse dbt run --full-refresh -s fct_watched_payments`.
-#}
{%- set bounds = watched_bounds() %}
select
    currency_code,
    min(rate_to_eur) as lowest_rate
from {{ ref('dim_fx_rates') }}
group by currency_code
having lowest_rate * {{ bounds.below }} < {{ bounds.below_eur }}
