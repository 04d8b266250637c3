"""`finhouse bench cycle`: does a transform cycle cost the change, or the history?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from infra.bench.history import History
from infra.bench.scratch import Scratch, scratch
from infra.transform.batches import Batches
from infra.transform.loop import SELECTORS, run_tier

EVENTS = 4_000  # change events of one cycle: 0.8 s of the default load
WARM_UP = 3
LARGE_BATCH = "{max_batch_events: 5000000}"


@dataclass(frozen=True, slots=True)
class CycleCost:
    """Seconds of a cycle with so many payments stored: median and 95th percentile."""

    tier: str
    payments: int
    p50: float
    p95: float


def run(sizes: list[int], cycles: int, progress: Callable[[str], None]) -> list[CycleCost]:
    """Time cycles of the live and the slow tier with each number of payments stored, ascending.

    Raises FinhouseError if ClickHouse does not start or a model fails.
    """
    found = []
    with scratch() as warehouse:
        history = History(warehouse.client, int(time.time() * 1_000_000), max(sizes))
        for size in sizes:
            progress(f"making {size:,} payments")
            history.fill(size)
            warehouse.run("--select", SELECTORS["slow"], "--vars", LARGE_BATCH)
            for tier, count in (("live", cycles), ("slow", max(cycles // 3, 3))):
                progress(f"{count} cycles of the {tier} tier at {size:,} payments")
                found.append(_cost(warehouse, history, tier, size, count))
    return found


def _cost(warehouse: Scratch, history: History, tier: str, size: int, cycles: int) -> CycleCost:
    is_live = tier == "live"
    tiers = {"live"} if is_live else {"live", "slow", "background"}
    batches = Batches(warehouse.project, tiers, beside_the_loop=not is_live)
    dbt = partial(run_tier, warehouse.project, tier)
    seconds = []
    for _ in range(WARM_UP + cycles):
        history.change(EVENTS)
        began = time.monotonic()
        batches.run_or(dbt, warehouse.client)
        seconds.append(time.monotonic() - began)
    timed = sorted(seconds[WARM_UP:])
    return CycleCost(
        tier, size, statistics.median(timed), timed[min(len(timed) - 1, int(0.95 * len(timed)))]
    )
