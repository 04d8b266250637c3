with rates as (

    {{ current_rows(
        ref('silver_fx_rates_state'),
        key=['rate_date', 'currency'],
        columns=['rate_date', 'currency', 'rate_to_eur'],
    ) | indent(4) }}

)

select
    rate_date,
    currency as currency_code,
    rate_to_eur
from rates
where currency != 'EUR'
union all
-- One euro is one euro on every day; a row that says otherwise is an error of the feed.
select
    toDate('1970-01-01') as rate_date,
    cast('EUR' as LowCardinality(String)) as currency_code,
    toDecimal64(1, 6) as rate_to_eur
