{#-
    Purpose: the points that a rule of the seed fraud_rules adds to a fraud score: all or none.
    Args: rule: its name in the seed; count: expression of what the rule counts; of: expression of what
    at least half of must be such for the count to say something (none: no condition)
    Returns: number; needs the CTE `rules` with columns <rule>_at_least and <rule>_points
-#}
{% macro rule_points(rule, count, of=none) -%}
if(
    {{ count }} >= rules.{{ rule }}_at_least{{ ' and 2 * ' ~ count ~ ' >= ' ~ of if of }},
    toUInt16(rules.{{ rule }}_points),
    0
)
{%- endmacro %}
