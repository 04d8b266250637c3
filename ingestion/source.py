"""The source database: wait for it, and bring schema `finance` up to date.

Migrations are the numbered SQL files beside this module. Each runs once, in its own database
transaction, and is recorded with its checksum in finance_meta.schema_migrations.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from infra.errors import FinhouseError
from infra.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
ROLES = ("finhouse_app", "finhouse_cdc")
_LOCK = 4_201_001  # advisory lock: one migration at a time


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot: active (somebody reads it), inactive or absent.

    `wal_status` is Postgres' word for the log that the slot needs, `retained` its bytes, `wal`
    those of all of the log on disk, if the capture role may ask.
    """

    state: str
    wal_status: str = ""
    retained: int | None = None
    wal: int | None = None


def connect(
    settings: Settings, *, admin: bool = False, autocommit: bool = False
) -> psycopg.Connection[TupleRow]:
    """Open a connection in UTC as finhouse_app, or as the superuser if `admin`.

    Raises psycopg.OperationalError when Postgres can't be reached.
    """
    return psycopg.connect(
        host=settings.postgres_host,
        port=settings.postgres_port,
        dbname=settings.postgres_database,
        user="postgres" if admin else "finhouse_app",
        password=settings.postgres_admin_password if admin else settings.postgres_password,
        autocommit=autocommit,
        connect_timeout=5,
        application_name="finhouse",
        options="-c timezone=UTC",
    )


def wait_for(settings: Settings, timeout: float = 30.0, *, admin: bool = False) -> None:
    """Return once Postgres lets us in; FinhouseError after `timeout` seconds."""
    try:
        for attempt in Retrying(
            retry=retry_if_exception_type(psycopg.OperationalError),
            wait=wait_exponential(multiplier=0.05, max=1.0),
            stop=stop_after_delay(timeout),
            reraise=True,
        ):
            with attempt, connect(settings, admin=admin):
                pass
    except psycopg.OperationalError as error:
        raise FinhouseError(
            f"Postgres does not answer at {settings.postgres_host}:{settings.postgres_port}",
            why=str(error).strip().splitlines()[0],
            fix="./finhouse up starts it, ./finhouse logs postgres shows why it is down",
        ) from error


def published_tables(migrations: Path = MIGRATIONS) -> list[str]:
    """Tables that the migrations publish, with their schema: what is captured.

    Read from the files, so that it is known without a connection.
    """
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(migrations.glob("*.sql")))
    lists = re.findall(
        r"(?:create publication finhouse for|alter publication finhouse add) table([^;]*?)"
        r"(?:\bwith\b[^;]*)?;",
        text,
    )
    return re.findall(r"finance\.\w+", " ".join(lists))


def drop_slot(settings: Settings, slot: str, timeout: float = 30.0) -> int:
    """Drop the replication slot, once nobody reads it; the next capture makes a new one.

    A slot made together with a snapshot is what joins the two without loss or overlap. Returns
    Postgres' present position in its log (LSN). Raises FinhouseError if the slot stays in use.
    """
    wait_for(settings)
    deadline = time.monotonic() + timeout
    with _connect_as_capture(settings) as connection:
        while True:
            connection.execute(
                "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
                " where slot_name = %s and not active",
                [slot],
            )
            row = connection.execute(
                "select (select count(*) from pg_replication_slots where slot_name = %s),"
                " (pg_current_wal_lsn() - '0/0')::bigint",
                [slot],
            ).fetchone()
            assert row is not None
            if not row[0]:
                return int(row[1])
            if time.monotonic() > deadline:
                raise FinhouseError(
                    f"replication slot {slot} is in use",
                    why="a connector still reads it",
                    fix="./finhouse status, ./finhouse logs connect, then try again",
                )
            time.sleep(0.2)


def release_slot(settings: Settings, slot: str) -> None:
    """End the connection that reads the replication slot, if there is one; its position stays.

    Raises psycopg.OperationalError when Postgres can't be reached.
    """
    with _connect_as_capture(settings) as connection:
        connection.execute(
            "select pg_terminate_backend(active_pid) from pg_replication_slots"
            " where slot_name = %s and active",
            [slot],
        )


def slot(settings: Settings, name: str) -> Slot:
    """How the replication slot stands. Raises psycopg.OperationalError without a connection."""
    with _connect_as_capture(settings) as connection:
        row = connection.execute(
            "select has_function_privilege('pg_ls_waldir()', 'execute')"
        ).fetchone()
        wal = None
        if row and row[0]:
            row = connection.execute("select sum(size)::bigint from pg_ls_waldir()").fetchone()
            wal = row[0] if row else None
        row = connection.execute(
            "select case when active then 'active' else 'inactive' end, coalesce(wal_status, ''),"
            " greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint"
            " from pg_replication_slots where slot_name = %s",
            [name],
        ).fetchone()
    return Slot(row[0], row[1], row[2], wal) if row else Slot("absent", wal=wal)


def _connect_as_capture(settings: Settings) -> psycopg.Connection[TupleRow]:
    """Open a connection as the role that Debezium has."""
    return psycopg.connect(
        host=settings.postgres_host,
        port=settings.postgres_port,
        dbname=settings.postgres_database,
        user="finhouse_cdc",
        password=settings.cdc_password,
        autocommit=True,
        connect_timeout=5,
        application_name="finhouse",
    )


def migrate(settings: Settings, folder: Path = MIGRATIONS) -> list[str]:
    """Apply the migrations that have not run yet, in order; return their file names.

    Raises FinhouseError if the server can't be captured from, a role is missing, a migration fails,
    or one that already ran was edited afterwards.
    """
    wait_for(settings, admin=True)
    with connect(settings, admin=True, autocommit=True) as connection:
        _check_server(connection)
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        connection.execute("create schema if not exists finance_meta")
        connection.execute(
            "create table if not exists finance_meta.schema_migrations ("
            " name text primary key, checksum text not null,"
            " applied_at timestamptz not null default now())"
        )
        applied: dict[str, str] = dict(
            connection.execute("select name, checksum from finance_meta.schema_migrations")
        )
        done: list[str] = []
        for path in sorted(folder.glob("[0-9]*.sql")):
            content = path.read_bytes()
            checksum = hashlib.sha256(content).hexdigest()
            if path.name in applied:
                if applied[path.name] != checksum:
                    raise FinhouseError(
                        f"migration {path.name} was changed after it ran",
                        why="an applied migration is history: the database no longer matches it",
                        fix="restore the file and put the change into a new numbered migration",
                    )
                continue
            try:
                with connection.transaction():
                    connection.execute(content)
                    connection.execute(
                        "insert into finance_meta.schema_migrations (name, checksum)"
                        " values (%s, %s)",
                        [path.name, checksum],
                    )
            except psycopg.Error as error:
                raise FinhouseError(
                    f"migration {path.name} fails",
                    why=str(error).strip().splitlines()[0],
                    fix="nothing of it was kept: remove that cause, then ./finhouse up",
                ) from error
            done.append(path.name)
    return done


def _check_server(connection: psycopg.Connection[TupleRow]) -> None:
    row = connection.execute("show wal_level").fetchone()
    if row is None or row[0] != "logical":
        raise FinhouseError(
            "Postgres does not log logical changes, so nothing can be captured from it",
            why=f"wal_level is '{row[0] if row else ''}', and has to be 'logical'",
            fix="set wal_level = logical in postgresql.conf and restart Postgres",
        )
    present = {
        name
        for (name,) in connection.execute(
            "select rolname from pg_roles where rolname = any(%s)", [list(ROLES)]
        )
    }
    missing = [role for role in ROLES if role not in present]
    if missing:
        raise FinhouseError(
            f"Postgres has no role {' and no role '.join(missing)}",
            why="the tables belong to finhouse_app, and finhouse_cdc reads them for capture",
            fix="create it: create role finhouse_app login password '…'; "
            "create role finhouse_cdc login replication password '…'",
        )
