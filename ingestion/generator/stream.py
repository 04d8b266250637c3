"""The long-running stream: paces the traffic, writes it, reports, and obeys the control table."""

from __future__ import annotations

import logging
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import LiteralString

import psycopg
from psycopg.rows import TupleRow
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_when_event_set,
    wait_exponential,
)
from tenacity.nap import sleep_using_event

from infra.errors import FinhouseError
from infra.settings import Settings
from ingestion.generator.control import STREAM_LOCK, Control, read_control
from ingestion.generator.settings import GeneratorSettings
from ingestion.generator.state import SECOND, load_state
from ingestion.generator.traffic import Copy, Mix, Step, Traffic
from ingestion.generator.world import World, build_world
from ingestion.source import connect

log = logging.getLogger(__name__)

TICK = 0.2  # seconds between two batches, unless a batch size is asked for
_PATIENCE = 2.0  # seconds of delay after which the missed batches are given up, and said so
_POLL = 0.2  # longest wait before the control table is read again
_LOG_EVERY = 10.0
_GB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """The pace in force: `batch` new payments every `period` seconds."""

    rate: float  # per second
    batch: int
    period: float
    mix: Mix


def plan(generator: GeneratorSettings, control: Control) -> Plan:
    """What was asked for, with the settings' defaults for the rest."""
    rate = control.rate or generator.rate
    interval = control.interval_seconds or generator.interval
    batch = min(control.batch or max(1, round(rate / interval * TICK)), rate)
    return Plan(
        rate=rate / interval,
        batch=batch,
        period=batch * interval / rate,
        mix=Mix(
            updates=generator.updates if control.updates is None else control.updates,
            deletes=generator.deletes if control.deletes is None else control.deletes,
        ),
    )


def run(
    settings: Settings,
    generator: GeneratorSettings,
    stop: Event,
    clock: Callable[[], float] = time.time,
) -> None:
    """Stream until `stop` is set, through any time Postgres is away.

    Needs a loaded history. Raises FinhouseError if there is none or another stream runs.
    """

    def report_loss(call: RetryCallState) -> None:
        error = call.outcome.exception() if call.outcome else None
        log.warning("lost Postgres, trying again: %s", str(error).strip().splitlines()[0:1])

    for attempt in Retrying(
        retry=retry_if_exception_type((psycopg.OperationalError, psycopg.InterfaceError)),
        wait=wait_exponential(multiplier=0.2, max=2.0),
        stop=stop_when_event_set(stop),
        sleep=sleep_using_event(stop),
        before_sleep=report_loss,
        reraise=True,
    ):
        with attempt, connect(settings, autocommit=True) as connection:
            _Session(connection, settings, generator, stop, clock).run()


class _Session:
    """One connection's life: everything it knows is read from Postgres when it starts."""

    def __init__(
        self,
        connection: psycopg.Connection[TupleRow],
        settings: Settings,
        generator: GeneratorSettings,
        stop: Event,
        clock: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._generator = generator
        self._stop = stop
        self._clock = clock
        self._disk = _existing(settings.state_dir)
        self._lock()
        # Every update finds its rows by primary key, whatever the statistics say of a young table.
        connection.execute("set enable_hashjoin = off")
        connection.execute("set enable_mergejoin = off")
        world, initial = self._world()
        self._stored = self._start()
        now = self._now()
        state = load_state(connection, world, initial, self._stored, now)
        self._seed = generator.seed
        self._traffic = Traffic(world, state, self._seed, now)
        self._new = 0
        self._missed = 0
        self._recent: deque[tuple[float, int]] = deque()
        self._mix: Counter[str] = Counter()
        self._disk_is_full = False

    def run(self) -> None:
        """Tick until told to stop."""
        request = -1
        due = time.monotonic()
        report_due = disk_due = 0.0
        log_due = due + _LOG_EVERY
        while not self._stop.is_set():
            control = read_control(self._connection)
            now = time.monotonic()
            if control.request != request:
                self._adopt_seed(control)
                self._log_missed()
                pace, request = plan(self._generator, control), control.request
                due, report_due = now, 0.0
                self._recent = deque()
                log.info(
                    "%s",
                    "paused" if control.is_paused else f"streaming {pace.rate:,.0f} new rows/s",
                )
            if now >= disk_due:
                self._check_disk()
                disk_due = now + 5.0
            is_idle = control.is_paused or self._disk_is_full
            if is_idle:
                due = now
            elif now >= due:
                self._tick(pace)
                due = self._next_due(due + pace.period, pace)
            now = time.monotonic()
            if now >= report_due:
                self._report(control, pace)
                report_due = now + 1.0
            if now >= log_due and not control.is_paused:
                self._log(control, pace)
                log_due = now + _LOG_EVERY
            self._stop.wait(_POLL / 2 if is_idle else min(max(due - now, 0.0), _POLL))
        self._say("stopped", "", 0.0, 0.0)
        log.info("stopped")

    def _now(self) -> int:
        return int(self._clock() * SECOND)

    def _lock(self) -> None:
        """One stream at a time; a connection that just died may hold the lock a little longer."""
        deadline = time.monotonic() + 10.0
        while not self._scalar("select pg_try_advisory_lock(%s)", STREAM_LOCK):
            if self._stop.wait(0.2) or time.monotonic() > deadline:
                raise FinhouseError(
                    "another generator streams into this database",
                    why="only one may, or the counts it keeps would be wrong",
                    fix="./finhouse gen --status shows it; ./finhouse gen --pause holds it",
                )

    def _world(self) -> tuple[World, tuple[int, int]]:
        row = self._connection.execute(
            "select seed, accounts, merchants, ips from finance_meta.generator_history"
        ).fetchone()
        if row is None:
            raise FinhouseError(
                "there is no history to go on from",
                why="the stream needs the accounts and merchants that the history begins with",
                fix="python -m ingestion.generator history",
            )
        seed, accounts, merchants, ips = row
        return build_world(seed, accounts, merchants, ips), (accounts, merchants)

    def _start(self) -> int:
        """Note the start; returns the number of stored transactions."""
        return int(
            self._scalar(
                "update finance_meta.generator_status set started_at = now(), new_transactions = 0"
                " where id = 1 returning stored_transactions"
            )
        )

    def _scalar(self, query: LiteralString, *params: object) -> int:
        row = self._connection.execute(query, params).fetchone()
        return row[0] if row else 0

    def _adopt_seed(self, control: Control) -> None:
        seed = self._generator.seed if control.seed is None else control.seed
        if seed != self._seed:
            self._seed = seed
            self._traffic.reseed(seed, self._now())

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self._disk).free / _GB
        is_full = free < self._generator.min_free_gb
        if is_full and not self._disk_is_full:
            log.warning("%s", self._disk_message())
        self._disk_is_full = is_full

    def _disk_message(self) -> str:
        return (
            f"stopped: the disk has under {self._generator.min_free_gb:g} GB free;"
            " goes on by itself when there is room"
        )

    def _tick(self, pace: Plan) -> None:
        room = max(self._generator.row_cap - self._stored, 0)
        steps = self._traffic.tick(self._now(), pace.batch, room, pace.mix)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            new, gone = write(cursor, steps, self._mix)
            cursor.execute(
                "update finance_meta.generator_status set last_commit_at = now(),"
                " stored_transactions = stored_transactions + %s,"
                " new_transactions = new_transactions + %s where id = 1",
                [new - gone, new],
            )
        self._stored += new - gone
        self._new += new
        self._recent.append((time.monotonic(), new))

    def _next_due(self, due: float, pace: Plan) -> float:
        """When the next batch is due; gives up what can't be caught up."""
        now = time.monotonic()
        if now - due < _PATIENCE + pace.period:
            return due
        self._missed += int((now - due) * pace.rate)
        return now

    def _actual_rate(self, pace: Plan) -> float:
        """New payments per second over the last ten seconds, or three batches if they are rare."""
        begin = time.monotonic() - max(_LOG_EVERY, 3 * pace.period)
        while self._recent and self._recent[0][0] < begin:
            self._recent.popleft()
        if len(self._recent) < 2:
            return 0.0
        rows = sum(new for _, new in self._recent) - self._recent[0][1]
        return rows / (self._recent[-1][0] - self._recent[0][0])

    def _report(self, control: Control, pace: Plan) -> None:
        actual = self._actual_rate(pace)
        if control.is_paused:
            state, message, actual = "paused", "paused; ./finhouse gen --resume goes on", 0.0
        elif self._disk_is_full:
            state, message, actual = "capped", self._disk_message(), 0.0
        elif self._stored >= self._generator.row_cap - pace.batch:
            state = "capped"
            message = (
                f"no new payments: {self._stored:,} are stored and the cap is"
                f" {self._generator.row_cap:,} (FINHOUSE_GENERATOR_ROW_CAP); changes go on"
            )
        elif self._missed:
            state = "running"
            message = f"cannot keep {pace.rate:,.0f} new rows/s: {actual:,.0f}/s now"
        else:
            state, message = "running", ""
        self._say(state, message, pace.rate, actual, control.request)

    def _say(
        self, state: str, message: str, target: float, actual: float, request: int | None = None
    ) -> None:
        self._connection.execute(
            "update finance_meta.generator_status set state = %s, message = %s, target_rate = %s,"
            " actual_rate = %s, acknowledged_request = coalesce(%s, acknowledged_request),"
            " reported_at = now() where id = 1",
            [state, message, target, actual, request],
        )

    def _log(self, control: Control, pace: Plan) -> None:
        changes = ", ".join(f"{count:,} {name}" for name, count in sorted(self._mix.items()))
        log.info(
            "%s of %s new rows/s, %s stored; in these %g s: %s",
            f"{self._actual_rate(pace):,.0f}",
            f"{pace.rate:,.0f}",
            f"{self._stored:,}",
            _LOG_EVERY,
            changes or "nothing",
        )
        self._mix.clear()
        self._log_missed()
        if self._stored >= self._generator.row_cap - pace.batch:
            log.warning("row cap of %s reached: no new payments", f"{self._generator.row_cap:,}")

    def _log_missed(self) -> None:
        if self._missed:
            log.warning("cannot keep the rate: %s new rows were left out", f"{self._missed:,}")
            self._missed = 0


def write(
    cursor: psycopg.Cursor[TupleRow], steps: list[Step], mix: Counter[str]
) -> tuple[int, int]:
    """Write one tick; returns the numbers of transactions added and removed.

    `mix` counts the rows written, by kind of change.
    """
    new = gone = 0
    for step in steps:
        if isinstance(step, Copy):
            with cursor.copy(f"copy {step.table} from stdin") as copy:
                copy.write(step.rows)
            mix[f"new {step.table.partition('.')[2]}"] += step.count
            if step.table == "finance.transactions":
                new += step.count
        else:
            cursor.execute(step.sql, step.params)
            mix[step.kind] += cursor.rowcount
            if step.kind == "delete":
                gone += cursor.rowcount
    return new, gone


def _existing(path: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
