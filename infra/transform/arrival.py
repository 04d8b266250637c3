"""Waits until everything committed so far is applied in silver and gold."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import psycopg
from clickhouse_connect.driver.client import Client

from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform.comparisons import FACTS, TABLES
from infra.transform.rows import history_start
from infra.transform.snapshot import unreachable
from infra.transform.warehouse import positions
from ingestion import kafka, source

ARRIVAL_SECONDS = 120.0
POLL_SECONDS = 0.1
LOGS = {table: f"bronze.{table}" for table in TABLES}


def wait_for_arrival(
    settings: Settings, client: Client, progress: Callable[[str], None] = lambda _: None
) -> None:
    """Return once everything committed before now is applied in silver and gold.

    Raises FinhouseError if it does not arrive within two minutes, or if the connector takes a new
    snapshot of the source meanwhile.
    """
    marker = str(uuid.uuid4())
    try:
        with source.connect(settings, autocommit=True) as postgres:
            postgres.execute("update finance.heartbeat set marker = %s", [marker])
    except psycopg.OperationalError as error:
        raise unreachable(settings, error) from error
    deadline = time.monotonic() + ARRIVAL_SECONDS

    def wait_for(what: str, is_done: Callable[[], bool]) -> None:
        progress(f"waiting for {what}")
        while not is_done():
            if time.monotonic() > deadline:
                raise FinhouseError(
                    f"{what} did not arrive within {ARRIVAL_SECONDS:.0f} s",
                    why="a part of the path stands still or is far behind",
                    fix="./finhouse status, ./finhouse lag",
                    exit_code=1,
                )
            time.sleep(POLL_SECONDS)

    wait_for("the marker in bronze", lambda: _has_arrived(client, marker))
    # The marker is in Kafka, so everything committed before it is: these are the ends to reach.
    ends = kafka.last_offsets(settings)
    wait_for(
        "all messages in bronze",
        lambda: all(position >= ends[table] for table, position in positions(client, LOGS).items()),
    )
    targets = _targets(client)
    wait_for(
        "all changes in silver and gold",
        lambda: all(
            position >= targets[relation] if targets[relation] >= 0 else position < 0
            for relation, position in positions(client, {name: name for name in targets}).items()
        ),
    )


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


def _targets(client: Client) -> dict[str, int]:
    """The offset each table of silver and gold has to reach, -1 if it has to be empty."""
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
    targets = {f"silver.{table}_state": valid[table] for table in TABLES}
    targets |= {f"silver.{name}_deltas": valid[name] for name in TABLES if TABLES[name].has_deltas}
    return targets | {
        name: valid[fact.table] for name, fact in FACTS.items() if fact.watermark is None
    }
