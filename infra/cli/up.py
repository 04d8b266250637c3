"""`finhouse up`: from nothing, or from whatever runs already, to a live number."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import filelock
import typer
from rich.progress import Progress

from infra.cli import console
from infra.cli.steps import Steps, progress_bars
from infra.embedded import aot, clickhouse, jars, stack
from infra.embedded.component import Component
from infra.embedded.jars import Library
from infra.embedded.supervisor import Supervisor, stop_strays
from infra.errors import FinhouseError
from infra.settings import (
    LOOPBACK,
    PortReservation,
    Settings,
    default_state_dir,
    env_path,
    load_settings,
    prepare_settings,
)

GIB = 1024**3
LIVE_SECONDS = 60


def run(only: list[str] | None, *, load: bool, browse: bool) -> int:
    """Start the stack, or the named components of it; `browse` opens a dashboard that did not run.

    Returns 0, or 1 if payments are generated and none reaches the live view. Raises FinhouseError;
    whatever this call started is stopped again then, as it is on Ctrl-C.
    """
    started = time.monotonic()
    _check_names(only)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    check_disk(default_state_dir())
    with start_lock(default_state_dir()):
        running = (
            env_path(default_state_dir()).exists() and Supervisor(load_settings()).is_running()
        )
        if running:
            settings = load_settings()
            library = _library()
            components = stack.components(settings, library)
            is_live = _start(settings, library, _selected(components, only), load=load)
        else:
            settings, is_live = _cold_start(only, load=load)
    _closing_block(settings, time.monotonic() - started)
    has_dashboard = only is None or "dashboard" in only
    if browse and has_dashboard and not running and console.out.is_terminal and _has_desktop():
        typer.launch(_dashboard(settings))
    return 0 if is_live else 1


def _has_desktop() -> bool:
    """Whether a browser has somewhere to open; elsewhere a text browser could take the terminal."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def start_lock(state_dir: Path) -> filelock.BaseFileLock:
    """Held by whoever starts or stops a stack. Raises FinhouseError if someone else does."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = filelock.FileLock(state_dir / "start.lock")
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise FinhouseError(
            "this stack is being started or stopped",
            why=f"another ./finhouse works on {state_dir}",
            fix="wait for it, then try again",
        ) from None
    except OSError as error:
        raise FinhouseError(
            f"cannot write to {state_dir}",
            why=error.strerror or str(error),
            fix="make the folder writable, free disk space, or set FINHOUSE_STATE_DIR",
        ) from error
    return lock


def check_disk(state_dir: Path) -> None:
    """Raise FinhouseError if too little disk is free: 5 GB for a new stack, 1 GB for an old one."""
    folder = next(path for path in (state_dir, *state_dir.parents) if path.exists())
    needed = 1 if (state_dir / "data").exists() else 5
    free = shutil.disk_usage(folder).free / GIB
    if free < needed:
        raise FinhouseError(
            "the disk is too full to start",
            why=f"{free:.1f} GB are free at {folder}, {needed} GB are needed",
            fix="free disk space, or set FINHOUSE_STATE_DIR to a folder on another disk",
        )


def _cold_start(only: list[str] | None, *, load: bool) -> tuple[Settings, bool]:
    """Start with nothing running; what `_start` says, too."""
    if env_path(default_state_dir()).exists():
        strays = stop_strays(default_state_dir())
        if strays:
            console.note(f"stopped what an earlier run left behind: {', '.join(strays)}")
    with PortReservation() as reservation:
        settings = prepare_settings(reservation)
        library = _library()
        began = time.monotonic()
        components = stack.prepare(settings, library)
        selected = _selected(components, only)
        supervisor = Supervisor(settings)
        try:
            supervisor.launch()
            console.ok("prepared", str(settings.state_dir), time.monotonic() - began)
            is_live = _start(settings, library, selected, load=load)
        except BaseException as error:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if isinstance(error, KeyboardInterrupt):
                console.note("stopping what was started …")
            stack.stop(supervisor)
            raise
    return settings, is_live


def _check_names(only: list[str] | None) -> None:
    known = (*stack.SERVERS, *stack.WORKERS)
    for name in only or []:
        if name not in known:
            raise FinhouseError(
                f"there is no component {name!r}",
                why=f"the components are {', '.join(known)}",
                exit_code=2,
            )


def _selected(components: dict[str, Component], only: list[str] | None) -> dict[str, Component]:
    return {name: components[name] for name in components if only is None or name in only}


def _library() -> Library:
    """The Java libraries, with a bar if they have to be fetched."""
    began = time.monotonic()
    fetched = False
    with progress_bars() as progress:
        task = progress.add_task("java libraries", total=None, visible=False)

        def show(done: int, total: int) -> None:
            nonlocal fetched
            if not fetched and not console.out.is_terminal:
                console.note(f"fetching {total - done + 1} Java libraries …")
            fetched = True
            progress.update(task, completed=done, total=total, visible=True)

        library = jars.ensure(show)
    if fetched:
        console.ok("java libraries", str(library.cache), time.monotonic() - began)
    return library


def _start(
    settings: Settings, library: Library, selected: dict[str, Component], *, load: bool
) -> bool:
    """Start the selected components and whatever lies between them, side by side; False if payments
    are generated and none reaches the live view."""
    is_live = True
    supervisor = Supervisor(settings)
    servers = [selected[name] for name in stack.SERVERS if name in selected]
    for component in servers:
        supervisor.start(component.name)
    has = selected.keys()
    is_transforming = bool(supervisor.processes().get("transform", {}).get("pid"))
    began = datetime.now(UTC)
    if "transform" in has and not is_transforming:
        # Loading dbt and the project needs no server, so it goes on while they start.
        supervisor.start("transform")
    with progress_bars() as progress:
        steps = Steps()
        try:
            for component in servers:
                steps.add(component.name, [], _ready(settings, supervisor, component))
            if "postgres" in has or not settings.owns_postgres:
                steps.add("schema", ["postgres"], lambda: _schema(settings))
                if load:
                    steps.add("history", ["schema"], lambda: _history(settings, progress))
            if "kafka" in has:
                steps.add("topics", ["kafka"], lambda: _topics(settings))
            if {"kafka", "connect"} <= has and "schema" in steps:
                after = ["connect", "topics", "schema", "history"]
                steps.add("connector", after, lambda: _connector(settings))
            if {"kafka", "clickhouse", "transform"} <= has and not is_transforming:
                after = ["clickhouse", "topics"]
                steps.add("warehouse", after, lambda: _warehouse(settings, began, progress))
            steps.finish()
        except BaseException:
            steps.abandon()
            raise
    if "generator" in selected and load:
        supervisor.start("generator")
        console.ok("generator", "started")
    if load and {"connect", "clickhouse", "transform", "generator"} <= selected.keys():
        is_live = _wait_for_live_payment(settings)
    if "background" in selected:
        supervisor.start("background")  # it loads dbt: not while the first figures are on their way
    if "connect" in selected and aot.is_needed(library):
        supervisor.start("aot")
    return is_live


def _ready(
    settings: Settings, supervisor: Supervisor, component: Component
) -> Callable[[], tuple[str, str]]:
    def step() -> tuple[str, str]:
        stack.wait_until_ready(settings, supervisor, component)
        return component.title, component.address

    return step


def _schema(settings: Settings) -> tuple[str, str]:
    """Database, roles and tables of the source."""
    from infra.embedded import postgres
    from ingestion import source

    postgres.ensure_database(settings)
    applied = source.migrate(settings)
    return "source schema", f"{len(applied)} migrations applied" if applied else "up to date"


def _history(settings: Settings, progress: Progress) -> tuple[str, str]:
    """Past payments, once."""
    from ingestion.generator import load_history

    task = progress.add_task("history", total=None, visible=False)

    def show(done: int, total: int) -> None:
        progress.update(task, completed=done, total=total, visible=done < total)

    rows = load_history(settings, progress=show)
    return "history", f"{rows:,} payments" if rows else "already loaded"


def _topics(settings: Settings) -> tuple[str, str]:
    """One topic per table, before anything writes or reads them."""
    from ingestion import kafka

    created = kafka.ensure_topics(settings)
    return "topics", f"{len(created)} created" if created else "all there"


def _connector(settings: Settings) -> tuple[str, str]:
    """The Debezium connector."""
    from ingestion import connector

    changed = connector.apply(settings)
    return "debezium", "connector configured" if changed else "connector runs"


def _warehouse(settings: Settings, since: datetime, progress: Progress) -> tuple[str, str]:
    """Bronze, silver and gold, built by the transform loop itself."""
    from infra.transform import warehouse

    task = progress.add_task("warehouse", total=None)
    tier, nodes = warehouse.wait_until_fresh(
        settings, since, lambda text: progress.update(task, description=f"warehouse {text[:40]}")
    )
    progress.update(task, visible=False)
    return "warehouse", f"{nodes} dbt nodes built" if tier == "build" else "goes on where it was"


def _wait_for_live_payment(settings: Settings) -> bool:
    """Print how long after its commit the newest payment is visible in gold's live view; False if
    there is none although the generator runs."""
    from ingestion.generator import control

    query = (
        "SELECT toString(transaction_id) AS id, "
        "dateDiff('microsecond', committed_at, now64(6)) / 1e6 AS seconds "
        "FROM gold.live_recent_payments LIMIT 1 FORMAT JSONEachRow"
    )
    deadline = time.monotonic() + LIVE_SECONDS
    while time.monotonic() < deadline:
        try:
            answer = clickhouse.query(settings, query)
            newest = json.loads(answer) if answer else None
        except OSError:
            newest = None
        if newest and newest["seconds"] < 5:
            console.out.print(
                f"\n  Live: payment {newest['id']} visible in the live view "
                f"{newest['seconds']:.1f} s after commit."
            )
            return True
        now = control.status(settings)
        if now.is_alive and now.state in ("paused", "capped"):
            console.out.print(f"\n  No new payments. The generator says: {now.message}")
            return True
        time.sleep(0.2)
    console.out.print(
        f"\n  No new payment reached the live view in {LIVE_SECONDS} s: "
        "./finhouse status, ./finhouse logs"
    )
    return False


def _dashboard(settings: Settings) -> str:
    return f"http://{LOOPBACK}:{settings.dashboard_port}"


def _closing_block(settings: Settings, seconds: float) -> None:
    postgres = f"{settings.postgres_host}:{settings.postgres_port}/{settings.postgres_database}"
    rows = {
        "dashboard": _dashboard(settings),
        "clickhouse": f"http://{settings.clickhouse_host}:{settings.clickhouse_port}",
        "postgres": postgres,
        "kafka": settings.kafka_bootstrap,
        "connect": settings.connect_url,
    }
    console.out.print()
    for name, address in rows.items():
        console.out.print(f"  {name:<12} {address}")
    console.out.print(f"\n  Up in {seconds:.1f} s.   finhouse status | sql | logs | down")
