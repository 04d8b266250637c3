"""How long a commit in Postgres takes to be visible, measured on real rows as a reader sees them.

A sampler asks, many times a second, how far each layer is. Afterwards each payment that was
committed meanwhile gets, per layer, the first sample that showed it. The figures are therefore
upper bounds: a sampling interval (0.1 s) and one query too high. When Debezium read the change and
when Kafka took it stand in the change itself.

The live view reads the log of bronze itself, so that it shows what is there when it is asked. It is
asked every two seconds, as by the Overview, and by a thread of its own: the sampler does not wait
for it. A payment's lag is that to bronze and the time that the next of these answers took: that of
a reader who asks when the payment is in bronze. A page that asks every few seconds adds its own
interval.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event

import numpy as np

from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform.warehouse import connect, positions

SAMPLE_SECONDS = 0.1
LIVE_SECONDS = 2.0
LIVE_QUERY = """
    select sum(count_attempted), sum(successful_amount_eur)
    from gold.live_kpis_by_minute
    where minute >= toStartOfMinute(now('UTC') - interval 60 minute)
"""
LAYERS = {
    "bronze": "bronze.transactions",
    "silver": "silver.transactions_deltas",
    "gold": "gold.fct_payments_by_minute",
}


# Kafka offsets; seconds since 1970.
Offsets = np.ndarray[tuple[int], np.dtype[np.int64]]
Moments = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds from commit to having passed one hop, over all rows of the measurement: to being read
    by Debezium, written to Kafka, visible in a layer of the warehouse."""

    layer: str
    rows: int
    p50: float
    p95: float
    p99: float


def measure(
    settings: Settings, seconds: float, progress: Callable[[float], None] = lambda _: None
) -> list[Lag]:
    """Sample for so many seconds, then compare with the commit times of the rows.

    Layers: debezium, kafka, bronze, live (the live view, answered), silver, gold. Raises
    FinhouseError if nothing was committed.
    """
    client = connect(settings)
    samples: dict[str, list[tuple[float, int]]] = {layer: [] for layer in LAYERS}
    first = positions(client, {"bronze": LAYERS["bronze"]})["bronze"]
    began = time.monotonic()
    # Rows committed in the last seconds of the measurement still need time to arrive.
    tail = 8.0
    with _asking(settings) as answers:
        while (elapsed := time.monotonic() - began) < seconds + tail:
            due = time.monotonic() + SAMPLE_SECONDS
            seen = positions(client, LAYERS)
            now = time.time()
            for layer, position in seen.items():
                samples[layer].append((now, position))
            progress(min(elapsed / (seconds + tail), 1.0))
            time.sleep(max(0.0, due - time.monotonic()))
    until = datetime.now(UTC) - timedelta(seconds=tail)
    rows = client.query(
        """
        select
            _offset,
            toFloat64(_committed_at),
            toFloat64(_captured_at),
            toFloat64(_published_at)
        from bronze.transactions
        where
            _offset > {first:Int64}
            and _committed_at < {until:DateTime64(6, 'UTC')}
            and _error = ''
        order by _offset
        limit 1 by _offset
        """,
        parameters={"first": first, "until": until},
    ).result_columns
    if not rows or not len(rows[0]):
        raise FinhouseError(
            "nothing was committed while measuring",
            why="the generator is paused or stopped, or changes do not arrive",
            fix="./finhouse gen --resume, ./finhouse status",
        )
    offsets = np.asarray(rows[0], dtype=np.int64)
    committed, captured, published = (np.asarray(row, dtype=np.float64) for row in rows[1:])
    visible = {layer: visible_at(layer, samples[layer], offsets) for layer in LAYERS}
    visible |= {"debezium": captured, "kafka": published}
    visible["live"] = visible_in_answer(answers, visible["bronze"])
    lags = {
        layer: np.percentile(visible[layer] - committed, [50, 95, 99])
        for layer in ("debezium", "kafka", "bronze", "live", "silver", "gold")
    }
    return [Lag(layer, len(offsets), *map(float, found)) for layer, found in lags.items()]


@contextmanager
def _asking(settings: Settings) -> Iterator[list[tuple[float, float]]]:
    """Ask the live view every two seconds in the meantime: (moment of the question, seconds)."""
    client = connect(settings)
    stop = Event()
    answers: list[tuple[float, float]] = []

    def ask() -> None:
        while not stop.is_set():
            asked = time.time()
            client.query(LIVE_QUERY)
            answers.append((asked, time.time() - asked))
            stop.wait(asked + LIVE_SECONDS - time.time())

    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(ask)
        try:
            yield answers
        finally:
            stop.set()
        asking.result()


def visible_at(layer: str, samples: list[tuple[float, int]], offsets: Offsets) -> Moments:
    """When each offset was first seen in this layer, from samples (moment, highest offset).

    Raises FinhouseError if one never was.
    """
    times = np.array([moment for moment, _ in samples])
    seen = np.array([position for _, position in samples])
    index = np.searchsorted(seen, offsets, side="left")
    if index.max() >= len(times):
        late = int((index >= len(times)).sum())
        raise FinhouseError(
            f"{late} changes did not reach {layer} within the measurement",
            why="the layer is behind or stands still",
            fix="./finhouse status, ./finhouse logs transform",
            exit_code=1,
        )
    return np.asarray(times[index])


def visible_in_answer(answers: list[tuple[float, float]], arrived: Moments) -> Moments:
    """When what arrived in bronze is in an answer of the live view, from answers (moment of the
    question, seconds): after as long as the answer to the next question took."""
    asked, took = np.array(answers).T
    following = np.searchsorted(asked, arrived).clip(max=len(asked) - 1)
    return np.asarray(arrived + took[following])
