"""Any history of changes, arriving and applied in any pieces, gives the source's own numbers.

Many random histories run side by side through one series of transform cycles: what costs time is
a cycle, not an event. Before each cycle some of their changes are committed and some of the
messages arrive, some of them again; a cycle is the live or the slow tier, a part of the models,
tiny batches, a rebuild or one that ClickHouse does not survive; tables are merged and the loop is
restarted at random. After each, every model is compared with its oracle as of what it has had a
chance to see, and the warehouse's own check must raise no alarm.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.python.property.histories import History
from tests.python.property.warehouse import Warehouse

HISTORIES = int(os.environ.get("FINHOUSE_PROPERTY_HISTORIES") or 120)
HISTORIES_PER_CYCLE = 25


@pytest.mark.timeout(3000)  # as many histories as asked for; minutes where the cores are shared
def test_random_histories(warehouse: Warehouse, seed: int) -> None:
    try:
        play(warehouse, seed, HISTORIES)
    except (AssertionError, ClickHouseError) as error:
        pytest.fail(
            f"{error}\nreplay: FINHOUSE_PROPERTY_SEED={seed}"
            f" FINHOUSE_PROPERTY_HISTORIES={HISTORIES}"
            " ./finhouse test tests/python/property/test_histories.py",
            pytrace=False,
        )


def play(warehouse: Warehouse, seed: int, count: int) -> None:
    """Run so many histories and compare throughout. Raises AssertionError with what differs."""
    rng = Random(seed)
    cycles = max(8, count // HISTORIES_PER_CYCLE)
    steps: list[tuple[float, History]] = []
    for number in range(count):
        history = History(warehouse.source, seed, number)
        begin = rng.uniform(0, 0.9)
        length = rng.choice((0.02, 0.2, 1.0)) * (1 - begin)
        steps += [(rng.uniform(begin, begin + length), history) for _ in range(history.steps)]
    steps.sort(key=lambda step: step[0])
    player = Player(warehouse, rng)
    for cycle in range(cycles):
        while steps and steps[0][0] <= (cycle + 1) / cycles:
            steps.pop(0)[1].step()
        player.arrive()
        name = player.cycle()
        try:
            warehouse.check()
            assert warehouse.mismatches() == []
        except (AssertionError, ClickHouseError) as error:
            raise AssertionError(f"cycle {cycle} of {cycles} ({name}): {error}") from None
    warehouse.settle()


class Player:
    """What happens between the changes, at random."""

    def __init__(self, warehouse: Warehouse, rng: Random) -> None:
        self._warehouse = warehouse
        self._rng = rng
        self._kills = 3

    def arrive(self) -> None:
        """Messages of each topic arrive: none, some or all of those waiting; some once more."""
        for table, topic in self._warehouse.source.topics.items():
            waiting = len(topic) - self._warehouse.delivered[table]
            share = self._rng.choice((0.0, self._rng.random(), 1.0, 1.0))
            until = self._warehouse.delivered[table] + round(share * waiting)
            again = self._rng.choice((0, 0, 0, self._rng.randint(1, 300)))
            self._warehouse.deliver(table, until, again=again)

    def cycle(self) -> str:
        """One cycle of a random kind; its name."""
        kinds: dict[Callable[[], None], int] = {
            self._live: 5,
            self._slow: 4,
            self._some_models: 4,
            self._small_batches: 2,
            self._rebuild: 2,
            self._nothing: 1,
            self._crash: 2 if self._kills else 0,
        }
        if self._rng.random() < 0.25:
            self._warehouse.restart_loop()
        kind = self._rng.choices(list(kinds), list(kinds.values()))[0]
        kind()
        if self._rng.random() < 0.4:
            self._merge()
        return kind.__name__.strip("_")

    def _live(self) -> None:
        self._warehouse.run_tier("live")

    def _slow(self) -> None:
        self._warehouse.run_tier("slow")

    def _nothing(self) -> None:
        pass

    def _some_models(self) -> None:
        names = self._rng.sample(self._warehouse.incremental_models(), self._rng.randint(1, 6))
        self._warehouse.run("--select", *names)

    def _small_batches(self) -> None:
        waiting = sum(self._warehouse.delivered.values()) // 40
        size = self._rng.randint(3, 3 + waiting)
        tags = ("tag:live", "tag:background")
        self._warehouse.run("--select", *tags, "--vars", f"{{max_batch_events: {size}}}")

    def _rebuild(self) -> None:
        name = self._rng.choice(self._warehouse.incremental_models())
        self._warehouse.run("--full-refresh", "--select", name)

    def _crash(self) -> None:
        self._kills -= 1
        self._warehouse.kill_while_running(
            self._rng.choice(("live", "slow")), self._rng.uniform(0, 0.8)
        )

    def _merge(self) -> None:
        for relation in self._rng.sample(self._warehouse.incremental(), 3):
            self._warehouse.client.command(f"optimize table {relation} final")
