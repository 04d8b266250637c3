"""Whether each bronze log has the whole of its topic: what no query on the warehouse can tell.

Three things would make numbers wrong without an error anywhere: messages that Kafka deleted before
they were read, a topic that was made again and counts its offsets from 0, and a snapshot that found
a table empty, so that no message says that its rows are gone. The transform loop checks before its
first cycle, every few seconds and after each error, and runs no cycle while something is found.

Offsets have holes by nature: a transaction marker takes one, an aborted transaction several. So a
gap is not a missing offset but one that Kafka no longer has and nobody had accounted for:
`complete_until` in ops.capture_checks is the offset below which everything is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from infra.errors import FinhouseError
from infra.settings import Settings
from ingestion import kafka

CHECK_SECONDS = 10.0
FIX = "./finhouse recapture"
# A snapshot's rows of all tables are published before the first change after it; they may reach
# their logs a moment later than that change reaches its own.
ARRIVAL_SECONDS = 10
# What the last check of each bronze log that still exists found.
PROBLEMS = """
    select source_table as table, problem, fix
    from ops.capture_checks final
    where problem != '' and log_id in (select uuid from system.tables where database = 'bronze')
    order by source_table
"""


@dataclass(frozen=True, slots=True)
class _Log:
    """A bronze log: its identity, where its history begins, the offset after its last message."""

    id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A snapshot of which all rows have arrived: its LSN, and when Debezium read the heartbeat row,
    in µs since 1970."""

    lsn: int
    captured_at: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What the last check of a log recorded; `snapshot_lsn` is that of the snapshot it knows."""

    topic_id: str = ""
    complete_until: int = 0
    snapshot_lsn: int = 0


def check(settings: Settings, client: Client) -> dict[str, str]:
    """Compare each bronze log with its topic, record the outcome in ops, return what is wrong.

    {source table: why its numbers cannot be right}; FIX repairs each of them.

    Finds nothing before the first build. Raises FinhouseError if Kafka does not answer,
    ClickHouseError if the warehouse does not.
    """
    logs = _logs(client)
    if not logs:
        return {}
    topics = kafka.topics(settings, logs)
    known = _known(client)
    snapshot = _snapshot(client, logs)
    now = datetime.now(UTC)
    found: dict[str, str] = {}
    records = []
    for table, log in logs.items():
        topic = topics.get(table)
        before = known.get((table, log.id)) or _Known()
        topic_id = before.topic_id or (topic.id if topic else "")
        complete_until = max(before.complete_until, log.start)
        snapshot_lsn = before.snapshot_lsn
        problem = ""
        if topic is None:
            problem = "its Kafka topic is gone"
        elif topic.id != topic_id:
            problem = "its Kafka topic was made again: offsets start at 0, messages may be lost"
        elif topic.start > complete_until and (
            gap := _gap(client, table, complete_until, topic.start)
        ):
            problem = f"Kafka deleted messages before they were read: offsets {gap[0]} to {gap[1]}"
        elif (
            snapshot
            and snapshot.lsn != snapshot_lsn
            and _has_vanished_rows(client, table, log, snapshot)
        ):
            problem = "a new snapshot found the table empty; the warehouse still has its old rows"
        else:
            complete_until = max(complete_until, log.end, topic.start)
            snapshot_lsn = snapshot.lsn if snapshot else snapshot_lsn
        if problem:
            found[table] = problem
        fix = FIX if problem else ""
        records.append((table, log.id, topic_id, complete_until, snapshot_lsn, problem, fix, now))
    client.insert(
        "ops.capture_checks",
        records,
        column_names=[
            "source_table",
            "log_id",
            "topic_id",
            "complete_until",
            "snapshot_lsn",
            "problem",
            "fix",
            "checked_at",
        ],
    )
    return found


def refuse_if_broken(settings: Settings, client: Client) -> None:
    """Raise FinhouseError if `check` finds something."""
    if problems := check(settings, client):
        raise FinhouseError(
            f"{'; '.join(f'finance.{table}: {problem}' for table, problem in problems.items())}."
            f" Nothing is transformed until {FIX} repairs it",
            why="going on would give wrong numbers without a sign of it",
            fix=FIX,
            exit_code=1,
        )


def replaced_topics(settings: Settings, client: Client) -> list[str]:
    """Tables whose log was read from a topic that is no longer there, or is another one now."""
    logs, known = _logs(client), _known(client)
    topics = kafka.topics(settings, logs)
    return [
        table
        for table, log in logs.items()
        if (before := known.get((table, log.id)))
        and (table not in topics or topics[table].id != before.topic_id)
    ]


def _logs(client: Client) -> dict[str, _Log]:
    """The bronze logs by table; none before the first build is done."""
    ids = {
        f"{database}.{name}": str(uuid)
        for database, name, uuid in client.query(
            "select database, name, uuid from system.tables where database in ('bronze', 'ops')"
        ).result_rows
    }
    if not {"bronze.histories", "ops.capture_checks"} <= ids.keys():
        return {}
    return {
        str(table): _Log(ids[f"bronze.{table}"], int(start), int(end))
        for table, start, end in client.query(
            "select source_table, history_start, next_offset from bronze.histories"
        ).result_rows
    }


def _known(client: Client) -> dict[tuple[str, str], _Known]:
    rows = client.query(
        "select source_table, log_id, topic_id, complete_until, snapshot_lsn"
        " from ops.capture_checks final"
    ).result_rows
    return {
        (str(table), str(log)): _Known(str(topic), int(complete), int(lsn))
        for table, log, topic, complete, lsn in rows
    }


def _gap(client: Client, table: str, complete: int, retained: int) -> tuple[int, int] | None:
    """First hole of two offsets or more between what is complete and what Kafka retains.

    A hole of one offset is a transaction's marker.
    """
    rows = client.query(
        f"""
        select previous_offset, next_offset
        from (
            select
                _offset as next_offset,
                lagInFrame(_offset, 1, {complete} - 1) over (
                    order by _offset rows between 1 preceding and current row
                ) as previous_offset
            from (
                select toInt64(_offset) as _offset
                from bronze.{table}
                where _offset >= {complete} and _offset < {retained}
                union all
                select {retained}
            )
        )
        where next_offset - previous_offset > 2
        order by next_offset
        limit 1
        """
    ).result_rows
    return (int(rows[0][0]) + 1, int(rows[0][1]) - 1) if rows else None


def _snapshot(client: Client, logs: dict[str, _Log]) -> _Snapshot | None:
    """The newest snapshot, once all of its rows have arrived.

    The heartbeat table always has its row, so its log has every snapshot.
    """
    rows = client.query(
        f"""
        select _lsn, toUnixTimestamp64Micro(_captured_at)
        from bronze.heartbeat
        where _offset = {logs["heartbeat"].start} and _op = 'r' and exists(
            select 1 from bronze.heartbeat
            where _op != 'r' and _offset > {logs["heartbeat"].start}
            and _ingested_at < now64(3, 'UTC') - interval {ARRIVAL_SECONDS} second
        )
        limit 1
        """
    ).result_rows
    return _Snapshot(int(rows[0][0]), int(rows[0][1])) if rows else None


def _has_vanished_rows(client: Client, table: str, log: _Log, snapshot: _Snapshot) -> bool:
    """Whether the snapshot saw no row of the table while its history has rows from before.

    Reads the whole log of a table that the snapshot found empty, once for each snapshot.
    """
    first = client.query(
        f"""
        select
            toUnixTimestamp64Micro(_captured_at) < {snapshot.captured_at}
            and not (_op = 'r' and _lsn = {snapshot.lsn})
        from bronze.{table}
        where _offset >= {log.start} and _error = ''
        order by _offset
        limit 1
        """
    ).result_rows
    if not first or not first[0][0]:
        return False
    rows = client.query(
        f"""
        select countIf(last != 'd')
        from (
            select argMax(_op, _offset) as last
            from bronze.{table}
            where
                _offset >= {log.start}
                and _error = ''
                and toUnixTimestamp64Micro(_captured_at) < {snapshot.captured_at}
            group by _key
        )
        """
    ).result_rows
    return bool(rows[0][0])
