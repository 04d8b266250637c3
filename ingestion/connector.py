"""Keeps the Debezium connector in step with debezium/connector.json over Kafka Connect's REST API.

The password never leaves the worker: the configuration names an environment variable, which the
worker's own provider (config.providers=env) resolves.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import requests
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from infra.errors import FinhouseError
from infra.settings import Settings
from ingestion.source import published_tables

TEMPLATE = Path(__file__).parent / "debezium" / "connector.json"
NAME = "finhouse"
HELD = ("PAUSED", "STOPPED")
_BUSY = (404, 409, 500, 503)  # starting, rebalancing, or not assigned yet
_RESTARTS = 3
_TIMEOUT = 30.0
_LOGS = "./finhouse logs connect shows the whole story"


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """State of the connector and its task: RUNNING, FAILED, UNASSIGNED, PAUSED, … or ABSENT.

    `trace` is the stack trace of what failed, empty otherwise.
    """

    connector: str
    task: str
    trace: str

    @property
    def is_running(self) -> bool:
        """Whether changes are being captured."""
        return self.connector == "RUNNING" and self.task == "RUNNING"

    @property
    def has_failed(self) -> bool:
        """Whether the worker has given up on the connector or its task; it tries no more."""
        return "FAILED" in (self.connector, self.task)

    @property
    def is_held(self) -> bool:
        """Whether somebody paused or stopped the connector."""
        return self.connector in HELD

    @property
    def cause(self) -> str:
        """First line of the stack trace, with the innermost cause if there is one."""
        lines = self.trace.splitlines()
        if not lines:
            return "the worker gave no reason"
        told = "Caused by: "
        causes = [line.removeprefix(told) for line in lines if line.startswith(told)]
        return f"{lines[0]} — {causes[-1]}" if causes else lines[0]


class _BusyError(Exception):
    """The worker asks to come back later."""


def render(settings: Settings) -> dict[str, str]:
    """Connector configuration with host, port, database and tables filled in, and no secret."""
    values = {
        "FINHOUSE_POSTGRES_HOST": settings.postgres_host,
        "FINHOUSE_POSTGRES_PORT": str(settings.postgres_port),
        "FINHOUSE_POSTGRES_DATABASE": settings.postgres_database,
        "FINHOUSE_TABLES": ",".join(published_tables()),
    }
    template: dict[str, str] = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    return {
        key: re.sub(r"\$\{(FINHOUSE_\w+)\}", lambda match: values[match.group(1)], value)
        for key, value in template.items()
    }


def status(settings: Settings, timeout: float = _TIMEOUT) -> ConnectorStatus:
    """Ask the worker once. Raises FinhouseError if it does not answer within `timeout` seconds."""
    try:
        return _status(settings, timeout)
    except requests.RequestException as error:
        raise _unreachable(settings, error) from error


def pause(settings: Settings) -> None:
    """Stop capturing until `resume`; the position stays, so nothing is lost meanwhile.

    Raises FinhouseError if the worker is away or refuses.
    """
    _order(settings, "PUT", "pause")


def resume(settings: Settings) -> None:
    """Go on capturing where it was. Raises FinhouseError like `pause`."""
    _order(settings, "PUT", "resume")


def restart(settings: Settings, *, only_failed: bool = True) -> None:
    """Start the connector and its task anew: what has failed of them, or both.

    Raises FinhouseError like `pause`; a worker that starts or rebalances refuses.
    """
    only = str(only_failed).lower()
    _order(settings, "POST", f"restart?includeTasks=true&onlyFailed={only}")


def _order(settings: Settings, method: str, order: str) -> None:
    try:
        response = _call(settings, method, f"/connectors/{NAME}/{order}", timeout=10.0)
    except requests.RequestException as error:
        raise _unreachable(settings, error) from error
    if not response.ok:
        raise FinhouseError(
            f"Kafka Connect does not {order.partition('?')[0]} the connector",
            why=_message(response),
            fix="./finhouse up makes a connector that is missing; a worker that is busy is ready"
            " again in seconds",
        )


def _status(settings: Settings, timeout: float = _TIMEOUT) -> ConnectorStatus:
    response = _call(settings, "GET", f"/connectors/{NAME}/status", timeout=timeout)
    if response.status_code == 404:
        return ConnectorStatus("ABSENT", "ABSENT", "")
    if not response.ok:
        return ConnectorStatus("UNASSIGNED", "UNASSIGNED", _message(response))
    body = response.json()
    tasks = body["tasks"] or [{"state": "UNASSIGNED"}]
    trace = tasks[0].get("trace") or body["connector"].get("trace") or ""
    return ConnectorStatus(body["connector"]["state"], tasks[0]["state"], trace)


def apply(settings: Settings, timeout: float = 90.0) -> bool:
    """Bring the running connector to the file's configuration and wait until it captures.

    Returns whether the configuration had to change. A failed task is restarted a few times.
    Raises FinhouseError when the worker stays away, refuses the configuration, or the task keeps
    failing or is not running after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    wanted = render(settings)
    try:
        current = _settled(settings, deadline, "GET", f"/connectors/{NAME}/config", missing_ok=True)
        changed = current != wanted
        if changed:
            _settled(settings, deadline, "PUT", f"/connectors/{NAME}/config", wanted)
        _wait_until_running(settings, deadline)
    except (RetryError, requests.RequestException) as error:
        raise _unreachable(settings, error) from error
    return changed


def forget(settings: Settings, timeout: float = 60.0) -> None:
    """Stop the connector and delete its position, so that `apply` starts it with a new snapshot.

    Nothing to do where there is no connector. Raises FinhouseError when the worker stays away or
    does not stop it within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    try:
        if (
            _settled(settings, deadline, "GET", f"/connectors/{NAME}/config", missing_ok=True)
            is None
        ):
            return
        _settled(settings, deadline, "PUT", f"/connectors/{NAME}/stop")
        # 400 as long as its task is still ending
        busy = (*_BUSY, 400)
        _settled(settings, deadline, "DELETE", f"/connectors/{NAME}/offsets", busy=busy)
    except (RetryError, requests.RequestException) as error:
        raise _unreachable(settings, error) from error


def _wait_until_running(settings: Settings, deadline: float) -> None:
    restarts = 0
    while not (now := _status(settings)).is_running:
        if now.has_failed:
            if restarts == _RESTARTS:
                raise FinhouseError(
                    "the Debezium connector fails", why=now.cause, fix=_LOGS, exit_code=4
                )
            restarts += 1
            with suppress(FinhouseError):  # tried again while it is busy
                restart(settings)
        elif now.is_held:
            with suppress(FinhouseError):
                resume(settings)
        if time.monotonic() > deadline:
            raise FinhouseError(
                "the Debezium connector does not start",
                why=f"connector {now.connector}, task {now.task}",
                fix=_LOGS,
                exit_code=4,
            )
        time.sleep(0.25 + restarts)


def _settled(
    settings: Settings,
    deadline: float,
    method: str,
    path: str,
    body: dict[str, str] | None = None,
    *,
    missing_ok: bool = False,
    busy: tuple[int, ...] = _BUSY,
) -> object:
    """Call until the worker is ready to answer; None for a missing object if that is fine."""
    for attempt in Retrying(
        retry=retry_if_exception_type((_BusyError, requests.ConnectionError, requests.Timeout)),
        wait=wait_fixed(0.25),
        stop=stop_after_delay(max(deadline - time.monotonic(), 1.0)),
    ):
        with attempt:
            response = _call(settings, method, path, body)
            if response.status_code == 404 and missing_ok:
                return None
            if response.status_code in busy:
                raise _BusyError(_message(response))
            if not response.ok:
                raise FinhouseError(
                    "Kafka Connect refuses the connector's configuration",
                    why=_message(response),
                    fix=f"correct ingestion/debezium/connector.json, or {_LOGS}",
                )
            return response.json() if response.content else None
    return None


def _call(
    settings: Settings,
    method: str,
    path: str,
    body: dict[str, str] | None = None,
    timeout: float = _TIMEOUT,
) -> requests.Response:
    return requests.request(method, settings.connect_url + path, json=body, timeout=timeout)


def _message(response: requests.Response) -> str:
    try:
        return str(response.json()["message"]).strip()
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code}"


def _unreachable(settings: Settings, error: BaseException) -> FinhouseError:
    if isinstance(error, RetryError):
        error = error.last_attempt.exception() or error
    return FinhouseError(
        f"Kafka Connect does not answer at {settings.connect_url}",
        why=str(error),
        fix="./finhouse up starts it, ./finhouse logs connect shows why it is down",
    )
