"""The transform loop: bronze to gold, again and again, in one process.

Facts and heartbeats run each cycle, everything else less often. The loop outlives ClickHouse
being away and a project that does not parse: it says so, waits and tries again. What each cycle did
goes to `ops.transform_runs`. What a check beside it found wrong (watch.py) it rebuilds.
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

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.errors import FinhouseError
from infra.settings import load_settings
from infra.transform import capture
from infra.transform.project import ModelRun, Project, TransformError
from infra.transform.warehouse import connect
from infra.transform.watch import Watch
from ingestion.kafka import ensure_topics

# A cycle starts at most this often; in between a `dbt build` by hand finds the writer lease free.
CYCLE_SECONDS = 0.8
IDLE_SECONDS = 0.25
# The slow tier holds what no figure on the dashboard waits for: row states and dimensions. Between
# two of its cycles it rests three times as long as the last one took: a second or two when little
# happens, about five under the default load on two cores.
SLOW_REST = 3.0
SELECTORS = {"live": "tag:live", "slow": "config.materialized:offset_append"}
LONGEST_BACKOFF_SECONDS = 10.0

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
    """Run one cycle. Tier `build` makes everything, views and seeds too."""
    if tier == "build":
        return project.run("build", "--exclude-resource-type", "test", "unit_test", "exposure")
    # Incremental models look for their table themselves: no list of all tables each second. Two
    # threads are as fast as four here and open half the connections.
    return project.run("run", "--select", SELECTORS[tier], "--no-populate-cache", "--threads", "2")


def was_built(client: Client) -> bool:
    """Whether an earlier process has built this warehouse."""
    try:
        built = "select count() from ops.transform_runs where tier = 'build' and status = 'success'"
        return bool(client.command(built))
    except ClickHouseError:
        return False  # no such table yet


def main() -> None:
    """Run cycles until SIGTERM or SIGINT; the cycle under way is finished first."""
    # A handler of its own: dbt replaces those of the root logger.
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    settings = load_settings()
    os.environ.update(settings.environment(), FINHOUSE_WRITER="transform loop")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    project = Project()
    watch = Watch(settings, stop)
    client: Client | None = None
    is_built = False
    is_first = True
    slow_due = 0.0
    check_due = 0.0
    backoff = 0.0
    while not stop.is_set():
        started = time.monotonic()
        started_at = datetime.now(UTC)
        try:
            if project.is_stale():
                is_built = False
                project.parse()
                log.info("parsed the project in %.1f s", time.monotonic() - started)
            if not is_built:
                # A Kafka table that is made before its topic notices it only minutes later.
                ensure_topics(settings)
            if started >= check_due:
                client = client or connect(settings)
                capture.refuse_if_broken(settings, client)
                check_due = started + capture.CHECK_SECONDS
            tier = "build" if not is_built else "slow" if started >= slow_due else "live"
            client = client or connect(settings)
            if is_first and was_built(client):
                tier = "live"  # figures first: what has changed in the project can wait a cycle
            is_first = False
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
        failed = [run for run in runs if run.status not in ("success", "skipped", "no-op")]
        for run in failed:
            log.error("%s: %s", run.model, run.message)
        if failed:
            backoff = min(max(2 * backoff, 0.5), LONGEST_BACKOFF_SECONDS)
            check_due = 0.0
            stop.wait(backoff)
            continue
        if tier == "build":
            is_built = True
            log.info("built %d nodes in %.1f s", len(runs), time.monotonic() - started)
            if not watch.is_alive():
                watch.start()
        if tier != "live":
            slow_due = time.monotonic() + SLOW_REST * (time.monotonic() - started)
        if backoff:
            log.info("running again")
            backoff = 0.0
        stop.wait(max(IDLE_SECONDS, CYCLE_SECONDS - (time.monotonic() - started)))
    log.info("stopped")


if __name__ == "__main__":
    main()
