"""Looks at the rules every half minute, in a thread beside the background models."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.alerts import asking, store
from infra.alerts.board import Board
from infra.alerts.delivery import Telling, channels
from infra.alerts.rules import Reader
from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform.warehouse import connect

FIRST_SECONDS = 5.0
MISSING_TABLE = 60

log = logging.getLogger("transform.alerts")


class Watcher:
    """One round after another. After an error it begins with what `ops` says."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock
        self._file = Reader(settings.alert_rules)
        self._board: Board | None = None

    def look(self, writer: Client, reader: Client) -> bool:
        """Ask what is due and write what follows; whether somebody is to be told.

        Raises ClickHouseError if the server is away or has no tables for it yet.
        """
        before, self._board = self._board, None
        if before is None:
            before = Board(store.standings(writer, self._clock()))
        board = before.with_file(self._file.read(), self._settings.alert_rules.name)
        due = board.due(before, self._clock())
        readings = {rule.name: asking.ask(reader, rule, self._clock()) for rule in due}
        now = self._clock()
        board, changes = board.after(readings, now, channels(self._settings))
        store.write_changes(writer, changes)
        store.write_checks(writer, board.checks(now))
        self._board = board
        for change in changes:
            level = logging.WARNING if change.state in ("firing", "error") else logging.INFO
            log.log(level, "%s is %s: %s", change.alert, change.state, change.message)
        return any(change.notice for change in changes)


class Watching(threading.Thread):
    """Looks until `stop` is set."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        super().__init__(name="alerts", daemon=True)
        self._settings = settings
        self._stopped = stop
        self._watcher = Watcher(settings, lambda: datetime.now(UTC))
        self._telling = Telling(settings, stop)

    def run(self) -> None:
        """What goes wrong is tried again in the next round."""
        self._telling.start()
        rest = min(FIRST_SECONDS, self._settings.alert_seconds)
        while not self._stopped.wait(rest):
            began = time.monotonic()
            try:
                with (
                    closing(connect(self._settings)) as writer,
                    closing(asking.reader(self._settings)) as reader,
                ):
                    if self._watcher.look(writer, reader):
                        self._telling.wake.set()
            except (FinhouseError, ClickHouseError) as error:
                missing = getattr(error, "code", None) == MISSING_TABLE  # the first build makes it
                level = logging.DEBUG if missing else logging.ERROR
                log.log(level, "alerts not looked at: %s", str(error).splitlines()[0])
            except Exception:  # what one round stumbles over must not end the looking
                log.exception("a round failed; tried again later")
            rest = max(1.0, self._settings.alert_seconds - (time.monotonic() - began))
