"""Each part is killed under load, once; afterwards every digit is equal."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from confluent_kafka import Producer

from infra.embedded import transactions
from infra.embedded.connect import OFFSETS_TOPIC
from infra.embedded.kafka import data_dir
from infra.embedded.supervisor import Supervisor
from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform import keeper
from ingestion import connector, kafka
from ingestion.generator import load_history
from ingestion.generator.control import configure, status
from ingestion.generator.settings import GeneratorSettings
from tests.python.stack.world import World, attempt, eventually, finhouse, traffic

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module", autouse=True)
def busy(stack: Settings) -> Iterator[None]:
    """The history and a moderate stream of all kinds of change."""
    load_history(stack, progress=lambda done, total: None)
    configure(stack, {"rate": 24_000, "interval_seconds": 24.0, "updates": 0.2, "deletes": 0.05})
    with traffic(stack):
        yield


def pid_of(name: str) -> int:
    """Process id of a component; 0 while it does not run."""
    components = json.loads(attempt("status", "--json").stdout)["components"]
    return int(next(part["pid"] or 0 for part in components if part["component"] == name))


@pytest.mark.parametrize("name", ["transform", "connect", "clickhouse", "kafka"])
def test_killed_under_load(world: World, name: str) -> None:
    before = status(world.settings).new_transactions
    victim = pid_of(name)
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: pid_of(name) not in (0, victim), 60)
    eventually(lambda: status(world.settings).new_transactions > before + 5_000, 180)
    outcome = eventually(_reconciled, 200)
    assert outcome["differences"] == []
    assert outcome["rows"] > GeneratorSettings().history_transactions


def _reconciled() -> dict[str, object] | None:
    """Outcome of the command; None while a part is still coming back."""
    done = attempt("reconcile", "--json", timeout=240)
    return dict(json.loads(done.stdout)) if done.stdout.strip() else None


def test_a_failed_connector_is_started_anew(world: World) -> None:
    # Another producer with the task's transactional id: what a worker that was thought dead is.
    zombie = Producer(
        {
            "bootstrap.servers": world.settings.kafka_bootstrap,
            "transactional.id": f"connect-{connector.NAME}-0",
        }
    )
    zombie.init_transactions(30)
    eventually(lambda: connector.status(world.settings).has_failed, 60)
    eventually(lambda: connector.status(world.settings).is_running, 60)
    outcome = eventually(_reconciled, 200)
    assert outcome["differences"] == []


def test_a_worker_that_hangs_is_replaced(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # In seconds what the loop's own keeper does in minutes.
    monkeypatch.setattr(keeper, "REMEDIES", ((1.0, "connector"), (2.0, "connect"), (900.0, "")))
    watching = keeper.Keeper(world.settings, threading.Event())
    victim = pid_of("connect")
    os.kill(victim, signal.SIGSTOP)
    try:
        eventually(lambda: watching.check() and pid_of("connect") not in (0, victim), 120)
    finally:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGCONT)
    outcome = eventually(_reconciled, 200)
    assert outcome["differences"] == []


def test_a_transaction_that_kafka_forgot_is_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = Producer(
        {"bootstrap.servers": world.settings.kafka_bootstrap, "transactional.id": "forgotten"}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for topic in (kafka.topic_of("heartbeat"), OFFSETS_TOPIC):
        producer.produce(topic, b"never committed", b'["nobody",{}]')
    producer.flush(30)
    supervisor = Supervisor(world.settings)
    supervisor.stop("kafka")
    # What its coordinator knows, by the hash of its name; that of Connect's own is elsewhere.
    for file in data_dir(world.settings).glob("__transaction_state-2/0*"):
        file.unlink()
    supervisor.start("kafka")
    left = {kafka.topic_of("heartbeat"), OFFSETS_TOPIC}
    assert {topic for topic, *_ in eventually(lambda: _hanging(world), 60)} == left
    monkeypatch.setattr(keeper, "REMEDIES", ((1.0, "connector"), (900.0, "")))
    watching = keeper.Keeper(world.settings, threading.Event())

    def is_ended() -> bool:
        with suppress(FinhouseError):  # Connect comes back
            watching.check()
        return _hanging(world) == []

    eventually(is_ended, 120)
    outcome = eventually(_reconciled, 200)
    assert outcome["differences"] == []
    lost = "select count() from bronze.heartbeat where position(_raw, 'never committed') > 0"
    assert world.one(lost) == 0


def _hanging(world: World) -> list[tuple[str, ...]] | None:
    """Transactions without an end; None while Kafka starts."""
    try:
        return list(transactions.hanging(world.settings))
    except FinhouseError:
        return None


def test_supervised_stack_is_whole_again(world: World) -> None:
    assert "Everything runs." in finhouse("status")
