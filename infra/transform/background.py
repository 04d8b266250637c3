"""The models that no live figure waits for, in a process of their own: they hold no fact up.

They take turns (turns.py). A thread beside them looks at the alerts. It is the loop (loop.py) that
builds the models first and that checks what was captured: until then, while the project is another
than the warehouse was built from and while a table is refused (capture.py), this process waits.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from functools import partial

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.alerts.watching import Watching
from infra.errors import FinhouseError
from infra.transform import capture
from infra.transform.batches import Batches
from infra.transform.loop import built_from, log, prepare, report, write_runs
from infra.transform.project import ModelRun, Project, TransformError
from infra.transform.turns import FAILED_SECONDS, Turns
from infra.transform.warehouse import BACKGROUND, NICE, connect

# What takes turns together, under the name that ops.transform_runs has for it.
TIERS = {"background": {"slow", "background"}, "snapshot": {"snapshot"}}
IDLE_SECONDS = 0.5
# Some models look up as much for a small batch as for a large one. The loop holds the writer lease
# for both: a `dbt build` by hand waits for it, and this process waits for the build.
BESIDE_THE_LOOP = ("--vars", "{max_batch_events: 400000, takes_lease: false}")
ONE_THREAD = ("--no-populate-cache", "--threads", "1")


def run_background(
    project: Project, batches: Batches, client: Client, tier: str, names: list[str]
) -> list[ModelRun]:
    """Run these models until each has what there is, or take these snapshots."""
    command = "snapshot" if tier == "snapshot" else "run"
    dbt = partial(project.run, command, "--select", *names, *ONE_THREAD, *BESIDE_THE_LOOP)
    return dbt() if tier == "snapshot" else batches.run_or(dbt, client, names)


def main() -> None:
    """Run turns until SIGTERM or SIGINT; the turn under way is finished first."""
    settings, stop = prepare()
    watching = Watching(settings, stop)
    if settings.alert_seconds:
        watching.start()
    project = Project(settings.state_dir / "background.json")
    client: Client | None = None
    turns: Turns | None = None
    batches: Batches | None = None
    while not stop.wait(IDLE_SECONDS):
        try:
            client = client or connect(settings, limits=BACKGROUND)
            if project.is_stale() or turns is None or batches is None:
                turns = None
                if built_from(client) != project.fingerprint():
                    continue
                project.read()
                batches = Batches(
                    project, TIERS["background"], *BESIDE_THE_LOOP, beside_the_loop=True
                )
                turns = Turns(project.tiers(), time.monotonic(), settings)
                log.info("the warehouse is built: models take turns")
                # From here on it takes what the live figures leave. Not before: until its first
                # turn rates and names are missing on every page, and what it does until then took
                # it most of a minute beside a busy loop. Linux keeps a nice value per thread.
                for thread in (threading.get_native_id(), watching.native_id):
                    os.setpriority(os.PRIO_PROCESS, thread or 0, NICE)
            for tier, members in TIERS.items():
                names = turns.next(members, time.monotonic())
                if names and not client.query(capture.PROBLEMS).result_rows:
                    started_at = datetime.now(UTC)
                    runs = run_background(project, batches, client, tier, names)
                    turns.done(names, runs, time.monotonic())
                    write_runs(client, tier, started_at, runs)
                    report(runs)
        except (TransformError, ClickHouseError, FinhouseError) as error:
            log.error("%s; next try in %.0f s", error, FAILED_SECONDS)
            stop.wait(FAILED_SECONDS)
    log.info("stopped")


if __name__ == "__main__":
    main()
