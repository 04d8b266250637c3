{#-
    Purpose: the points that a rule of the seed fraud_rules adds to a fraud score: all or none.
    Args: rule: its name in the seed; count: expression of what the rule counts; of: expression of what
    at least half of must be such for the count to say something (none: no condition)
    Returns: UInt16; needs the CTE `rules` with the maps `at_least` and `points` of the seed
-#}
{% macro rule_points(rule, count, of=none) -%}
if(
    {{ count }} >= rules.at_least['{{ rule }}']{{ ' and 2 * ' ~ count ~ ' >= ' ~ of if of }},
    rules.points['{{ rule }}'],
    0
)
{%- endmacro %}
