"""Several writers at once: each change counts once, and who has to wait or give up says so."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from infra.settings import ROOT
from infra.transform.project import TransformError
from infra.transform.warehouse import positions
from tests.python.property.histories import History
from tests.python.property.warehouse import Warehouse
from tests.python.stack.world import eventually


@contextmanager
def lease_of_another(warehouse: Warehouse, seconds: int) -> Iterator[str]:
    """Somebody else holds the writer lease, for so many seconds at most."""
    owner = f"dbt build {uuid4()}"
    hold = (
        "insert into ops.writer_lease select max(lease_number) + 1, {owner:String},"
        " now64(3, 'UTC'), now64(3, 'UTC') + interval {seconds:UInt32} second"
        " from ops.writer_lease"
    )
    warehouse.client.command(hold, parameters={"owner": owner, "seconds": seconds})
    yield owner
    warehouse.client.command(hold, parameters={"owner": "", "seconds": 0})


def by_hand(*arguments: str) -> subprocess.Popen[str]:
    """dbt as a person runs it beside the loop: a process and a lease of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "FINHOUSE_WRITER"}
    return subprocess.Popen(
        [str(ROOT / "finhouse"), "dbt", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


@contextmanager
def loop(log: Path) -> Iterator[None]:
    """The transform loop, as the supervisor runs it."""
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.transform.loop"], cwd=ROOT, stdout=file, stderr=file
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


def test_who_waits_for_the_lease_says_for_whom(warehouse: Warehouse) -> None:
    with lease_of_another(warehouse, seconds=60) as owner:
        waiting = by_hand("run", "--select", "fct_payments_by_day")
        assert waiting.stdout is not None
        said = ""
        while "waiting for the writer lease" not in said:
            line = waiting.stdout.readline()
            assert line, said
            said += line
        assert owner in said
    rest, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, said + rest


def test_who_gives_up_says_for_whom_and_wrote_nothing(warehouse: Warehouse) -> None:
    source = warehouse.source
    History(source, 1, 21_000).step()
    warehouse.deliver_all()
    tables = {name: name for name in warehouse.incremental()}
    before = positions(warehouse.client, tables)
    with (
        lease_of_another(warehouse, seconds=60) as owner,
        pytest.raises(TransformError, match=owner),
    ):
        warehouse.run("--vars", "{lease_wait_seconds: 1}")
    assert positions(warehouse.client, tables) == before
    warehouse.settle()


def test_loops_builds_and_refreshes_at_once_count_each_change_once(
    warehouse: Warehouse, seed: int, tmp_path: Path
) -> None:
    """Two loops share one name, so both believe that they hold the lease: what is left between
    them is the compare-and-set of each batch."""
    histories = iter(range(21_100, 22_000))
    source = warehouse.source

    def commit() -> None:
        history = History(source, seed, next(histories))
        for _ in range(history.steps):
            history.step()
        warehouse.deliver_all()

    rejected = "select value from system.events where event = 'DuplicatedInsertedBlocks'"
    cycles = "select uniqExact(cycle_id) from ops.transform_runs"
    done = warehouse.one(cycles)
    before = sum(row[0] for row in warehouse.ask(rejected))
    with loop(tmp_path / "first.log"), loop(tmp_path / "second.log"):
        eventually(lambda: warehouse.one(cycles) >= done + 2, 90)
        hands = [
            by_hand("build", "--resource-type", "model", "--resource-type", "seed"),
            by_hand("build", "--full-refresh", "--select", "gold", "--resource-type", "model"),
        ]
        until = time.monotonic() + 10
        while time.monotonic() < until or any(hand.poll() is None for hand in hands):
            commit()
            time.sleep(0.05)
        for hand in hands:
            said, _ = hand.communicate(timeout=120)
            assert hand.returncode == 0, said
        eventually(lambda: sum(row[0] for row in warehouse.ask(rejected)) > before, 60)
    warehouse.settle()
