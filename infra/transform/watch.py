"""The proofs that run by themselves, beside the transform loop: reconciliation and parity, and the
evaluation of the fraud score.

A thread of its own, so that the live tier never waits for it; what it finds goes to database ops. A
table that is wrong is handed to the loop, the only one that writes, to be rebuilt.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import closing
from datetime import UTC, datetime

from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform import evaluate, parity
from infra.transform.figures import Warehouse
from infra.transform.project import ModelRun, Project
from infra.transform.reconcile import Outcome, reconcile, record
from infra.transform.warehouse import connect

TOTALS_SECONDS = 5.0
DAYS_SECONDS = 300.0
FIRST_DAYS_SECONDS = 60.0  # the start has work enough
# Whatever the tables' size, each takes at most a twentieth of the time.
PARITY_REST = 19.0
EVALUATE_SECONDS = 300.0
FIRST_EVALUATE_SECONDS = 30.0
EVALUATE_REST = 19.0
RECONCILE_REST = 19.0
# The live tier keeps the other core.
THREADS = 1

log = logging.getLogger("transform.watch")


class Watch(threading.Thread):
    """Checks until `stop` is set. Start it once the warehouse is built."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        super().__init__(name="watch", daemon=True)
        self._settings = settings
        self._stopped = stop
        self._suspects = parity.Suspects()
        self._parity_due = 0.0
        self._days_due = time.monotonic() + FIRST_DAYS_SECONDS
        self._reconcile_due = time.monotonic() + settings.reconcile_seconds
        self._evaluate_due = time.monotonic() + FIRST_EVALUATE_SECONDS
        self._repair: parity.Repair | None = None

    def run(self) -> None:
        """Each second, do what is due; what goes wrong is tried again later."""
        while not self._stopped.wait(1.0):
            try:
                if self._repair is None and time.monotonic() >= self._parity_due:
                    self._check_parity()
                if self._settings.reconcile_seconds and time.monotonic() >= self._reconcile_due:
                    self._reconcile()
                if time.monotonic() >= self._evaluate_due:
                    self._evaluate()
            except (FinhouseError, ClickHouseError) as error:
                log.error("%s; tried again later", str(error).splitlines()[0])
            except Exception:  # a proof that cannot be made must not end the proving
                log.exception("a check failed; tried again later")

    def _check_parity(self) -> None:
        began = time.monotonic()
        by_day = began >= self._days_due
        self._parity_due = began + TOTALS_SECONDS
        with closing(connect(self._settings)) as client:
            found = parity.check(Warehouse(client, THREADS), by_day=by_day)
            seconds = time.monotonic() - began
            parity.record_check(client, found, by_day=by_day, seconds=seconds)
        for mismatch in found:
            log.error("%s is not what %s says: %s", *mismatch.names, mismatch.message)
        self._repair = self._suspects.next(found)
        rest = time.monotonic() + PARITY_REST * seconds
        self._parity_due = max(self._parity_due, rest)
        if by_day:
            self._days_due = max(began + DAYS_SECONDS, rest)

    def _reconcile(self) -> None:
        began, started_at = time.monotonic(), datetime.now(UTC)
        self._reconcile_due = began + self._settings.reconcile_seconds
        result: Outcome | FinhouseError
        try:
            result = reconcile(self._settings, threads=THREADS)
        except FinhouseError as error:
            result = error
            log.error("not reconciled: %s", error)
        else:
            for one in result.comparisons:
                if one.differences:
                    log.error("%s differs from Postgres in %d groups", one.name, one.differences)
        with closing(connect(self._settings)) as client:
            record(client, started_at, result)
        # What is wrong or not known is looked at again as soon as it may: somebody repairs it.
        if isinstance(result, Outcome) and result.is_equal:
            rest = RECONCILE_REST * (time.monotonic() - began)
            self._reconcile_due = max(self._reconcile_due, time.monotonic() + rest)

    def _evaluate(self) -> None:
        began = time.monotonic()
        self._evaluate_due = began + EVALUATE_SECONDS
        evaluate.run(self._settings)
        rest = time.monotonic() + EVALUATE_REST * (time.monotonic() - began)
        self._evaluate_due = max(self._evaluate_due, rest)

    def repair(self, project: Project) -> list[ModelRun]:
        """Rebuild what a check found wrong, if anything; called by the loop between its cycles.

        Raises TransformError if dbt could not run; then it is wanted still.
        """
        wanted = self._repair
        if wanted is None:
            return []
        log.warning("rebuilding %s: %s", wanted.model, wanted.reason)
        runs = project.run("run", "--full-refresh", "--select", wanted.model)
        with closing(connect(self._settings)) as client:
            parity.record_repair(client, wanted, runs)
        self._parity_due = self._days_due = 0.0  # look at once whether it helped
        self._repair = None
        return runs
