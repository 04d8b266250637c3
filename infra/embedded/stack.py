"""The embedded stack as a whole: its components in order, their preparation and their state."""

from __future__ import annotations

import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from infra.embedded import aot, clickhouse, connect, kafka, postgres
from infra.embedded.component import Component
from infra.embedded.jars import Library
from infra.embedded.supervisor import Supervisor, configuration, log_path, render
from infra.errors import FinhouseError
from infra.settings import LOOPBACK, Settings

# Started at once, side by side, with the transform loop; the other workers follow.
SERVERS = ("postgres", "kafka", "clickhouse", "connect", "dashboard")
WORKERS = ("transform", "background", "generator")
# What writes ends first, the stores last.
STOP_ORDER = (
    ("aot", "generator", "transform", "background", "dashboard"),
    ("connect", "clickhouse"),
)
CRASHES_TOLERATED = 3


def components(settings: Settings, library: Library) -> dict[str, Component]:
    """Every component of this stack by name, in starting order."""
    found = [postgres.component(settings)] if settings.owns_postgres else []
    found += [
        kafka.component(settings, library),
        clickhouse.component(settings),
        connect.component(settings, library),
        dashboard(settings),
        _worker("transform", "dbt loop", ["infra.transform.loop"]),
        # Its batches take seconds; one that is cut short is not there at all, and comes again.
        _worker("background", "dbt background", ["infra.transform.background"], stop_seconds=3),
        _worker("generator", "generator", ["ingestion.generator", "stream"]),
        aot.component(),
    ]
    return {component.name: component for component in found}


def dashboard(settings: Settings) -> Component:
    """What serves the dashboard, on the port of these settings."""
    url = f"http://{LOOPBACK}:{settings.dashboard_port}"
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/server.py"]
    command += ["--server.port", str(settings.dashboard_port), "--server.address", LOOPBACK]
    command += ["--server.headless", "true", "--browser.gatherUsageStats", "false"]
    command += ["--server.fileWatcherType", "none"]
    return Component(
        name="dashboard",
        title="dashboard",
        address=url,
        port=settings.dashboard_port,
        command=command,
        probe=lambda: urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).close(),
        stop_seconds=4,
    )


def _worker(name: str, title: str, module: list[str], stop_seconds: int = 8) -> Component:
    return Component(
        name=name,
        title=title,
        address="",
        command=[sys.executable, "-m", *module],
        probe=lambda: None,
        stop_seconds=stop_seconds,
    )


def prepare(settings: Settings, library: Library) -> dict[str, Component]:
    """Make folders, configuration and, on first use, the data folders of all components.

    Raises FinhouseError if one of them cannot be prepared.
    """
    try:
        found = configure(settings, library)
        tasks = [lambda: kafka.prepare(settings, library)]
        if settings.owns_postgres:
            tasks.append(lambda: postgres.prepare(settings))
        with ThreadPoolExecutor(len(tasks)) as pool:
            for future in [pool.submit(task) for task in tasks]:
                future.result()
    except OSError as error:
        raise FinhouseError(
            f"cannot write to {settings.state_dir}",
            why=error.strerror or str(error),
            fix="make the folder writable, free disk space, or set FINHOUSE_STATE_DIR",
        ) from error
    return found


def configure(settings: Settings, library: Library) -> dict[str, Component]:
    """Write every configuration file of the stack; returns its components."""
    for folder in (settings.config_dir, settings.data_dir, settings.logs_dir):
        folder.mkdir(parents=True, exist_ok=True)
    kafka.configure(settings)
    connect.configure(settings, library)
    clickhouse.configure(settings)
    found = components(settings, library)
    configuration(settings).write_text(render(settings, found.values()), encoding="utf-8")
    return found


def wait_until_ready(settings: Settings, supervisor: Supervisor, component: Component) -> float:
    """Wait for a component's first answer; returns the seconds it took.

    Raises FinhouseError with the last log lines if it keeps crashing or stays silent.
    """
    started = time.monotonic()
    deadline = started + component.start_seconds
    starts: set[int] = set()
    last: Exception | None = None
    while time.monotonic() < deadline:
        info = supervisor.processes().get(component.name, {})
        starts.add(info.get("start", 0))
        if len(starts) > CRASHES_TOLERATED or info.get("statename") == "FATAL":
            raise _failure(settings, component, "keeps crashing", last)
        if info.get("pid"):
            try:
                component.probe()
                return time.monotonic() - started
            except Exception as error:  # whatever the client raises: not ready yet
                last = error
        time.sleep(0.1)
    raise _failure(settings, component, f"gives no answer in {component.start_seconds} s", last)


def _failure(
    settings: Settings, component: Component, what: str, last: Exception | None
) -> FinhouseError:
    lines = tail(settings, component.name, 8)
    why = "\n        ".join(lines) if lines else str(last or "it wrote no log")
    return FinhouseError(
        f"{component.name} {what}",
        why=why,
        fix=f"./finhouse logs {component.name}   (file: {log_path(settings, component.name)})",
        exit_code=4,
    )


def tail(settings: Settings, name: str, count: int) -> list[str]:
    """Last lines of a component's log; empty if there is none."""
    path = log_path(settings, name)
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 256 * count - 4096))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-count:]


def stop(supervisor: Supervisor) -> None:
    """Stop everything, in order."""
    running = {name for name, info in supervisor.processes().items() if info["pid"]}
    for group in (*STOP_ORDER, tuple(running)):
        supervisor.stop(*running.intersection(group))
        running -= set(group)
    supervisor.shut_down()
