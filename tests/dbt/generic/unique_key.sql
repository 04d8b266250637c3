{#-
    Fails for each combination of the columns that occurs more than once: the grain is not what the
    model says.
-#}
{% test unique_key(model, columns) %}
select {{ columns | join(', ') }}, count() as count_rows
from {{ model }}
group by {{ columns | join(', ') }}
having count_rows > 1
{% endtest %}
