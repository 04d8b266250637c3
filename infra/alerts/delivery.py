"""Tells a file and a webhook what fires and what is resolved, each message once.

A thread of its own: a webhook that is dead holds nothing up. What is to be told stands in
`ops.alerts`, what was told in `ops.alert_deliveries`, so a restart neither loses nor repeats it. A
message may come twice only if this ended between sending it and writing so: its `id` is the same.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter
from tenacity.nap import sleep_using_event

from infra.alerts.rules import label_of
from infra.alerts.store import Delivery, Untold, untold, write_deliveries
from infra.errors import FinhouseError
from infra.settings import LOOPBACK, Settings
from infra.transform.warehouse import connect

FILE = "file"
WEBHOOK = "webhook"
ATTEMPTS = 3
TIMEOUT_SECONDS = 5.0
# So long a channel rests after it failed; longer while it keeps failing.
FIRST_REST_SECONDS = 30.0
LONGEST_REST_SECONDS = 600.0
# What was missed while nobody woke this up, after a restart above all.
LOOK_SECONDS = 30.0
# Where an id that was written already must be found: far more than one round writes.
TAIL_BYTES = 256 * 1024

log = logging.getLogger("transform.alerts")


class _BusyError(Exception):
    """The webhook says that it may work later."""


def channels(settings: Settings) -> list[str]:
    """Who is told."""
    return [FILE, WEBHOOK] if settings.alert_webhook else [FILE]


def path_of(settings: Settings) -> Path:
    """The file that is told: a JSON object per line."""
    return settings.logs_dir / "alerts.jsonl"


def message(change: Untold, settings: Settings) -> dict[str, Any]:
    """What is told: JSON's types, numbers as exact text, times UTC.

    `text` is what chat services show of a webhook's message.
    """
    return {
        "id": str(change.change_id),
        "alert": change.alert,
        "status": change.notice,
        "severity": change.severity,
        "at": change.changed_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "value": None if change.value is None else f"{change.value.normalize():f}",
        "threshold": None if change.threshold is None else f"{change.threshold.normalize():f}",
        "message": change.message,
        "look_at": f"http://{LOOPBACK}:{settings.dashboard_port}/{change.look_at}",
        "text": f"[{change.severity}] {label_of(change.alert)} {change.notice}. {change.message}",
    }


def to_file(path: Path, content: dict[str, Any]) -> None:
    """Append a line, unless it is there. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        tail = file.read()
        if content["id"].encode() in tail:
            return
        # a line that a crash cut short stays one of its own
        start = b"" if not tail or tail.endswith(b"\n") else b"\n"
        file.write(start + json.dumps(content, ensure_ascii=False).encode() + b"\n")


def to_webhook(address: str, content: dict[str, Any], stop: threading.Event) -> None:
    """POST it, three times at most. Raises requests.RequestException or FinhouseError.

    Its address may be a secret, so no message names it.
    """
    try:
        for attempt in Retrying(
            retry=retry_if_exception_type((_BusyError, requests.ConnectionError, requests.Timeout)),
            wait=wait_exponential_jitter(multiplier=0.5, max=4),
            stop=stop_after_attempt(ATTEMPTS),
            sleep=sleep_using_event(stop),
            reraise=True,
        ):
            with attempt:
                answer = requests.post(
                    address, json=content, timeout=TIMEOUT_SECONDS, allow_redirects=False
                )
                if answer.status_code == 429 or answer.status_code >= 500:
                    raise _BusyError(f"it answers {answer.status_code}")
                if not 200 <= answer.status_code < 300:
                    raise FinhouseError(f"it answers {answer.status_code}")
    except _BusyError as error:
        raise FinhouseError(str(error)) from error
    except requests.Timeout as error:
        raise FinhouseError(f"it gives no answer within {TIMEOUT_SECONDS:.0f} s") from error
    except requests.ConnectionError as error:
        raise FinhouseError("nobody answers there") from error
    except requests.RequestException as error:
        raise FinhouseError(f"it cannot be asked ({type(error).__name__})") from error


class Messenger:
    """Sends what is due, channel by channel and in order; a channel that failed rests."""

    def __init__(
        self, settings: Settings, stop: threading.Event, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._stopped = stop
        self._clock = clock
        self._rests: dict[str, tuple[datetime, float]] = {}

    def tell(self, client: Client) -> list[Delivery]:
        """Send what is untold and write so; returns what became of it. Raises ClickHouseError."""
        done: list[Delivery] = []
        failed: set[str] = set()
        for change in untold(client, self._clock()):
            if change.channel in failed or self._rests_now(change.channel):
                continue
            delivery = self._send(change)
            write_deliveries(client, [delivery])
            done.append(delivery)
            if delivery.status == "sent":
                self._rests.pop(change.channel, None)
            else:  # what comes after it waits: messages keep their order
                failed.add(change.channel)
                self._rest(change.channel)
                log.error("%s is not told: %s", change.channel, delivery.message)
        return done

    def _rests_now(self, channel: str) -> bool:
        since, seconds = self._rests.get(channel, (self._clock(), 0.0))
        return (self._clock() - since).total_seconds() < seconds

    def _rest(self, channel: str) -> None:
        _, seconds = self._rests.get(channel, (self._clock(), FIRST_REST_SECONDS / 2))
        self._rests[channel] = self._clock(), min(2 * seconds, LONGEST_REST_SECONDS)

    def _send(self, change: Untold) -> Delivery:
        problem = ""
        try:
            content = message(change, self._settings)
            if change.channel == FILE:
                to_file(path_of(self._settings), content)
            elif self._settings.alert_webhook:
                to_webhook(self._settings.alert_webhook, content, self._stopped)
            else:
                raise FinhouseError("FINHOUSE_ALERT_WEBHOOK is no longer set")
        except (FinhouseError, OSError) as error:
            problem = getattr(error, "strerror", None) or str(error)
        return Delivery(
            change_id=change.change_id,
            channel=change.channel,
            status="failed" if problem else "sent",
            attempted_at=self._clock(),
            message=problem,
        )


class Telling(threading.Thread):
    """Tells whenever `wake` is set, and every half minute, until `stop` is."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        super().__init__(name="telling", daemon=True)
        self._settings = settings
        self._stopped = stop
        self._messenger = Messenger(settings, stop, lambda: datetime.now(UTC))
        self.wake = threading.Event()

    def run(self) -> None:
        """What goes wrong is tried again later."""
        while not self._stopped.is_set():
            self.wake.wait(LOOK_SECONDS)
            self.wake.clear()
            if self._stopped.is_set():
                return
            try:
                with closing(connect(self._settings)) as client:
                    self._messenger.tell(client)
            except (FinhouseError, ClickHouseError) as error:
                log.debug("nobody told: %s", error)
            except Exception:  # a message that cannot be sent must not end the sending
                log.exception("a message failed; tried again later")
