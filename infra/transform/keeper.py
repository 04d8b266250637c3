"""Keeps changes coming: a connector that failed, and whatever brings nothing, is started anew.

Kafka Connect does neither. After an error that it does not call retriable a task stays FAILED until
somebody restarts it; a task whose connection hangs says RUNNING, as does one whose worker hangs.

On the way it keeps in ops how the servers before ClickHouse stand (servers.py).
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.embedded import transactions
from infra.embedded.supervisor import Supervisor
from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform import servers
from infra.transform.warehouse import connect
from ingestion import connector, kafka, source

CHECK_SECONDS = 5.0
# What is started anew after so many seconds without a single message, each because the one before
# did not help. Debezium writes a heartbeat each second; a worker that was killed is back in half of
# the first, and one that starts on a slow machine has the second.
REMEDIES = ((60.0, "connector"), (150.0, "connect"), (240.0, "kafka"))
LONGEST_BACKOFF_SECONDS = 60.0
RECORD_SECONDS = 10.0

log = logging.getLogger("transform.keeper")


@dataclass(slots=True)
class Progress:
    """Since when, in seconds of a clock that only goes forward, nothing has been captured."""

    position: int
    since: float

    def seen(self, position: int, now: float) -> float:
        """Take note of the sum of all topics' ends; for how long it has been the same."""
        if position != self.position:
            self.position, self.since = position, now
        return now - self.since


class Keeper(threading.Thread):
    """Looks every five seconds until `stop` is set."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        super().__init__(name="keeper", daemon=True)
        self._settings = settings
        self._stopped = stop
        self._progress = Progress(-1, time.monotonic())
        self._tried = 0  # of REMEDIES
        self._backoff = 0.0
        self._warehouse: Client | None = None

    def run(self) -> None:
        """Look, and act at most once within a backoff that grows while acting does not help."""
        check_due = record_due = 0.0
        while not self._stopped.wait(CHECK_SECONDS):
            now = time.monotonic()
            if now >= record_due:
                record_due = now + RECORD_SECONDS
                self._record()
            if now < check_due:
                continue
            try:
                acted = self.check()
            except (FinhouseError, psycopg.OperationalError) as error:
                log.debug("not looked: %s", error)  # what is away is reported where it is wanted
                self._progress.since = time.monotonic()  # and has not stalled
                continue
            if acted:
                self._backoff = min(max(2 * self._backoff, CHECK_SECONDS), LONGEST_BACKOFF_SECONDS)
            else:
                self._backoff = 0.0
            check_due = time.monotonic() + self._backoff

    def _record(self) -> None:
        """Keep how the servers stand; without a warehouse nobody could read it."""
        try:
            self._warehouse = self._warehouse or connect(self._settings)
            servers.record(self._warehouse, servers.look(self._settings))
        except (FinhouseError, ClickHouseError) as error:
            log.debug("not recorded: %s", error)
            self._warehouse = None
        except Exception:  # what is only told must not end the watching
            log.exception("not recorded")
            self._warehouse = None

    def check(self) -> bool:
        """Look once; whether something was started anew.

        Raises FinhouseError if Kafka does not answer or Connect refuses, psycopg.OperationalError
        if Postgres does not answer.
        """
        now = time.monotonic()
        found = self._status()
        if found and found.has_failed:
            log.error("the Debezium connector failed, started anew: %s", found.cause)
            connector.restart(self._settings)
            return True
        position = sum(kafka.ends(self._settings).values())
        # Held back by somebody, or not made yet. A worker that cannot read what it stored knows of
        # no connector either, but what that one captured is there.
        if found and (found.is_held or (found.connector == "ABSENT" and not position)):
            self._progress.since = now
            return False
        stalled = self._progress.seen(position, now)
        if stalled == 0.0:
            self._tried = 0
        seconds, name = REMEDIES[self._tried]
        if stalled < seconds:
            return False
        # Whatever holds the slot, the new task needs it. Also tells whether Postgres is there.
        source.release_slot(self._settings, connector.render(self._settings)["slot.name"])
        log.error("nothing was captured for %.0f s, to be started anew: %s", stalled, name)
        self._tried = (self._tried + 1) % len(REMEDIES)
        if self._tried == 0:
            self._progress.since = now
        self._start_anew(name)
        return True

    def _status(self) -> connector.ConnectorStatus | None:
        """What the worker says; None if it does not answer, starting or hanging."""
        try:
            return connector.status(self._settings, timeout=CHECK_SECONDS)
        except FinhouseError:
            return None

    def _start_anew(self, name: str) -> None:
        if name == "connector":
            self._end_forgotten_transactions()
            with suppress(FinhouseError):  # a worker that hangs: the next remedy
                connector.restart(self._settings, only_failed=False)
            return
        # Without a supervisor, as under Compose, the log names what somebody has to restart; a
        # worker that nobody started (up --only) is not missed.
        supervisor = Supervisor(self._settings)
        if supervisor.processes().get("connect", {}).get("pid"):
            supervisor.stop(name)
            supervisor.start(name)

    def _end_forgotten_transactions(self) -> None:
        """Nobody reads past them. Under Compose the runbook has the commands."""
        if not Supervisor(self._settings).is_running():
            return
        try:
            for aborted in transactions.abort_hanging(self._settings):
                log.error("Kafka had forgotten a transaction, aborted: %s", aborted)
        except FinhouseError as error:
            log.error("%s", error)
