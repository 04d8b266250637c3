{#-
    Purpose: the tables of database `ops`, where the running warehouse tells about itself: who may
    write (`writer_lease`), whether each log has the whole of its topic (`capture_checks`), which
    project the warehouse was built from (`builds`), what each model of each transform cycle did
    (`transform_runs`), what reconciliation with Postgres found (`reconciliations`,
    `reconciliation_differences`), what the warehouse's own parity checks found and repaired
    (`parity_checks`), how Kafka, Connect and Postgres stand (`server_checks`) and how far each topic
    and its log are (`topic_checks`), how the fraud score compares with the labels of the source
    (`fraud_evaluations`), and alerts: each change of their state (`alerts`), how they stand now
    (`alert_checks`), who was told (`alert_deliveries`).
    Why not models: they must exist before the first model runs, and they hold no data of the business.
-#}
{% macro create_ops_tables() %}
    {% set tables = {
        'writer_lease': "(
                lease_number UInt64 comment 'Counts every change of the lease; the highest is in force.',
                owner String comment 'Who holds it: program, host, process; empty once released.',
                changed_at DateTime64(3, 'UTC') comment 'When it was taken, renewed or released, UTC.',
                expires_at DateTime64(3, 'UTC') comment 'From when on another writer may take it, UTC.'
            )
            engine = MergeTree
            order by lease_number
            ttl toDateTime(changed_at) + interval 1 day
            settings non_replicated_deduplication_window = 1000
            comment 'Which process may write silver and gold.'",
        'capture_checks': "(
                source_table LowCardinality(String) comment 'Name of the captured table.',
                log_id UUID comment 'Which bronze log: a log that is made anew has another.',
                topic_id String comment 'Kafka topic the log was first seen with.',
                complete_until UInt64 comment 'All committed messages below this offset are in the log, or void.',
                snapshot_lsn UInt64 comment 'Newest snapshot of which the log is known to have all rows.',
                problem String comment 'Why the numbers of this table cannot be right; empty if they can.',
                fix String comment 'The command that repairs it.',
                checked_at DateTime64(3, 'UTC') comment 'When it was looked at, UTC.'
            )
            engine = ReplacingMergeTree(checked_at)
            order by (source_table, log_id)
            comment 'Whether each bronze log has the whole of its topic: the last check counts.'",
        'builds': "(
                built_at DateTime64(3, 'UTC') comment 'When the build was done, UTC.',
                project String comment 'SHA-256 of the files of the dbt project it was made from.',
                count_nodes UInt32 comment 'Nodes of the project that were built.'
            )
            engine = MergeTree
            order by built_at
            comment 'One row per whole build of the warehouse by the transform loop.'",
        'transform_runs': "(
                cycle_id UUID comment 'One transform cycle.',
                tier LowCardinality(String) comment 'live: facts, each second; background: a turn of other models; snapshot: histories of dimensions; build: the whole project; repair: a rebuild after a check.',
                model LowCardinality(String) comment 'Name of the dbt model.',
                status LowCardinality(String) comment 'success, error, skipped, or no-op: its inputs had not moved.',
                started_at DateTime64(3, 'UTC') comment 'When the cycle started, UTC.',
                finished_at DateTime64(3, 'UTC') comment 'When the cycle was done, UTC.',
                model_seconds Float64 comment 'Time the model took, seconds.',
                message String comment 'What went wrong; empty otherwise.'
            )
            engine = MergeTree
            order by started_at
            ttl toDateTime(started_at) + interval 7 day
            comment 'One row per model and transform cycle.'",
        'reconciliations': "(
                run_id UUID comment 'One reconciliation.',
                started_at DateTime64(3, 'UTC') comment 'When it started, UTC.',
                finished_at DateTime64(3, 'UTC') comment 'When it was done, UTC.',
                comparison LowCardinality(String) comment 'Table that was compared with Postgres; all: the run failed before it could compare.',
                status LowCardinality(String) comment 'equal, differs, or failed (could not be compared).',
                count_groups UInt64 comment 'Groups compared, e.g. one day, currency and status.',
                count_rows UInt64 comment 'Rows of Postgres behind them.',
                count_differences UInt64 comment 'Groups that differ.',
                message String comment 'Why it could not be compared; empty otherwise.'
            )
            engine = MergeTree
            order by started_at
            ttl toDateTime(started_at) + interval 30 day
            comment 'One row per reconciliation with Postgres and comparison.'",
        'reconciliation_differences': "(
                run_id UUID comment 'The reconciliation.',
                started_at DateTime64(3, 'UTC') comment 'When it started, UTC.',
                comparison LowCardinality(String) comment 'Table that differs.',
                group_key String comment 'The group, its values separated by |.',
                row_key String comment 'Key of the row at fault, as JSON; empty if none could be named.',
                problem LowCardinality(String) comment 'What is wrong with the row, in words.',
                column_name String comment 'Column or figure that differs; empty if the whole row does.',
                in_postgres Nullable(String) comment 'Its value in Postgres.',
                in_warehouse Nullable(String) comment 'Its value in the warehouse.'
            )
            engine = MergeTree
            order by started_at
            ttl toDateTime(started_at) + interval 30 day
            comment 'One row per column of a row that differs.'",
        'parity_checks': "(
                checked_at DateTime64(3, 'UTC') comment 'When the check was done, UTC.',
                check_name LowCardinality(String) comment 'Name of the dbt test.',
                model LowCardinality(String) comment 'Model it guards.',
                status LowCardinality(String) comment 'equal, differs, failed, repaired or not repaired.',
                count_differences UInt64 comment 'Groups that differ.',
                seconds Float64 comment 'Time it took, seconds.',
                message String comment 'The first difference, what was rebuilt, or what went wrong.'
            )
            engine = MergeTree
            order by checked_at
            ttl toDateTime(checked_at) + interval 7 day
            comment 'One row per check of the warehouse against itself, and per repair.'",
        'server_checks': "(
                checked_at DateTime64(3, 'UTC') comment 'When the servers were asked, UTC.',
                kafka_error String comment 'Why Kafka did not answer; empty if it did.',
                connect_error String comment 'Why Kafka Connect did not answer; empty if it did.',
                connector_state LowCardinality(String) comment 'RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED or ABSENT; empty while Connect does not answer.',
                task_state LowCardinality(String) comment 'The same of the one task of the connector.',
                connector_error String comment 'Why connector or task failed; empty otherwise.',
                postgres_error String comment 'Why Postgres did not answer; empty if it did.',
                slot_state LowCardinality(String) comment 'Replication slot: active (it is read), inactive or absent; empty while Postgres does not answer.',
                wal_status LowCardinality(String) comment 'What Postgres says of the log the slot needs: reserved, extended, unreserved or lost; empty if nothing.',
                retained_bytes Nullable(UInt64) comment 'Log (WAL) that Postgres keeps for the slot, bytes.',
                wal_bytes Nullable(UInt64) comment 'Size of all of the log on the disk of Postgres, bytes; NULL if the capture role may not ask.'
            )
            engine = MergeTree
            order by checked_at
            ttl toDateTime(checked_at) + interval 7 day
            comment 'One row per look at Kafka, Kafka Connect and Postgres.'",
        'topic_checks': "(
                checked_at DateTime64(3, 'UTC') comment 'When Kafka was asked, UTC.',
                source_table LowCardinality(String) comment 'Name of the captured table.',
                end_offset UInt64 comment 'Offset after the last committed message or marker of its topic.',
                next_offset UInt64 comment 'Offset its bronze log read from next, a moment later.'
            )
            engine = MergeTree
            order by checked_at
            ttl toDateTime(checked_at) + interval 1 day
            comment 'One row per look at Kafka and topic.'",
        'fraud_evaluations': "(
                evaluated_at DateTime64(3, 'UTC') comment 'When the scores were compared with the labels of the source, UTC.',
                payment_date Date comment 'Day of the payments, UTC.',
                score UInt16 comment 'Fraud score.',
                count_payments UInt64 comment 'Payments of the day with exactly this score.',
                count_fraud UInt64 comment 'Those of them that are labelled as fraud.'
            )
            engine = MergeTree
            order by (payment_date, evaluated_at)
            ttl toDateTime(evaluated_at) + interval 30 day
            comment 'One row per evaluation of the fraud score, day and score; the labels themselves stay out.'",
        'alerts': "(
                change_id UUID comment 'One change of the state of one alert; the id of what is told of it.',
                changed_at DateTime64(3, 'UTC') comment 'When it was seen, UTC.',
                alert LowCardinality(String) comment 'Name of the rule; file and line of one without a name.',
                severity LowCardinality(String) comment 'critical, warning or info.',
                state LowCardinality(String) comment 'ok, pending, firing, error or no data, from then on.',
                notice LowCardinality(String) comment 'What is told of the change: firing or resolved; empty: nothing.',
                channels Array(LowCardinality(String)) comment 'Who is told: file, webhook.',
                value Nullable(Decimal(38, 8)) comment 'What the query said; NULL: nothing.',
                threshold Nullable(Decimal(38, 8)) comment 'What it was compared with.',
                message String comment 'The change in words.',
                look_at LowCardinality(String) comment 'Page of the dashboard that shows more.'
            )
            engine = MergeTree
            order by changed_at
            ttl toDateTime(changed_at) + interval 1 year
            comment 'One row per change of the state of an alert.'",
        'alert_checks': "(
                alert LowCardinality(String) comment 'Name of the rule; file and line of one without a name.',
                position UInt16 comment 'Its place in the rule file.',
                sentence String comment 'What the alert says when it fires.',
                severity LowCardinality(String) comment 'critical, warning or info.',
                state LowCardinality(String) comment 'ok, pending, firing, error or no data.',
                since DateTime64(3, 'UTC') comment 'Since when it is in this state, UTC.',
                value Nullable(Decimal(38, 8)) comment 'What the query said last; NULL: nothing.',
                threshold Nullable(Decimal(38, 8)) comment 'What it was compared with.',
                value_shown String comment 'The value in the format of the rule.',
                fires_when LowCardinality(String) comment 'The condition on the value, in words.',
                hold_seconds UInt32 comment 'How long the condition must hold before it fires, seconds.',
                look_at LowCardinality(String) comment 'Page of the dashboard that shows more.',
                message String comment 'What the value belongs to, or why there is none.',
                milliseconds Float64 comment 'Time the query took, milliseconds.',
                checked_at DateTime64(3, 'UTC') comment 'When the query was asked, UTC.',
                listed_at DateTime64(3, 'UTC') comment 'When the rules were gone through, UTC; the rules of the file have the newest.'
            )
            engine = ReplacingMergeTree(listed_at)
            order by alert
            ttl toDateTime(listed_at) + interval 30 day
            comment 'How each alert stands: the last row of an alert counts.'",
        'alert_deliveries': "(
                change_id UUID comment 'The change of ops.alerts.',
                channel LowCardinality(String) comment 'file or webhook.',
                status LowCardinality(String) comment 'sent, or failed (tried again for a day).',
                attempted_at DateTime64(3, 'UTC') comment 'When it was tried, UTC.',
                message String comment 'Why it failed; empty otherwise.'
            )
            engine = MergeTree
            order by attempted_at
            ttl toDateTime(attempted_at) + interval 30 day
            comment 'One row per attempt to tell a channel of a change.'",
    } %}
    {#- One question instead of as many statements as there are tables: this runs before each run. -#}
    {% set existing = run_query("select name from system.tables where database = 'ops'").rows | map('first') | list %}
    {% if not existing %}{% do run_query('create database if not exists ops') %}{% endif %}
    {% for name, definition in tables.items() if name not in existing %}
        {% do run_query('create table if not exists ops.' ~ name ~ ' ' ~ definition) %}
    {% endfor %}
{% endmacro %}
