{#-
    Purpose: the rows of a fact by day (UTC), each day with the last minutes of the day before and the
    first of the day after it: for windows that midnight does not cut.
    Why a branch for each: a filter on `payment_date` reaches the table's key through `toDate(moment +
    interval)`, and not through an arrayJoin.
    Args: fact: the relation; columns: list of its columns, that of time first; where: condition on its
    rows; before, after: minutes of the days around it
    Returns: a select of `payment_date` and the columns
-#}
{% macro overlapping_days(fact, columns, where, before, after=0) -%}
{%- set moment = columns[0] -%}
{%- set own_day = 'toDate(' ~ moment ~ ')' -%}
{%- set days = [own_day, 'toDate(' ~ moment ~ ' + interval ' ~ before ~ ' minute)'] -%}
{%- if after -%}
    {%- do days.append('toDate(' ~ moment ~ ' - interval ' ~ after ~ ' minute)') -%}
{%- endif -%}
{%- for day in days %}
select
    {{ day }} as payment_date,
    {{ columns | join(', ') }}
from {{ fact }}
where {{ where }}{% if day != own_day %} and {{ day }} != {{ own_day }}{% endif %}
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
{%- endmacro %}
