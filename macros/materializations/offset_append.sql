{#-
    Purpose: an exactly-once incremental table. The model's SQL selects the next batch of change
    events after the highest `_offset` already in the table; this runs it as one INSERT, again and
    again, until a batch adds nothing. With `catch_up: false` it runs one batch: the transform loop comes
    back within a second anyway, and asking whether there is more costs as much as finding out then.
    Why not dbt's incremental: (1) its first run and its full refresh write the table in several
    parts, so a crash leaves half of it with a watermark that says otherwise; (2) two writers that
    start from the same watermark both append. Here:
      - one batch = one INSERT = one block = one part: it is there wholly or not at all;
      - the watermark travels in the rows, so data and position can't part;
      - each INSERT carries the watermark it starts from as its deduplication token, so of two
        writers at the same position the server keeps exactly one (compare-and-set), and writes
        nothing if the table is elsewhere by then: the server remembers the last 100 tokens only, so
        a writer that was stopped for longer could come back with one that is new again;
      - each INSERT is sorted: the server extends the token by the number of each chunk that the SELECT
        gives, and only a sort gives one, whatever the threads and the end of the batch;
      - a full refresh fills a table aside with the same batches and exchanges it in at the end;
      - where the input's history has begun anew behind the table's watermark (TRUNCATE, a new
        snapshot), all that the table holds is void: it is rebuilt the same way, unasked;
      - so is a table that was made when the model had other columns.
    The table's columns come from the model's contract, which must be enforced.
    Config: engine (default MergeTree), order_by, index_granularity. No partition_by: an INSERT would be several parts.
-#}
{% materialization offset_append, adapter='clickhouse' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {#- One small question instead of dbt's relation cache, which lists every table of the schema with
        its views: this runs each second. -#}
    {%- set tables = run_query(
        "select engine, (select arrayStringConcat(arraySort(groupArray(name)), ',') from system.columns"
        ~ " where database = '" ~ this.schema ~ "' and table = '" ~ this.identifier ~ "')"
        ~ " from system.tables where database = '" ~ this.schema ~ "' and name = '" ~ this.identifier ~ "'"
    ).rows -%}
    {%- set is_new = tables | length == 0 -%}
    {%- set columns = model.columns.keys() | sort(case_sensitive=true) | join(',') -%}
    {%- set is_of_other_columns = not is_new and tables[0][1] != columns -%}
    {%- set void_conditions = modules.re.findall('/\\* void if (.*?) \\*/', sql, modules.re.DOTALL) -%}
    {%- set found = [0, 0] -%}
    {%- if not is_new -%}
        {%- set found = run_query(
            "select " ~ next_offset(this) ~ ", (" ~ (void_conditions or ['0']) | join(') or (') ~ ")"
        ).rows[0] -%}
    {%- endif -%}
    {%- set is_void = found[1] | int == 1 -%}
    {%- if is_void -%}
        {% do log("rebuilding " ~ this ~ ": the history of its input has begun anew (TRUNCATE or a new snapshot)", info=true) %}
    {%- endif -%}
    {%- if is_of_other_columns -%}
        {% do log("rebuilding " ~ this ~ ": the model has other columns than the table", info=true) %}
    {%- endif -%}
    {%- set rebuild = not is_new and (is_void or is_of_other_columns or should_full_refresh()) -%}
    {%- set aside = api.Relation.create(schema=this.schema, identifier=this.identifier ~ '__rebuild', type='table') -%}
    {%- set written = aside if rebuild else target_relation -%}
    {%- if not config.get('contract').enforced -%}
        {% do exceptions.raise_compiler_error("offset_append needs an enforced contract: the table's columns come from it (" ~ this ~ ")") %}
    {%- endif -%}

    {{ run_hooks(pre_hooks) }}

    {%- if not is_new and 'MergeTree' not in tables[0][0] -%}
        {% do exceptions.raise_compiler_error(this ~ " exists and is no MergeTree table: drop it first") %}
    {%- endif -%}
    {%- if rebuild -%}
        {% do run_query("drop table if exists " ~ aside ~ " " ~ on_cluster_clause(this) ~ " sync") %}
    {%- endif -%}
    {%- if rebuild or is_new -%}
        {% do run_query(offset_append_ddl(written)) %}
        {% do persist_docs(written, model) %}
    {%- else -%}
        {% do refresh_docs(target_relation) %}
    {%- endif -%}

    {%- set batch = sql | replace(this | string, written | string) -%}
    {#- A batch is only cut at max_batch_events rows, two per offset at most: if the last one moved by
        less than half of that, it was the rest. With toastable texts it may be cut anywhere. -#}
    {%- set least_move = 1 if unavailable_value() in sql else var('max_batch_events') / 2 -%}
    {#- Jinja has no while: two nested loops, because each turn costs time even when it does nothing. -#}
    {%- set progress = namespace(position=none, done=false) -%}
    {%- for _ in range(100) if not progress.done -%}
        {%- for _ in range(100) if not progress.done -%}
            {%- if progress.position is none -%}
                {%- set position = 0 if rebuild else found[0] | int -%}
            {%- elif not (rebuild or is_new or var('catch_up')) -%}
                {%- set position = progress.position -%}
            {%- else -%}
                {%- set position = run_query("select " ~ next_offset(written)).rows[0][0] | int -%}
            {%- endif -%}
            {%- if progress.position is not none and position - progress.position < least_move -%}
                {%- set progress.done = true -%}
            {%- else -%}
                {%- if progress.position is not none -%}{% do renew_writer_lease() %}{%- endif -%}
                {%- set progress.position = position -%}
                {% call statement('main') -%}
                    {{ offset_append_insert(written, batch, model.columns, config.require('order_by'), position) }}
                {%- endcall %}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}

    {%- if rebuild -%}
        {% do run_query("exchange tables " ~ written ~ " and " ~ target_relation ~ " " ~ on_cluster_clause(this)) %}
        {% do run_query("drop table " ~ aside ~ " " ~ on_cluster_clause(this) ~ " sync") %}
    {%- endif -%}

    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
