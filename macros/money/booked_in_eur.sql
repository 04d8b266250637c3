{#-
    Purpose: rows with amounts in their own currency, and each of these amounts in EUR at the last
    known rate up to the row's day ("booked"); NULL where no rate is known.
    Why at read: a late or corrected rate changes every figure at once, without a rebuild.
    Args: payments: name of a CTE with `currency_code` and the amounts, Decimal(P, 2); moment: its
    date or time column (UTC); amounts: {column: name of the same in EUR}; rates: relation of
    dim_fx_rates
    Returns: a select of all columns of `payments` and the EUR columns, Nullable(Decimal(38, 8))
-#}
{% macro booked_in_eur(payments, moment, amounts, rates) -%}
select
    {{ payments }}.*
    {%- for amount, eur in amounts.items() %},
    {{ to_eur(payments ~ '.' ~ amount, 'rates.rate_to_eur') }} as {{ eur }}
    {%- endfor %}
from {{ payments }}
asof left join (select currency_code, rate_date, rate_to_eur from {{ rates }}) as rates
    on
        {{ payments }}.currency_code = rates.currency_code
        and toDate({{ payments }}.{{ moment }}) >= rates.rate_date
{%- endmacro %}
