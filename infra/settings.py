"""Settings of one stack: addresses, ports and secrets, the same names everywhere.

The embedded stack keeps them in `<state folder>/finhouse.env`; Docker and cloud pass environment
variables. The real environment wins over the file.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
from dotenv import dotenv_values
from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from infra.errors import FinhouseError

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "FINHOUSE_"
LOOPBACK = "127.0.0.1"

# Ports of the embedded stack: attribute -> default.
DEFAULT_PORTS = {
    "postgres_port": 5432,
    "kafka_port": 9092,
    "kafka_controller_port": 9093,
    "connect_port": 8083,
    "clickhouse_port": 8123,
    "clickhouse_tcp_port": 9000,
    "dashboard_port": 8501,
    "supervisor_port": 9001,
}
PASSWORDS = (
    "postgres_admin_password",
    "postgres_password",
    "cdc_password",
    "clickhouse_password",
    "dashboard_password",
    "analyst_password",
    "supervisor_password",
)
# State folders made before these came have none; the next start makes them.
ADDED_PASSWORDS = ("analyst_password",)


def default_state_dir() -> Path:
    """The folder that holds everything a stack writes: FINHOUSE_STATE_DIR or `.finhouse`."""
    return Path(os.environ.get(f"{PREFIX}STATE_DIR") or ROOT / ".finhouse").absolute()


class Settings(BaseSettings):
    """One stack's settings. `Settings()` reads the environment, then the state folder's file."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    state_dir: Path = Field(default_factory=default_state_dir)

    postgres_host: str = LOOPBACK
    postgres_port: int = DEFAULT_PORTS["postgres_port"]
    postgres_database: str = "financial"
    postgres_admin_password: str = Field(default="", repr=False)
    postgres_password: str = Field(default="", repr=False)
    cdc_password: str = Field(default="", repr=False)

    kafka_bootstrap: str = f"{LOOPBACK}:{DEFAULT_PORTS['kafka_port']}"
    kafka_controller_port: int = DEFAULT_PORTS["kafka_controller_port"]

    connect_url: str = f"http://{LOOPBACK}:{DEFAULT_PORTS['connect_port']}"
    connect_port: int = DEFAULT_PORTS["connect_port"]

    clickhouse_host: str = LOOPBACK
    clickhouse_port: int = DEFAULT_PORTS["clickhouse_port"]
    clickhouse_tcp_port: int = DEFAULT_PORTS["clickhouse_tcp_port"]
    clickhouse_secure: bool = False
    clickhouse_user: str = "dbt"
    clickhouse_password: str = Field(default="", repr=False)

    dashboard_user: str = "dashboard"
    dashboard_password: str = Field(default="", repr=False)
    dashboard_port: int = DEFAULT_PORTS["dashboard_port"]
    analyst_user: str = "analyst"
    analyst_password: str = Field(default="", repr=False)

    # How often the warehouse is compared with Postgres, seconds; 0: only when somebody asks.
    reconcile_seconds: float = Field(default=60.0, ge=0)
    # How long models tagged `background` rest at least, seconds; others that no live figure waits
    # for rest a sixth of it.
    background_seconds: float = Field(default=60.0, ge=0)

    # Alerts: their rules, how often they are looked at (seconds; 0: never), and who is told beside
    # the file `alerts.jsonl`. A webhook's address may be a secret.
    alert_rules: Path = ROOT / "alerts.yml"
    alert_seconds: float = Field(default=30.0, ge=0)
    alert_webhook: str = Field(default="", pattern=r"^(https?://[^\s'\"]+)?$", repr=False)

    # Whether the dashboard may pause, resume and restart the connector: all who can open it could.
    operator: bool = False

    supervisor_port: int = DEFAULT_PORTS["supervisor_port"]
    supervisor_password: str = Field(default="", repr=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment first, then finhouse.env of the state folder."""
        env_file = env_path(default_state_dir())
        return (
            init_settings,
            env_settings,
            DotEnvSettingsSource(settings_cls, env_file=env_file),
        )

    @property
    def kafka_port(self) -> int:
        """Port of the first bootstrap server."""
        return int(self.kafka_bootstrap.split(",")[0].rpartition(":")[2])

    @property
    def owns_postgres(self) -> bool:
        """Whether the embedded stack runs Postgres; any other host is the user's own server."""
        return self.postgres_host == LOOPBACK

    @property
    def config_dir(self) -> Path:
        """Rendered configuration of the components."""
        return self.state_dir / "config"

    @property
    def data_dir(self) -> Path:
        """Data of the components, one folder each."""
        return self.state_dir / "data"

    @property
    def logs_dir(self) -> Path:
        """One log file per component."""
        return self.state_dir / "logs"

    def environment(self) -> dict[str, str]:
        """All settings as FINHOUSE_* variables (without the state folder)."""
        values = self.model_dump(mode="json", exclude={"state_dir"})
        return {PREFIX + name.upper(): _as_text(value) for name, value in values.items()}


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def env_path(state_dir: Path) -> Path:
    """Path of the file that holds a stack's settings."""
    return state_dir / "finhouse.env"


def load_settings() -> Settings:
    """Read the settings of the current stack.

    Raises FinhouseError if the file cannot be read or a value has the wrong type.
    """
    read_env_file(default_state_dir())
    return _validated()


def _validated() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper()
        raise FinhouseError(
            f"setting {name} has a value that cannot be used: {first.get('input')!r}",
            why=first["msg"],
            fix=f"correct {name} in the environment or in {env_path(default_state_dir())}",
        ) from error


def read_env_file(state_dir: Path) -> dict[str, str]:
    """Variables of a stack's finhouse.env; empty if there is none yet.

    Raises FinhouseError if the file cannot be read or is damaged.
    """
    path = env_path(state_dir)
    if not path.exists():
        return {}
    wipe = "./finhouse down --wipe (deletes this stack's data), then ./finhouse up"
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FinhouseError(
            f"{path} is damaged", why="it is not a text file", fix=f"restore it, or {wipe}"
        ) from error
    except OSError as error:
        raise FinhouseError(
            f"{path} cannot be read", why=str(error.strerror), fix=f"make it readable, or {wipe}"
        ) from error
    lines = [line.strip() for line in text.splitlines()]
    broken = [line for line in lines if line and not line.startswith("#") and "=" not in line]
    if broken:
        raise FinhouseError(
            f"{path} is damaged",
            why=f"unreadable line: {broken[0][:60]}",
            fix=f"restore it, or {wipe}",
        )
    values = dotenv_values(path, interpolate=False)
    missing = [
        name
        for name in PASSWORDS
        if name not in ADDED_PASSWORDS and not values.get(PREFIX + name.upper())
    ]
    if missing:
        raise FinhouseError(
            f"{path} is damaged",
            why=f"no value for {PREFIX + missing[0].upper()}",
            fix=f"restore it, or {wipe}",
        )
    return {name: value for name, value in values.items() if value is not None}


class PortReservation(ExitStack):
    """Keeps chosen ports from other starting stacks until our own processes listen on them.

    The sockets are bound but do not listen, which servers that set SO_REUSEADDR ignore.
    """

    def take(self, port: int) -> bool:
        """Reserve a port nobody is bound to; False if it is in use or reserved."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.bind((LOOPBACK, port))
        except OSError:
            sock.close()
            return False
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.enter_context(sock)
        return True


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """So many loopback ports that nobody listens on now."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind((LOOPBACK, 0))
        return [int(sock.getsockname()[1]) for sock in sockets]


def port_owner(port: int) -> str:
    """Who listens on a port, in words: `postgres (pid 4711)`, or what is known of it."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "another process"
    for connection in connections:
        if connection.laddr and connection.laddr.port == port and connection.status == "LISTEN":
            if connection.pid is None:
                return "a process of another user"
            try:
                process = psutil.Process(connection.pid)
                command = " ".join(process.cmdline())[:80]
                return f"{process.name()} (pid {connection.pid}: {command})"
            except psutil.Error:
                return f"pid {connection.pid}"
    return "another process"


def prepare_settings(reservation: PortReservation) -> Settings:
    """Settings for a start: makes passwords on first use, chooses ports, writes finhouse.env.

    A port given by an environment variable must be free; a default or remembered port that is
    taken moves to the next free one. Raises FinhouseError for a taken explicit port, a damaged
    or unwritable state folder, or a folder with data but without its settings file.
    """
    state_dir = default_state_dir()
    stored = read_env_file(state_dir)
    if not stored and (state_dir / "data").exists() and any((state_dir / "data").iterdir()):
        raise FinhouseError(
            f"{state_dir} holds data but no finhouse.env",
            why="the passwords of that data are lost with the file",
            fix="restore the file, or ./finhouse down --wipe, then ./finhouse up",
        )
    values = dict(stored)
    for name in PASSWORDS:
        if not values.get(PREFIX + name.upper()):
            values[PREFIX + name.upper()] = secrets.token_urlsafe(18)
    for name, value in os.environ.items():
        if name.startswith(PREFIX) and name[len(PREFIX) :].lower() in Settings.model_fields:
            values[name] = value
    values.pop(f"{PREFIX}STATE_DIR", None)
    _choose_ports(values, os.environ, stored, reservation)
    _write_env_file(state_dir, values)
    return _validated()


def _choose_ports(
    values: dict[str, str],
    environ: Mapping[str, str],
    stored: Mapping[str, str],
    reservation: PortReservation,
) -> None:
    """Fill in the ports of `values`, as variables."""
    external_postgres = values.get(f"{PREFIX}POSTGRES_HOST", LOOPBACK) != LOOPBACK
    taken: set[int] = set()
    for attribute, default in DEFAULT_PORTS.items():
        if attribute == "postgres_port" and external_postgres:
            continue
        variable = PREFIX + attribute.upper()
        if attribute == "kafka_port":
            variable = f"{PREFIX}KAFKA_BOOTSTRAP"
        text = values.get(variable, "").rpartition(":")[2] or str(default)
        try:
            wanted = int(text)
        except ValueError:
            raise FinhouseError(
                f"{variable}={values[variable]!r} names no port",
                why="a port is a number from 1 to 65535",
                fix=f"unset {variable} or give a number",
            ) from None
        if variable in environ:
            if wanted in taken or not port_is_free(wanted):
                raise FinhouseError(
                    f"port {wanted} ({variable}) is taken",
                    why=f"{port_owner(wanted)} listens on it",
                    fix=f"stop that process, or unset {variable} to get the next free port",
                )
            port = wanted
        elif variable in stored and wanted not in taken and port_is_free(wanted):
            port = wanted
        else:
            port = next(
                (p for p in range(wanted, 65536) if p not in taken and reservation.take(p)), 0
            )
            if not port:
                raise FinhouseError(
                    f"no free port from {wanted} on", why="all are in use", fix=f"set {variable}"
                )
        taken.add(port)
        values[variable] = f"{LOOPBACK}:{port}" if attribute == "kafka_port" else str(port)
        if attribute == "connect_port":
            values[f"{PREFIX}CONNECT_URL"] = f"http://{LOOPBACK}:{port}"


def _write_env_file(state_dir: Path, values: Mapping[str, str]) -> None:
    lines = ["# Ports and secrets of this stack, written by ./finhouse up."]
    lines += [f"{name}='{value}'" for name, value in sorted(values.items())]
    path = env_path(state_dir)
    new = path.with_suffix(".new")
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.touch(mode=0o600)
        new.write_text("\n".join(lines) + "\n", encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise FinhouseError(
            f"cannot write to {state_dir}",
            why=error.strerror,
            fix="make the folder writable, free disk space, or set FINHOUSE_STATE_DIR",
        ) from error
