{#- Purpose: on-run-end, after failed runs too. Gives the writer lease back, if this run still holds it. -#}
{% macro release_writer_lease() %}
    {% if execute and flags.WHICH in ['run', 'build', 'seed', 'snapshot', 'retry'] and var('takes_lease') %}
        {% set current = run_query(writer_lease_query()).rows[0] %}
        {% if current[1] == writer_lease_owner() %}
            {% do run_query(writer_lease_change(current[0], '', 0)) %}
        {% endif %}
    {% endif %}
{% endmacro %}
