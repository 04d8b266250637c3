{#-
    Purpose: on-run-start. One writer at a time: waits for the lease, up to `lease_wait_seconds`, then
    refuses and names the holder.
    Why: exactness does not depend on it (each INSERT is a compare-and-set on its watermark), but two
    writers would do the same work twice, and a rebuild should not race with the loop.
    With `takes_lease: false` a run beside its owner's other run (FINHOUSE_WRITER) waits for strangers
    in the same way, but neither takes the lease nor gives it back: that other run needs it longer.
-#}
{% macro acquire_writer_lease() %}
    {% if execute and flags.WHICH in ['run', 'build', 'seed', 'snapshot', 'retry'] %}
        {% do create_ops_tables() %}
        {% set owner = writer_lease_owner() %}
        {% set lease = namespace(is_ours=false, holder='') %}
        {% for attempt in range(var('lease_wait_seconds') * 5) if not lease.is_ours %}
            {% set current = run_query(writer_lease_query()).rows[0] %}
            {% if current[1] in ['', owner] %}
                {% if var('takes_lease') %}
                    {% do run_query(writer_lease_change(current[0], owner, 60)) %}
                {% endif %}
                {% set lease.is_ours = not var('takes_lease')
                    or run_query(writer_lease_query()).rows[0][1] == owner %}
            {% else %}
                {% set lease.holder = current[1] %}
            {% endif %}
            {% if not lease.is_ours %}
                {% if attempt == 25 %}
                    {% do log("waiting for the writer lease, held by " ~ lease.holder, info=true) %}
                {% endif %}
                {% do run_query("select sleep(0.2)") %}
            {% endif %}
        {% endfor %}
        {% if not lease.is_ours %}
            {% do exceptions.raise_compiler_error(
                "another writer holds the warehouse: " ~ lease.holder
                ~ ". Wait until it is done; a writer that died loses its lease after a minute."
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}
