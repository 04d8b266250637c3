{#-
    Purpose: hold the lease for as long as a long run takes (offset_append calls it between batches),
    and stop a run that has lost it (it hung for a minute and somebody else took over).
-#}
{% macro renew_writer_lease() %}
    {% set current = run_query(writer_lease_query()).rows[0] %}
    {% if current[1] not in ['', writer_lease_owner()] %}
        {% do exceptions.raise_compiler_error("lost the writer lease to " ~ current[1] ~ ": run again") %}
    {% endif %}
    {% if var('takes_lease') %}
        {% do run_query(writer_lease_change(current[0], writer_lease_owner(), 60)) %}
    {% endif %}
{% endmacro %}
