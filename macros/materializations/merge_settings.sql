{#-
    Purpose: the settings of tables that get a small part each second, so that none is merged into a
    large one at once, again and again. The second is what makes the first hold: a range of parts that
    was long enough would be cut by its small parts at the right end, down to the large one and one more.
-#}
{% macro merge_settings() -%}
    min_parts_to_merge_at_once = 8,
    merge_selector_enable_heuristic_to_remove_small_parts_at_right = 0
{%- endmacro %}
