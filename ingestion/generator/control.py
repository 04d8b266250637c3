"""Steers the running stream through two one-row tables, so it works the same under Docker.

A request is acknowledged by the stream between two of its transactions; the functions here return
after that, so `pause` means: no open transaction, and none to come.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow, class_row

from infra.errors import FinhouseError
from infra.settings import Settings
from ingestion.source import connect

STREAM_LOCK = 4_201_003  # advisory lock: held by the one stream that runs
WHOLE_INTERVAL = 2**31 - 1  # as a batch: everything an interval brings, at once


@dataclass(frozen=True, slots=True)
class Control:
    """What was asked of the stream; None means the stream's own default."""

    request: int
    is_paused: bool
    rate: int | None
    interval_seconds: float | None
    batch: int | None
    updates: float | None
    deletes: float | None
    seed: int | None


@dataclass(frozen=True, slots=True)
class GeneratorStatus:
    """What the stream does: rates in new transactions per second, times in UTC."""

    is_alive: bool
    state: str  # stopped, running, paused or capped
    message: str
    acknowledged_request: int
    started_at: datetime | None
    reported_at: datetime | None
    last_commit_at: datetime | None
    stored_transactions: int
    new_transactions: int
    target_rate: float
    actual_rate: float

    def as_json(self) -> dict[str, object]:
        """For machines: times in ISO format."""
        return {
            key: value.isoformat() if isinstance(value, datetime) else value
            for key, value in asdict(self).items()
        }


def status(settings: Settings) -> GeneratorStatus:
    """Read the latest report. Raises FinhouseError if Postgres or the schema is not there."""
    with _open(settings) as connection:
        return _status(connection)


def pause(settings: Settings, timeout: float = 10.0) -> GeneratorStatus:
    """Stop the traffic; returns once no transaction of it is open and none will follow.

    Stays paused over restarts until `resume`. Raises FinhouseError if a running stream does not
    acknowledge within `timeout` seconds.
    """
    return configure(settings, {"is_paused": True}, timeout)


def resume(settings: Settings, timeout: float = 10.0) -> GeneratorStatus:
    """Let the traffic go on. Raises FinhouseError like `pause`."""
    return configure(settings, {"is_paused": False}, timeout)


def configure(
    settings: Settings, changes: Mapping[str, object], timeout: float = 10.0
) -> GeneratorStatus:
    """Change fields of `Control` and wait until the running stream has taken them over.

    None goes back to the stream's default. Without a running stream the request is kept for the
    next one. Raises FinhouseError if a running stream does not answer within `timeout` seconds.
    """
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in changes
    )
    with _open(settings) as connection:
        row = connection.execute(
            sql.SQL(
                "update finance_meta.generator_control set {}, request = request + 1"
                " where id = 1 returning request"
            ).format(assignments),
            changes,
        ).fetchone()
        request = row[0] if row else 0
        deadline = time.monotonic() + timeout
        while (now := _status(connection)).is_alive and now.acknowledged_request < request:
            if time.monotonic() > deadline:
                raise FinhouseError(
                    "the generator does not answer",
                    why=f"no acknowledgement within {timeout:g} s; its last word: {now.message}",
                    fix="./finhouse logs generator",
                    exit_code=4,
                )
            time.sleep(0.05)
        return now


def read_control(connection: psycopg.Connection[TupleRow]) -> Control:
    """What is asked for at the moment."""
    with connection.cursor(row_factory=class_row(Control)) as cursor:
        control = cursor.execute(
            "select request, is_paused, rate, interval_seconds, batch, updates, deletes, seed"
            " from finance_meta.generator_control where id = 1"
        ).fetchone()
    if control is None:
        raise FinhouseError(
            "finance_meta.generator_control is empty",
            why="its one row was deleted",
            fix="./finhouse down --wipe, then ./finhouse up",
        )
    return control


def _status(connection: psycopg.Connection[TupleRow]) -> GeneratorStatus:
    with connection.cursor(row_factory=class_row(GeneratorStatus)) as cursor:
        return cursor.execute(
            "select exists (select from pg_locks where locktype = 'advisory' and classid = 0"
            " and objid = %s and database = (select oid from pg_database"
            " where datname = current_database())) as is_alive, state, message,"
            " acknowledged_request, started_at, reported_at, last_commit_at, stored_transactions,"
            " new_transactions, target_rate, actual_rate"
            " from finance_meta.generator_status where id = 1",
            [STREAM_LOCK],
        ).fetchall()[0]


@contextmanager
def _open(settings: Settings) -> Iterator[psycopg.Connection[TupleRow]]:
    try:
        with connect(settings, autocommit=True) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise FinhouseError(
            f"Postgres does not answer at {settings.postgres_host}:{settings.postgres_port}",
            why=str(error).strip().splitlines()[0],
            fix="./finhouse up",
        ) from error
    except psycopg.errors.UndefinedTable as error:
        raise FinhouseError(
            "the source has no schema yet",
            why=str(error).strip().splitlines()[0],
            fix="./finhouse up",
        ) from error
