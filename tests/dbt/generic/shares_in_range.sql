{#-
    Guards: what is a part of a whole is between 0 and 1, or unknown. A failure means that something was
    counted in the part and not in the whole.
    Args: columns: the shares
-#}
{% test shares_in_range(model, columns) %}
select *
from (
    select
        *,
        arrayJoin([{{ columns | join(', ') }}]) as share
    from {{ model }}
)
where share not between 0 and 1
{% endtest %}
