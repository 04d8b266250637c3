"""How long the dashboard takes on the running stack: each page, and many viewers at once.

A second dashboard is started on a free port with Streamlit's agent API, which runs the real pages
in real sessions and answers when they are done. It writes nothing.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
import tenacity

from infra.embedded import clickhouse, stack
from infra.errors import FinhouseError
from infra.settings import free_ports, load_settings

RERUNS = 5
ANSWER_SECONDS = 120.0

# What the pages asked meanwhile: milliseconds in the server.
QUERIES = """
    select
        count() as count_queries,
        quantileExact(0.5)(query_duration_ms) as p50,
        quantileExact(0.95)(query_duration_ms) as p95,
        max(query_duration_ms) as longest
    from system.query_log
    where type = 'QueryFinish'
        and http_user_agent like 'finhouse-dashboard%'
        and event_time_microseconds > fromUnixTimestamp64Micro({since}, 'UTC')
"""


@dataclass(frozen=True, slots=True)
class Page:
    """Seconds of a page: its first visit, with nothing cached, and another run of it; then how many
    queries they asked and what these took in the server, milliseconds."""

    page: str
    first: float
    again: float
    queries: int
    query_p50: float
    query_p95: float
    query_longest: float
    errors: int


@dataclass(frozen=True, slots=True)
class Crowd:
    """Seconds until the Overview is whole again, for so many viewers at once."""

    viewers: int
    visits: int
    p50: float
    p95: float
    longest: float
    errors: int


class Session:
    """A viewer: a session of the dashboard at this address."""

    def __init__(self, address: str) -> None:
        self._url = f"{address}/_stcore/agent/interact"
        self._id = ""
        self.errors = 0

    def visit(self, **request: Any) -> tuple[float, Any]:
        """Run the page, or another; (seconds, what it shows). Errors of it are counted.

        Raises FinhouseError if the dashboard does not answer.
        """
        if self._id:
            request["session_id"] = self._id
        began = time.monotonic()
        try:
            answer = requests.post(self._url, json=request, timeout=ANSWER_SECONDS)
            found = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise FinhouseError("the dashboard does not answer", why=str(error)) from error
        self._id = found.get("session_id", "")
        is_bad = not answer.ok or '"type": "exception"' in json.dumps(found)
        self.errors += is_bad
        return time.monotonic() - began, found


def pages(report: Callable[[str], None]) -> list[Page]:
    """Visit each page of the running stack's dashboard as its first viewer, then again.

    Raises FinhouseError if there is no stack or the dashboard does not start.
    """
    with _dashboard() as address:
        _, first = Session(address).visit(page="sql")  # the cheapest: the process warms up
        return [_page(address, one["url_path"], one["title"], report) for one in first["pages"]]


def crowd(viewers: int, seconds: float, every: float, report: Callable[[str], None]) -> Crowd:
    """So many viewers look at the Overview; each runs it again every so many seconds.

    Raises FinhouseError like `pages`.
    """
    took: list[float] = []
    errors = 0
    lock = threading.Lock()

    def look(number: int, address: str) -> None:
        nonlocal errors
        viewer = Session(address)
        time.sleep(every * number / viewers)
        viewer.visit()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            due = time.monotonic() + every
            spent, _ = viewer.visit()
            with lock:
                took.append(spent)
            time.sleep(max(0.0, due - time.monotonic()))
        with lock:
            errors += viewer.errors

    with _dashboard() as address, ThreadPoolExecutor(viewers) as pool:
        Session(address).visit()
        report(f"{viewers} viewers for {seconds:.0f} s")
        for viewer in [pool.submit(look, number, address) for number in range(viewers)]:
            viewer.result()
    quantiles = statistics.quantiles(took, n=100, method="inclusive")
    return Crowd(viewers, len(took), statistics.median(took), quantiles[94], max(took), errors)


def _page(address: str, path: str, title: str, report: Callable[[str], None]) -> Page:
    report(title)
    since = int(datetime.now(UTC).timestamp() * 1e6)
    viewer = Session(address)
    first, _ = viewer.visit(**({"page": path} if path else {}))
    again = statistics.median(viewer.visit()[0] for _ in range(RERUNS))
    settings = load_settings()
    clickhouse.query(settings, "system flush logs query_log")
    row = json.loads(
        clickhouse.query(settings, QUERIES.format(since=since) + " format JSONEachRow")
    )
    return Page(
        title,
        first,
        again,
        int(row["count_queries"]),
        float(row["p50"]),
        float(row["p95"]),
        float(row["longest"]),
        viewer.errors,
    )


@contextmanager
def _dashboard() -> Iterator[str]:
    """Address of a dashboard of our own that programs can drive; ended afterwards."""
    settings = load_settings().model_copy(update={"dashboard_port": free_ports(1)[0]})
    component = stack.dashboard(settings)
    process = subprocess.Popen(
        [*component.command, "--server.enableAgentApi", "true"],
        cwd=component.directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    answers = tenacity.Retrying(
        stop=tenacity.stop_after_delay(component.start_seconds),
        wait=tenacity.wait_fixed(0.2),
        retry=tenacity.retry_if_exception_type(OSError),
    )
    try:
        answers(component.probe)
        yield component.address
    except tenacity.RetryError as error:
        raise FinhouseError(
            f"no dashboard within {component.start_seconds} s",
            why="it was started for the benchmark and does not answer",
            fix="./finhouse logs dashboard",
        ) from error
    finally:
        process.terminate()
        process.wait()
