"""Keeps changes coming: a connector that failed, or runs and brings nothing, is started anew.

Kafka Connect does neither. After an error that it does not call retriable a task stays FAILED until
somebody restarts it, and a task whose connection hangs says RUNNING.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

import psycopg

from infra.errors import FinhouseError
from infra.settings import Settings
from ingestion import connector, kafka, source

CHECK_SECONDS = 5.0
# Debezium writes a heartbeat each second, and a worker that was killed is back in half of this.
STALL_SECONDS = 60.0
LONGEST_BACKOFF_SECONDS = 60.0

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
        self._backoff = 0.0

    def run(self) -> None:
        """Look, and act at most once within a backoff that grows while acting does not help."""
        while not self._stopped.wait(max(CHECK_SECONDS, self._backoff)):
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

    def check(self) -> bool:
        """Look once; whether the connector was started anew.

        Raises FinhouseError if Connect or Kafka does not answer, psycopg.OperationalError if
        Postgres does not.
        """
        now = time.monotonic()
        found = connector.status(self._settings)
        if found.has_failed:
            log.error("the Debezium connector failed, started anew: %s", found.cause)
            connector.restart(self._settings)
            return True
        if not found.is_running:
            self._progress.since = now
            return False
        stalled = self._progress.seen(sum(kafka.ends(self._settings).values()), now)
        if stalled < STALL_SECONDS:
            return False
        # Whatever holds the slot, the new task needs it. Also tells whether Postgres is there.
        source.release_slot(self._settings, connector.render(self._settings)["slot.name"])
        log.error("the Debezium connector brought nothing for %.0f s, started anew", stalled)
        connector.restart(self._settings, only_failed=False)
        self._progress.since = now
        return True
