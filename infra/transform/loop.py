"""The transform loop: bronze to gold, again and again, in one process.

Facts and heartbeats run each cycle (batches.py), the other models in a process of their own
(background.py).
All of the project is built when it is another than the warehouse was built from. The loop outlives
ClickHouse being away and a project that does not parse: it says so, waits and tries again. What
each cycle did goes to `ops.transform_runs`. What a check beside it found wrong (watch.py) it
rebuilds. A thread of its own keeps the connector going (keeper.py).
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import uuid
from datetime import UTC, datetime
from functools import partial

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.errors import FinhouseError
from infra.settings import Settings, load_settings
from infra.transform import capture
from infra.transform.batches import Batches
from infra.transform.keeper import Keeper
from infra.transform.project import IDLE, ModelRun, Project, TransformError
from infra.transform.warehouse import LIVE, connect
from infra.transform.watch import Watch
from ingestion.kafka import ensure_topics

# A cycle starts at most this often; in between a `dbt build` by hand finds the writer lease free.
CYCLE_SECONDS = 1.0
IDLE_SECONDS = 0.25
SELECTORS = {"live": "tag:live", "slow": "config.materialized:offset_append"}
LONGEST_BACKOFF_SECONDS = 10.0
# Incremental models look for their table themselves: no list of all tables. Two threads are as fast
# as four here and open half the connections.
QUICKLY = ("--no-populate-cache", "--threads", "2")
ONE_BATCH = ("--vars", "{catch_up: false}")
# Who holds the writer lease, for background.py too.
WRITER = "transform loop"

log = logging.getLogger("transform")


def write_runs(client: Client, tier: str, started_at: datetime, runs: list[ModelRun]) -> None:
    """Append one row per model of a finished cycle to ops.transform_runs.

    Raises ClickHouseError if the server is away.
    """
    cycle = uuid.uuid4()
    finished_at = datetime.now(UTC)
    client.insert(
        "ops.transform_runs",
        [
            (cycle, tier, run.model, run.status, started_at, finished_at, run.seconds, run.message)
            for run in runs
        ],
        column_names=[
            "cycle_id",
            "tier",
            "model",
            "status",
            "started_at",
            "finished_at",
            "model_seconds",
            "message",
        ],
    )


def run_tier(project: Project, tier: str) -> list[ModelRun]:
    """Run tier `live` (one batch of each fact), `slow` (everything incremental) or `build` (all of
    the project, views and seeds too)."""
    if tier == "build":
        return project.run("build", "--exclude-resource-type", "test", "unit_test", "exposure")
    one_batch = ONE_BATCH if tier == "live" else ()
    return project.run("run", "--select", SELECTORS[tier], *QUICKLY, *one_batch)


def report(runs: list[ModelRun]) -> bool:
    """Log what failed; whether anything did."""
    failed = [run for run in runs if run.status not in ("success", "skipped", IDLE)]
    for run in failed:
        log.error("%s: %s", run.model, run.message)
    return bool(failed)


def built_from(client: Client) -> str:
    """Fingerprint of the project that this warehouse was last built from; empty if it never was."""
    try:
        rows = client.query("select project from ops.builds order by built_at desc limit 1")
    except ClickHouseError:
        return ""  # no such table yet
    return str(rows.result_rows[0][0]) if rows.result_rows else ""


def prepare() -> tuple[Settings, threading.Event]:
    """Settings, exported to dbt, and an event that SIGTERM and SIGINT set; `log` goes to stdout."""
    # A handler of its own: dbt replaces those of the root logger.
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    settings = load_settings()
    os.environ.update(settings.environment(), FINHOUSE_WRITER=WRITER)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return settings, stop


def main() -> None:
    """Run cycles until SIGTERM or SIGINT; the cycle under way is finished first."""
    settings, stop = prepare()
    project = Project(settings.state_dir / "transform.json")
    watch = Watch(settings, stop)
    Keeper(settings, stop).start()
    client: Client | None = None
    live: Batches | None = None
    is_built = False
    is_first = True
    check_due = 0.0
    backoff = 0.0
    while not stop.is_set():
        started = time.monotonic()
        started_at = datetime.now(UTC)
        try:
            if project.is_stale():
                is_built = False
                live = None
                if project.read():
                    log.info("parsed the project in %.1f s", time.monotonic() - started)
            if not is_built:
                # A Kafka table that is made before its topic notices it only minutes later.
                ensure_topics(settings)
            client = client or connect(settings, limits=LIVE)
            if started >= check_due:
                capture.refuse_if_broken(settings, client)
                check_due = started + capture.CHECK_SECONDS
            earlier = "" if is_built else built_from(client)
            is_built = is_built or earlier == project.fingerprint()
            # Figures first: what has changed in the project since can wait a cycle.
            tier = "live" if is_built or (is_first and earlier) else "build"
            is_first = False
            if tier == "live":
                live = live or Batches(project, {"live"})
                runs = live.run_or(partial(run_tier, project, "live"), client)
            else:
                runs = run_tier(project, tier)
            write_runs(client, tier, started_at, runs)
            if watch.is_alive() and (repairs := watch.repair(project)):
                write_runs(client, "repair", started_at, repairs)
        except (TransformError, ClickHouseError, FinhouseError) as error:
            backoff = min(max(2 * backoff, 0.5), LONGEST_BACKOFF_SECONDS)
            log.error("%s; next try in %.1f s", error, backoff)
            check_due = 0.0  # whatever was away: nothing runs before it is known what it missed
            stop.wait(backoff)
            continue
        if report(runs):
            backoff = min(max(2 * backoff, 0.5), LONGEST_BACKOFF_SECONDS)
            check_due = 0.0
            stop.wait(backoff)
            continue
        if tier == "build":
            is_built = True
            client.insert("ops.builds", [(datetime.now(UTC), project.fingerprint(), len(runs))])
            log.info("built %d nodes in %.1f s", len(runs), time.monotonic() - started)
        if is_built and watch.ident is None:
            watch.start()
        if backoff:
            log.info("running again")
            backoff = 0.0
        stop.wait(max(IDLE_SECONDS, CYCLE_SECONDS - (time.monotonic() - started)))
    log.info("stopped")


if __name__ == "__main__":
    main()
    # The interpreter would wait for the threads of a check, and these for an answer of Postgres.
    sys.stdout.flush()
    os._exit(0)
