"""Waits until everything committed so far is in the bronze logs, or applied in silver and gold."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping

import psycopg
from clickhouse_connect.driver.client import Client

from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform.comparisons import FACTS, TABLES
from infra.transform.rows import history_start
from infra.transform.snapshot import unreachable
from infra.transform.warehouse import positions
from ingestion import connector, kafka, source

ARRIVAL_SECONDS = 120.0
POLL_SECONDS = 0.1
LOGS = {table: f"bronze.{table}" for table in TABLES}


def wait_for_logs(
    settings: Settings, client: Client, progress: Callable[[str], None] = lambda _: None
) -> dict[str, int]:
    """Return once everything committed before now is in bronze: the last offset of each log then.

    Raises FinhouseError if it does not arrive within two minutes, or if the connector takes a new
    snapshot of the source meanwhile.
    """
    marker = str(uuid.uuid4())
    try:
        with source.connect(settings, autocommit=True) as postgres:
            postgres.execute("update finance.heartbeat set marker = %s", [marker])
    except psycopg.OperationalError as error:
        raise unreachable(settings, error) from error
    _wait(
        "the marker in bronze",
        lambda: _has_arrived(client, marker),
        progress,
        why=lambda: _standing(settings, client),
    )
    # The marker is in Kafka, so everything committed before it is: these are the ends to reach.
    ends = kafka.last_offsets(settings)
    _wait(
        "all messages in bronze",
        lambda: all(position >= ends[table] for table, position in positions(client, LOGS).items()),
        progress,
    )
    return ends


def wait_for_arrival(
    settings: Settings, client: Client, progress: Callable[[str], None] = lambda _: None
) -> None:
    """Return once everything committed before now is applied in silver and gold; of facts that hold
    some rows only, nobody can tell.

    Raises FinhouseError like `wait_for_logs`.
    """
    wait_for_logs(settings, client, progress)
    targets = _targets(client)
    _wait(
        "all changes in silver and gold",
        lambda: not _behind(client, targets),
        progress,
        why=lambda: ", ".join(_behind(client, targets)),
    )
    wait_until_none_is_void(client, progress)


def wait_until_none_is_void(
    client: Client, progress: Callable[[str], None] = lambda _: None
) -> None:
    """Return once no table of silver and gold holds what a TRUNCATE or a new copy made void.

    Raises FinhouseError if that takes more than two minutes.
    """
    tables = _tables()

    def is_done() -> bool:
        rows = client.query("select source_table, history_start from bronze.histories").result_rows
        begins = {str(table): int(start) for table, start in rows}
        at = positions(client, {name: name for name in tables})
        return not any(0 <= at[name] < begins[table] for name, table in tables.items())

    _wait("tables that are rebuilt", is_done, progress)


def _wait(
    what: str,
    is_done: Callable[[], bool],
    progress: Callable[[str], None],
    why: Callable[[], str] = lambda: "a part of the path stands still or is far behind",
) -> None:
    progress(f"waiting for {what}")
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while not is_done():
        if time.monotonic() > deadline:
            raise FinhouseError(
                f"{what} did not arrive within {ARRIVAL_SECONDS:.0f} s",
                why=why(),
                fix="./finhouse status, ./finhouse lag",
                exit_code=1,
            )
        time.sleep(POLL_SECONDS)


def _standing(settings: Settings, client: Client) -> str:
    """How far the marker's table is at each hop, for whoever has to find the one that stands."""
    try:
        slot = connector.render(settings)["slot.name"]
        with source.connect(settings, autocommit=True) as postgres:
            row = postgres.execute(
                "select format('%%s behind, %%s, %%s', pg_size_pretty(pg_wal_lsn_diff("
                "pg_current_wal_lsn(), confirmed_flush_lsn)), wal_status,"
                " case when active then 'read' else 'read by nobody' end)"
                " from pg_replication_slots where slot_name = %s",
                [slot],
            ).fetchone()
        found = connector.status(settings, timeout=5)
        end = kafka.ends(settings)["heartbeat"]
        position = positions(client, {"heartbeat": "bronze.heartbeat"})["heartbeat"]
        errors = client.query(
            "select exceptions.text[-1] from system.kafka_consumers"
            " where table = 'heartbeat_queue' and notEmpty(exceptions.text)"
            " and exceptions.time[-1] > now() - interval 5 minute"
        ).result_rows
    except (FinhouseError, psycopg.Error) as error:
        return f"a part of the path does not answer: {str(error).splitlines()[0]}"
    parts = [
        f"replication slot {row[0] if row else 'is not there'}",
        f"connector {found.connector}, task {found.task}",
        f"heartbeats in Kafka up to {end - 1}, in bronze up to {position}",
        *([found.cause] if found.has_failed else []),
        *(f"last error of the queue: {error[0]}" for error in errors),
    ]
    return "; ".join(parts)


def _has_arrived(client: Client, marker: str) -> bool:
    rows = client.query(
        "select _op from (select _op, after from bronze.heartbeat order by _offset desc limit 1000)"
        " where position(after, {marker:String}) > 0 limit 1",
        parameters={"marker": marker},
    ).result_rows
    if rows and rows[0][0] == "r":
        raise FinhouseError(
            "the source was copied anew meanwhile",
            why="the connector took a new snapshot of Postgres",
            fix="run the command again",
            exit_code=1,
        )
    return bool(rows)


def _behind(client: Client, targets: Mapping[str, int]) -> list[str]:
    """The tables that have not reached their target, each with how far it is."""
    return [
        f"{relation} is at {position}, to reach {targets[relation]}"
        for relation, position in positions(client, {name: name for name in targets}).items()
        if position < targets[relation]
    ]


def _targets(client: Client) -> dict[str, int]:
    """The offset each table of silver and gold has to reach, -1 if its log has none."""
    # A quarantined message at the end of a log moves no watermark below it, and what is from before
    # a TRUNCATE or a new snapshot is in no table below it.
    valid = {
        str(table): int(position)
        for table, position in client.query(
            " union all ".join(
                f"select '{table}', if(count() = 0, -1, toInt64(max(_offset))) from {log}"
                f" where _error = '' and _offset >= {history_start(table)}"
                for table, log in LOGS.items()
            )
        ).result_rows
    }
    awaited = _tables().keys() - {name for name, fact in FACTS.items() if fact.has_some}
    return {name: valid[table] for name, table in _tables().items() if name in awaited}


def _tables() -> dict[str, str]:
    """The tables of silver and gold that have a watermark, with the source table of each."""
    tables = {f"silver.{table}_state": table for table in TABLES}
    tables |= {f"silver.{name}_deltas": name for name in TABLES if TABLES[name].has_deltas}
    return tables | {name: fact.table for name, fact in FACTS.items() if not fact.watermarks}
