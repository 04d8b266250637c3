"""ClickHouse and the transform loop are killed at random moments, again and again, under load.

FINHOUSE_CRASHES sets how often (the default is CI's budget), FINHOUSE_PROPERTY_SEED replays the
moments as far as moments can be replayed.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from random import Random

import pytest

from infra.embedded.supervisor import Supervisor
from infra.errors import FinhouseError
from ingestion.generator import load_history
from ingestion.generator.control import configure
from tests.python.stack.world import World, eventually, traffic

pytestmark = pytest.mark.stack

CRASHES = int(os.environ.get("FINHOUSE_CRASHES") or 5)
VICTIMS = (
    ("clickhouse",),
    ("transform",),
    ("background",),
    ("clickhouse", "transform", "background"),
)


def test_every_digit_is_right_after_many_crashes(world: World) -> None:
    seed = int(os.environ.get("FINHOUSE_PROPERTY_SEED") or secrets.randbelow(2**31))
    print(f"replay: FINHOUSE_PROPERTY_SEED={seed}")
    rng = Random(seed)
    supervisor = Supervisor(world.settings)

    def kill(name: str) -> None:
        """Kill a component; returns once it is started again."""

        def pid() -> int:
            return int(supervisor.processes()[name]["pid"])

        victim = eventually(pid)
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: pid() not in (0, victim))

    load_history(world.settings, progress=lambda done, total: None)
    configure(
        world.settings, {"rate": 24_000, "interval_seconds": 24.0, "updates": 0.2, "deletes": 0.05}
    )
    with traffic(world.settings):
        for _ in range(CRASHES):
            # From at once, while the last victim still starts, to the middle of some cycle.
            time.sleep(rng.uniform(0, 8))
            for name in rng.choice(VICTIMS):
                kill(name)
    eventually(lambda: _compared(world), 120)
    world.settle()  # what is not applied is no difference, and a model that stands still has it
    world.client.command("system flush logs")
    # Batches of all sizes up to the cap: each INSERT that is there is one part.
    assert (
        world.ask(
            "select table, query_id, count() from system.part_log where event_type = 'NewPart'"
            " and database in ('silver', 'gold') and query_id != '' group by all having count() > 1"
        )
        == []
    )


def _compared(world: World) -> bool:
    """Whether everything could be compared; fails if a digit differs."""
    try:
        differences = world.differences()
    except (OSError, FinhouseError):  # the last victim still starts
        return False
    assert differences == []
    return True
