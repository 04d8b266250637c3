"""Queries of the page Pipeline and trust: what database `ops` tells, and the pipeline in gold.

A heartbeat is a row that Debezium commits in Postgres each second; it passes every layer as
payments do, so its times are the pipeline's.
"""

from __future__ import annotations

from dashboard.queries.call import Call, one_page

# What the lag figures and the transform figures cover.
MINUTES = 15
HOURS = 24

RECONCILIATION = """
select
    comparison,
    status,
    count_rows,
    count_groups,
    count_differences,
    message,
    finished_at,
    dateDiff('second', finished_at, now('UTC')) as age_seconds
from ops.reconciliations
where started_at = (select max(started_at) from ops.reconciliations)
order by count_differences desc, comparison asc
"""

DIFFERENCES = """
select
    comparison,
    group_key,
    row_key,
    problem,
    column_name,
    if(column_name in ('user_name', 'email'), '(personal)', found.in_postgres) as in_postgres,
    if(column_name in ('user_name', 'email'), '(personal)', found.in_warehouse) as in_warehouse
from ops.reconciliation_differences as found
where run_id in (
    select run_id
    from ops.reconciliations
    where started_at = (select max(started_at) from ops.reconciliations)
)
order by comparison, group_key, row_key, column_name
limit {limit:UInt32}
"""

RECONCILED_RUNS = """
with
runs as (
    select
        run_id,
        max(status = 'differs') as has_differences,
        max(status = 'failed') as has_failures
    from ops.reconciliations
    where started_at > now('UTC') - toIntervalHour({hours:UInt32})
    group by run_id
)

select
    count() as count_runs,
    countIf(has_differences) as count_differing,
    countIf(has_failures and not has_differences) as count_failed
from runs
"""

PARITY = """
select
    check_name,
    model,
    status,
    count_differences,
    message,
    dateDiff('second', checked_at, now('UTC')) as age_seconds
from ops.parity_checks
where
    (
        check_name != 'repair'
        and checked_at = (
            select max(checked_at) from ops.parity_checks where check_name != 'repair'
        )
    )
    or (check_name = 'repair' and checked_at > now('UTC') - toIntervalHour({hours:UInt32}))
order by check_name = 'repair' desc, checked_at desc, model asc
"""

CAPTURE = """
select
    source_table,
    complete_until,
    problem,
    fix,
    dateDiff('second', checked_at, now('UTC')) as age_seconds
from ops.capture_checks
order by checked_at desc
limit 1 by source_table
"""

LAGS = """
with
heartbeats as (
    select
        committed_at,
        ingested_at,
        silver_at,
        gold_at
    from gold.fct_heartbeats
    where committed_at > now('UTC') - toIntervalMinute({minutes:UInt32})
),

passed as (
    select
        arrival.1 as layer_order,
        arrival.2 as layer,
        dateDiff('millisecond', committed_at, arrival.3) / 1000 as seconds
    from heartbeats
    array join
        [(1, 'bronze', ingested_at), (2, 'silver', silver_at), (3, 'gold', gold_at)] as arrival
)

select
    layer_order,
    layer,
    count() as count_heartbeats,
    quantileExact(0.5)(seconds) as p50_seconds,
    quantileExact(0.95)(seconds) as p95_seconds,
    quantileExact(0.99)(seconds) as p99_seconds,
    max(seconds) as max_seconds
from passed
group by layer_order, layer
order by layer_order
"""

LAG_TREND = """
select
    toStartOfInterval(committed_at, toIntervalSecond(10), 'UTC') as drawn_at,
    quantileExact(0.5)(dateDiff('millisecond', committed_at, ingested_at)) / 1000 as bronze_seconds,
    quantileExact(0.5)(dateDiff('millisecond', committed_at, silver_at)) / 1000 as silver_seconds,
    quantileExact(0.5)(dateDiff('millisecond', committed_at, gold_at)) / 1000 as gold_seconds
from gold.fct_heartbeats
where committed_at > now('UTC') - toIntervalMinute({minutes:UInt32})
group by drawn_at
order by drawn_at
"""

CYCLES = """
with
cycles as (
    select
        tier,
        cycle_id,
        max(dateDiff('millisecond', started_at, finished_at)) / 1000 as seconds,
        max(status = 'error') as has_failed
    from ops.transform_runs
    where started_at > now('UTC') - toIntervalMinute({minutes:UInt32})
    group by tier, cycle_id
)

select
    tier,
    count() as count_cycles,
    quantileExact(0.5)(seconds) as p50_seconds,
    quantileExact(0.95)(seconds) as p95_seconds,
    countIf(has_failed) as count_failed
from cycles
group by tier
order by tier
"""

SLOWEST_MODELS = """
select
    model,
    tier,
    count() as count_runs,
    quantileExact(0.5)(model_seconds) as p50_seconds,
    max(model_seconds) as max_seconds,
    sum(model_seconds) as total_seconds
from ops.transform_runs
where started_at > now('UTC') - toIntervalMinute({minutes:UInt32})
group by model, tier
order by total_seconds desc, model asc
limit {limit:UInt32}
"""

FAILURES = """
select
    finished_at,
    tier,
    model,
    message
from ops.transform_runs
where status = 'error' and started_at > now('UTC') - toIntervalHour({hours:UInt32})
order by finished_at desc, model asc
limit {limit:UInt32}
"""

SERVERS = """
select
    checked_at,
    age_seconds,
    kafka_error,
    kafka_answered_at,
    connect_error,
    connect_answered_at,
    connector_state,
    task_state,
    connector_error,
    postgres_error,
    postgres_answered_at,
    slot_state,
    wal_status,
    retained_bytes,
    wal_bytes
from gold.pipeline_servers
"""

TOPICS = """
select
    source_table,
    topic,
    count_received,
    end_offset,
    next_offset,
    consumer_lag,
    newest_age_seconds,
    age_seconds
from gold.pipeline_topics
order by source_table
"""

QUARANTINE = """
select
    source_table,
    refusal,
    count_messages,
    newest_ingested_at
from gold.pipeline_quarantine
order by newest_ingested_at desc, source_table, refusal
limit {limit:UInt32}
"""

MESSAGES = "with\n" + one_page(
    "gold.pipeline_messages\n    where source_table = {table:String}",
    order="kafka_offset desc",
    columns=(
        "kafka_partition",
        "kafka_offset",
        "operation",
        "masked_key",
        "masked_before",
        "masked_after",
        "refusal",
        "committed_at",
        "captured_at",
        "ingested_at",
    ),
)

# What the page SQL begins with; the name is one of gold.pipeline_topics.
ABOUT_A_TOPIC = """\
select
    kafka_offset,
    committed_at,
    operation,
    masked_key,
    masked_before,
    masked_after
from gold.pipeline_messages
where source_table = '{table}'
order by kafka_offset desc
limit 100"""


def reconciliation() -> Call:
    """One row per comparison of the newest reconciliation with Postgres."""
    return Call("reconciliation", RECONCILIATION.strip())


def differences(limit: int) -> Call:
    """One row per column of a row that differs in the newest reconciliation.

    Of names and e-mail addresses it tells that they differ, not what they are.
    """
    return Call("differences", DIFFERENCES.strip(), (("limit", limit),))


def reconciled_runs() -> Call:
    """One row: reconciliations of the last day; how many found something, how many failed."""
    return Call("reconciled_runs", RECONCILED_RUNS.strip(), (("hours", HOURS),))


def parity() -> Call:
    """One row per check of the newest parity check, and per repair of the last day."""
    return Call("parity", PARITY.strip(), (("hours", HOURS),))


def capture() -> Call:
    """One row per source table: whether its bronze log has the whole of its topic."""
    return Call("capture", CAPTURE.strip())


def lags() -> Call:
    """One row per layer: seconds from commit to there, over the heartbeats of the last minutes."""
    return Call("lags", LAGS.strip(), (("minutes", MINUTES),))


def lag_trend() -> Call:
    """One row per ten seconds of the last minutes: median seconds from commit to each layer."""
    return Call("lag_trend", LAG_TREND.strip(), (("minutes", MINUTES),))


def cycles() -> Call:
    """One row per tier: transform cycles of the last minutes and the seconds they took."""
    return Call("cycles", CYCLES.strip(), (("minutes", MINUTES),))


def slowest_models(limit: int) -> Call:
    """The models that took most of the time of the last minutes."""
    parameters = (("minutes", MINUTES), ("limit", limit))
    return Call("slowest_models", SLOWEST_MODELS.strip(), parameters)


def failures(limit: int) -> Call:
    """The newest failed runs of models, of the last day."""
    return Call("failures", FAILURES.strip(), (("hours", HOURS), ("limit", limit)))


def servers() -> Call:
    """One row: how Kafka, Connect and Postgres stood at the newest look; none before the first."""
    return Call("servers", SERVERS.strip())


def topics() -> Call:
    """One row per topic: its messages, and how far Kafka and bronze were at the newest look."""
    return Call("topics", TOPICS.strip())


def quarantine(limit: int) -> Call:
    """One row per table and reason that messages were refused for, the newest first."""
    return Call("quarantine", QUARANTINE.strip(), (("limit", limit),))


def messages(table: str, page: int, size: int) -> Call:
    """One page of the newest messages of a topic, without what is personal."""
    return Call("messages", MESSAGES.strip(), (("table", table), ("page", page), ("size", size)))


def about_a_topic(table: str) -> str:
    """A statement to begin with on the page SQL. `table` is a name that gold knows."""
    return ABOUT_A_TOPIC.format(table=table)
