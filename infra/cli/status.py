"""`finhouse status`: what runs, since when, what it costs, and whether the numbers were proved."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

import psutil
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from infra.cli import console
from infra.embedded import clickhouse, jars, stack
from infra.embedded.supervisor import Supervisor
from infra.errors import FinhouseError
from infra.settings import Settings, default_state_dir, env_path, load_settings
from infra.transform import capture
from infra.transform.standstill import AGES, FAILING, PATIENCE

MIB = 1024**2
FINE = "Everything runs."
# Statuses of a proof that say a figure is not what it should be.
WRONG = ("differs", "not repaired")
# The connector while somebody holds it: its worker runs.
HELD = ("paused", "stopped")
COLOURS = {"running": "green", "ended": "dim"} | dict.fromkeys(("starting", *HELD), "yellow")


@dataclass(frozen=True, slots=True)
class Row:
    """One component: `memory` in bytes (shared pages counted once), `uptime` in seconds."""

    component: str
    state: str
    pid: int | None
    port: int | None
    uptime: int | None
    memory: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What a check that runs by itself found last: equal, differs, failed (it could not be made),
    repaired or not repaired; of the alerts how many fire, or quiet. `age` in seconds."""

    check: str
    status: str
    age: int
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the numbers of a source table cannot be right, and the command that repairs it."""

    table: str
    problem: str
    fix: str


@dataclass(frozen=True, slots=True)
class Standstill:
    """What a component does not do although it runs, as a sentence without its end."""

    component: str
    sentence: str

    @property
    def fix(self) -> str:
        """The command that shows why."""
        return f"./finhouse logs {self.component}"


# What the newest reconciliation and the newest parity check found, and the repairs of the last day.
_PROOFS = """
    select 'reconciliation' as check, comparison as subject, status,
        dateDiff('second', finished_at, now()) as age, message
    from ops.reconciliations
    where started_at = (select max(started_at) from ops.reconciliations)
    union all
    select 'parity', model, status, dateDiff('second', checked_at, now()), message
    from ops.parity_checks
    where checked_at = (select max(checked_at) from ops.parity_checks where check_name != 'repair')
        and check_name != 'repair'
    union all
    select 'repair', model, status, dateDiff('second', checked_at, now()), message
    from ops.parity_checks
    where check_name = 'repair' and checked_at > now() - interval 1 day
"""

# How many alerts fire, and which.
_ALERTS = """
    select
        countIf(state = 'firing') as count_firing,
        arrayStringConcat(groupArrayIf(alert, state = 'firing'), ', ') as names,
        dateDiff('second', max(listed_at), now64(3, 'UTC')) as age
    from ops.alert_checks final
    where listed_at = (select max(listed_at) from ops.alert_checks)
    having count() > 0
"""


def run(*, as_json: bool, watch: bool) -> int:
    """Print the table; returns 0 if all that should run does and the numbers are right, else 1."""
    if watch and console.out.is_terminal:
        with Live(console=console.out, refresh_per_second=4) as live:
            while True:
                rows = collect()
                verdict = _verdict(rows, capture_problems(rows), standstills(rows))
                found = proofs(rows) + alerts(rows)
                live.update(Group(_table(rows), verdict, *map(_line, found)))
                time.sleep(1)
    rows = collect()
    problems = capture_problems(rows)
    found = proofs(rows)
    firing = alerts(rows)
    verdict = _verdict(rows, problems, standstills(rows))
    is_healthy = verdict == FINE and not any(proof.status in WRONG for proof in found)
    if as_json:
        document = {
            "healthy": is_healthy,
            "verdict": verdict,
            "memory": sum(row.memory for row in rows),
            "components": [asdict(row) for row in rows],
            "problems": [asdict(problem) for problem in problems],
            "proofs": [asdict(proof) for proof in found],
            "alerts": [asdict(one) for one in firing],
        }
        console.out.print_json(json.dumps(document))
    else:
        if rows:
            console.out.print(_table(rows))
        console.out.print(verdict, soft_wrap=True)  # a command is copied whole
        for proof in found + firing:
            console.out.print(_line(proof))
    return 0 if is_healthy else 1


def proofs(rows: list[Row]) -> list[Proof]:
    """What the warehouse last found about itself; nothing while it does not answer."""
    found = _ask(rows, _PROOFS)
    proved = []
    for check in ("reconciliation", "parity"):
        parts = [one for one in found if one["check"] == check]
        if parts:
            wrong = [one for one in parts if one["status"] != "equal"]
            statuses = {one["status"] for one in wrong}
            status = "differs" if "differs" in statuses else "failed" if wrong else "equal"
            said = [f"{one['subject']} {one['message']}".strip() for one in wrong]
            proved.append(Proof(check, status, int(parts[0]["age"]), "; ".join(said)))
    repairs = [one for one in found if one["check"] == "repair"]
    return proved + [
        Proof("repair", one["status"], int(one["age"]), f"{one['subject']}: {one['message']}")
        for one in sorted(repairs, key=lambda one: int(one["age"]))
    ]


def alerts(rows: list[Row]) -> list[Proof]:
    """How many alerts fire, and their names; nothing before they were first looked at."""
    return [
        Proof(
            "alerts",
            f"{one['count_firing']} firing" if one["names"] else "quiet",
            int(one["age"]),
            one["names"],
        )
        for one in _ask(rows, _ALERTS)
    ]


def _line(proof: Proof) -> Text:
    fine = {"equal": "green", "quiet": "green"}
    colour = {**fine, "repaired": "yellow", "failed": "yellow"}.get(proof.status, "red")
    return Text.assemble(
        f"{proof.check:<15}",
        (f"{proof.status:<9}", colour),
        f" {_duration(proof.age)} ago  {proof.message}",
    )


def collect() -> list[Row]:
    """State of every component, in starting order; empty if the stack does not run."""
    if not env_path(default_state_dir()).exists():
        return []
    settings = load_settings()
    supervisor = Supervisor(settings)
    processes = supervisor.processes() if supervisor.is_running() else {}
    if not processes:
        return []
    ports = _ports(settings)
    pid = supervisor.pid()
    rows = [Row("supervisor", "running", *_usage(pid, settings.supervisor_port, alone=True))]
    for name in ports:
        info = processes.get(name)
        if info is None or (info["statename"] == "STOPPED" and not info["start"]):
            continue
        state = {"FATAL": "crashed", "BACKOFF": "restarting", "EXITED": "ended"}.get(
            info["statename"], info["statename"].lower()
        )
        if name == "connect" and state == "running":
            state = _capture_state(settings) or state
        rows.append(Row(name, state, *_usage(info["pid"] or None, ports[name])))
    return rows


def _capture_state(settings: Settings) -> str:
    """What the connector of a worker that runs is instead: failed, paused or stopped; no news is
    good news, and empty."""
    from ingestion import connector  # half of the command's time

    try:
        found = connector.status(settings, timeout=2)
    except FinhouseError:
        return ""
    if found.has_failed:
        return "failed"
    return found.connector.lower() if found.is_held else ""


def capture_problems(rows: list[Row]) -> list[Problem]:
    """What the transform loop found wrong with the logs; nothing while the warehouse is away."""
    return [Problem(**found) for found in _ask(rows, capture.PROBLEMS)]


def standstills(rows: list[Row]) -> list[Standstill]:
    """Components that run and do nothing for longer than they may, and models that fail."""
    found = []
    for component, query in AGES.items():
        # How long it could have worked: the stack may have been down meanwhile.
        uptime = next((row.uptime or 0 for row in rows if row.component == component), 0)
        if uptime > PATIENCE[component] and (newest := _ask(rows, query)):
            silent = min(uptime, int(newest[0]["age"]))
            if silent > PATIENCE[component]:
                found.append(Standstill(component, f"{_SILENCE[component]} for {silent} s"))
    for one in _ask(rows, FAILING):
        said = f"{one['model']} fails: {one['last_message']}".strip(": ")
        found.append(Standstill(one["component"], said))
    return found


_SILENCE = {
    "connect": "Nothing has been captured",
    "transform": "Nothing has been transformed",
    "background": "No model of the background has run",
}


def _ask(rows: list[Row], query: str) -> list[dict[str, Any]]:
    """Rows of a query to the warehouse; none while it does not answer or has no such tables yet."""
    if not any(row.component == "clickhouse" and row.state == "running" for row in rows):
        return []
    try:
        answer = clickhouse.query(load_settings(), f"{query} format JSONEachRow")
    except OSError:
        return []
    return [json.loads(line) for line in answer.splitlines()]


def _ports(settings: Settings) -> dict[str, int | None]:
    components = stack.components(settings, jars.expected())
    return {name: component.port for name, component in components.items()}


def _usage(
    pid: int | None, port: int | None, *, alone: bool = False
) -> tuple[int | None, int | None, int | None, int]:
    """(pid, port, uptime, memory of the process and, unless `alone`, its children)."""
    if pid is None:
        return None, port, None, 0
    try:
        process = psutil.Process(pid)
        family = [process] if alone else [process, *process.children(recursive=True)]
        return pid, port, int(time.time() - process.create_time()), sum(map(_memory, family))
    except psutil.Error:
        return pid, port, None, 0


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, OSError):
        try:
            return int(process.memory_info().rss)
        except psutil.Error:
            return 0


def _down(rows: list[Row]) -> list[str]:
    """Components that were started and do not run; a one-off task may have ended."""
    fine = ("running", *HELD)
    return [row.component for row in rows if row.state not in fine and row.component != "aot"]


def _is_held(rows: list[Row]) -> bool:
    """Whether somebody paused or stopped the connector."""
    return any(row.state in HELD for row in rows if row.component == "connect")


def _verdict(rows: list[Row], problems: list[Problem], standing: list[Standstill]) -> str:
    if not rows:
        return "Nothing runs. Start it: ./finhouse up"
    lines = []
    is_held = _is_held(rows)
    if is_held:
        lines.append(
            "Capture is held, nothing new arrives: resume it on the page Pipeline and trust"
            " (FINHOUSE_OPERATOR=1), or by ./finhouse up"
        )
    if down := _down(rows):
        logs = "; ".join(f"./finhouse logs {name}" for name in down)
        lines.append(f"{', '.join(down)} {'is' if len(down) == 1 else 'are'} down: {logs}")
    # What is down or held does nothing, what is refused is not transformed: that is said already.
    said = {*down, *(("transform", "background") if problems else ())}
    said |= {"connect"} if is_held else set()
    lines += [f"{one.sentence}: {one.fix}" for one in standing if one.component not in said]
    if problems:
        lines += [f"finance.{found.table}: {found.problem}." for found in problems]
        lines.append(f"Nothing is transformed until this repairs it: {problems[0].fix}")
    return "\n".join(lines) or FINE


def _table(rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("component")
    table.add_column("state")
    for title in ("pid", "port", "uptime", "memory"):
        table.add_column(title, justify="right")
    for row in rows:
        colour = COLOURS.get(row.state, "red")
        table.add_row(
            row.component,
            f"[{colour}]{row.state}[/]",
            str(row.pid or ""),
            str(row.port or ""),
            _duration(row.uptime),
            f"{row.memory / MIB:,.0f} MB" if row.memory else "",
        )
    table.add_section()
    table.add_row("total", "", "", "", "", f"{sum(row.memory for row in rows) / MIB:,.0f} MB")
    return table


def _duration(seconds: int | None) -> str:
    if seconds is None:
        return ""
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
