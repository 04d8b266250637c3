"""Several writers at once: each change counts once, and who has to wait or give up says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import pytest
from clickhouse_connect.driver.client import Client

from infra.settings import ROOT
from infra.transform.project import TransformError
from infra.transform.warehouse import connect, positions
from tests.python.property.histories import History
from tests.python.property.warehouse import Warehouse, last_insert
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


def commit(warehouse: Warehouse, seed: int, number: int) -> None:
    """A whole history is committed and arrives."""
    history = History(warehouse.source, seed, number)
    for _ in range(history.steps):
        history.step()
    warehouse.deliver_all()


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


# The loop's cycles without its care for Kafka, which is not there.
CYCLES = """
import time
from functools import partial

from infra.settings import load_settings
from infra.transform.batches import Batches
from infra.transform.loop import IDLE_SECONDS, run_tier
from infra.transform.project import Project
from infra.transform.warehouse import connect

project = Project()
project.read()
live = Batches(project, {"live"})
slow = Batches(project, {"live", "slow", "background"}, beside_the_loop=True)
client = connect(load_settings())
while True:
    runs = live.run_or(partial(run_tier, project, "live"), client)
    print(sum(run.status not in ("success", "no-op") for run in runs), flush=True)
    slow.run_or(partial(run_tier, project, "slow"), client)
    time.sleep(IDLE_SECONDS)
"""


@contextmanager
def loop() -> Iterator[subprocess.Popen[str]]:
    """A process that runs cycles under the loop's name, one line of output for each."""
    process = subprocess.Popen(
        [sys.executable, "-c", CYCLES],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "FINHOUSE_WRITER": "transform loop"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


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


def test_who_gives_up_says_for_whom_and_wrote_nothing(warehouse: Warehouse, seed: int) -> None:
    commit(warehouse, seed, 11_000)
    tables = {name: name for name in warehouse.incremental()}
    before = positions(warehouse.client, tables)
    with (
        lease_of_another(warehouse, seconds=60) as owner,
        pytest.raises(TransformError, match=owner),
    ):
        warehouse.run("--vars", "{lease_wait_seconds: 1}")
    assert positions(warehouse.client, tables) == before
    warehouse.settle()


def test_one_batch_of_many_writers_is_stored_once(warehouse: Warehouse, seed: int) -> None:
    """The compare-and-set below the lease, in every incremental table: its own INSERT, sent by
    eight writers at once. Half of them saw the log as it was earlier: their batch is shorter."""
    for number in (11_001, 11_002):
        commit(warehouse, seed, number)
        warehouse.settle()
    # As many parts of the log as deliveries: what is read is in pieces.
    warehouse.client.command("system stop merges")
    for number in range(11_010, 11_020):
        commit(warehouse, seed, number)
    for table in warehouse.incremental_in_order():
        statement = last_insert(warehouse, table)
        (old,) = re.findall(r"insert_deduplication_token = '(\d+)'", statement)
        position = positions(warehouse.client, {table: table})[table] + 1
        batch, places = re.subn(
            rf"(\) = |insert_deduplication_token = '|toUInt64\(){old}(?=\s+order by|'|\))",
            rf"\g<1>{position}",
            statement,
        )
        # Where the table is and the token; where the batch begins, if that is its position.
        assert places >= 2, statement
        earlier = re.sub(r"\blimit \d{3,}\b", "limit 40", batch)

        def write(client: Client, number: int, batches: tuple[str, str] = (batch, earlier)) -> None:
            client.command(batches[number % 2])

        with ThreadPoolExecutor(8) as pool:
            clients = [connect(warehouse.settings) for _ in range(8)]
            list(pool.map(write, clients, range(8)))
    warehouse.client.command("system start merges")
    warehouse.check()
    warehouse.settle()


def test_loops_builds_and_refreshes_at_once_count_each_change_once(
    warehouse: Warehouse, seed: int
) -> None:
    """Two loops share one name, so both believe that they hold the lease."""
    numbers = iter(range(11_100, 13_000))
    with loop() as first, loop() as second:
        for process in (first, second):
            assert process.stdout is not None
            process.stdout.readline()  # its first cycle is done
        hands = [
            by_hand("build", "--resource-type", "model", "--resource-type", "seed"),
            by_hand("build", "--full-refresh", "--select", "gold", "--resource-type", "model"),
        ]
        while any(hand.poll() is None for hand in hands):
            commit(warehouse, seed, next(numbers))
            time.sleep(0.5)
        for hand in hands:
            said, _ = hand.communicate()
            assert hand.returncode == 0, said
        assert first.poll() is None
        assert second.poll() is None
    # Both were killed: what the server still runs for them ends first.
    eventually(
        lambda: (
            warehouse.one("select count() from system.processes where query_kind = 'Insert'") == 0
        )
    )
    with lease_of_another(warehouse, seconds=0):
        pass
    warehouse.settle()
