"""What happens to the source and to its capture: right numbers, or a refusal with the way out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from infra.embedded.supervisor import Supervisor
from infra.settings import Settings
from infra.transform.capture import FIX
from ingestion import connector, kafka, source
from ingestion.generator.control import pause, resume
from tests.python.stack.world import World, attempt, eventually, finhouse

pytestmark = pytest.mark.stack

DAY = "2026-04-10"
LIVE = "gold.live_payments_by_minute"
# Postgres keeps a text of this size out of line.
PROFILE = "".join(f"{number:05d} naïve ☃ " for number in range(1500))


@pytest.fixture(scope="module", autouse=True)
def idle_generator(stack: Settings) -> Iterator[None]:
    """Everything runs, as `status` is asked to say; the generator writes nothing."""
    supervisor = Supervisor(stack)
    pause(stack)
    supervisor.start("generator")
    yield
    supervisor.stop("generator")
    resume(stack)


def open_merchant(world: World, profile: str | None) -> UUID:
    id = uuid4()
    world.write(
        "insert into finance.merchants (merchant_id, merchant_name, merchant_category, country,"
        " risk_rating, profile_text) values (%s, 'First', 'travel', 'DE', 2, %s)",
        id,
        profile,
    )
    return id


def merchant(world: World, id: UUID) -> tuple[str, str | None] | None:
    rows = world.ask(
        "select merchant_name, profile_text from gold.dim_merchants where merchant_id = {id:UUID}",
        id=id,
    )
    assert len(rows) < 2
    return (rows[0][0], rows[0][1]) if rows else None


def problems() -> dict[str, str]:
    """What `status` refuses, by table."""
    found = json.loads(attempt("status", "--json").stdout)["problems"]
    assert {problem["fix"] for problem in found} <= {FIX}
    return {problem["table"]: problem["problem"] for problem in found}


def repaired(world: World) -> None:
    """Run the command that `status` names; afterwards every digit is equal."""
    finhouse(*FIX.split()[1:], timeout=300)
    eventually(lambda: not problems(), 60)
    world.settle()
    assert world.differences() == []
    # The newest reconciliation may be from before, and one may be under way that began before.
    eventually(lambda: attempt("status").returncode == 0, 120)
    assert "Everything runs." in finhouse("status")


def test_a_text_of_megabytes_arrives(world: World) -> None:
    text = PROFILE * 150
    assert len(text.encode()) > 3_000_000  # more than a producer takes by default
    id = open_merchant(world, text)
    world.settle()
    assert merchant(world, id) == ("First", text)
    world.write("delete from finance.merchants where merchant_id = %s", id)


def test_a_long_text_survives_updates_that_leave_it_alone(world: World) -> None:
    id, other = open_merchant(world, PROFILE), open_merchant(world, None)
    world.settle()
    assert len(PROFILE.encode()) > 20_000
    assert merchant(world, id) == ("First", PROFILE)
    # across batches, and several within one
    world.write("update finance.merchants set merchant_name = 'Second' where merchant_id = %s", id)
    world.settle()
    sent = str(
        world.one(
            "select after from bronze.merchants where _op = 'u' and after like {like:String}"
            " order by _offset desc limit 1",
            like=f"%{id}%",
        )
    )
    assert "__debezium_unavailable_value" in sent  # or this test tests nothing
    assert merchant(world, id) == ("Second", PROFILE)
    with world.postgres.transaction():
        world.write("update finance.merchants set risk_rating = 3 where merchant_id = %s", id)
        world.write(
            "update finance.merchants set profile_text = 'short' where merchant_id = %s", id
        )
        world.write("update finance.merchants set profile_text = %s", PROFILE[::-1])
        world.write(
            "update finance.merchants set merchant_name = 'Third' where merchant_id = %s", id
        )
    world.settle()
    assert merchant(world, id) == ("Third", PROFILE[::-1])
    assert merchant(world, other) == ("First", PROFILE[::-1])
    world.write("update finance.merchants set profile_text = null where merchant_id = %s", other)
    world.write("update finance.merchants set merchant_name = 'Last' where merchant_id = %s", other)
    # primary keys changed twice in a row, updated again
    second, third = uuid4(), uuid4()
    change = "update finance.merchants set merchant_id = %s where merchant_id = %s"
    world.write(change, second, id)
    world.write(change, third, second)
    world.write("update finance.merchants set risk_rating = 5 where merchant_id = %s", third)
    world.settle()
    assert merchant(world, other) == ("Last", None)
    assert merchant(world, id) is None
    assert merchant(world, second) is None
    assert merchant(world, third) == ("Third", PROFILE[::-1])
    assert world.differences() == []
    world.client.command("optimize table silver.merchants_state final")
    finhouse("dbt", "run", "--full-refresh", "-s", "silver_merchants_state")
    assert merchant(world, third) == ("Third", PROFILE[::-1])
    assert world.differences() == []
    world.write("delete from finance.merchants where merchant_id = any(%s)", [third, other])


def test_truncate_empties_what_was_and_counts_what_follows(world: World) -> None:
    for _ in range(3):
        world.pay("10.00", at=f"{DAY} 08:00Z")
    world.write(
        "insert into finance.refunds values (%s, %s, 2.50, 'EUR', 'pending', 'damaged', %s)",
        uuid4(),
        uuid4(),
        f"{DAY} 09:00Z",
    )
    world.settle()
    assert world.day(DAY) == {("EUR", "success"): (3, Decimal("30.00"))}
    with world.postgres.transaction():
        world.pay("500.00", at=f"{DAY} 08:30Z")
        world.write("truncate finance.transactions, finance.refunds")
        world.pay("7.00", at=f"{DAY} 08:00Z")
    world.settle()
    assert world.day(DAY) == {("EUR", "success"): (1, Decimal("7.00"))}
    assert world.day(DAY, LIVE) == world.day(DAY)
    assert world.one("select count() from silver.refunds_state final where _is_deleted = 0") == 0
    assert world.one("select count() from bronze.transactions where _op = 't'") == 1
    assert world.differences() == []
    world.write("truncate finance.transactions")  # and nothing after it
    world.settle()
    assert world.day(DAY) == {}
    assert world.day(DAY, LIVE) == {}
    assert world.one("select count() from silver.transactions_deltas") == 0
    assert world.differences() == []
    world.pay("8.00", at=f"{DAY} 08:00Z")
    world.settle()
    assert world.day(DAY) == {("EUR", "success"): (1, Decimal("8.00"))}
    assert world.differences() == []


def test_live_view_drops_truncated_rows_before_they_are_transformed(world: World) -> None:
    """What is in bronze counts, whatever the tables below still hold."""
    world.pay("10.00", at=f"{DAY} 10:00Z")
    world.settle()
    supervisor = Supervisor(world.settings)
    supervisor.stop("transform")
    try:
        world.write("truncate finance.transactions")
        world.pay("3.00", at=f"{DAY} 10:00Z")
        now = {("EUR", "success"): (1, Decimal("3.00"))}
        eventually(lambda: world.day(DAY, LIVE) == now)
        assert world.day(DAY) != now
    finally:
        supervisor.start("transform")
    world.settle()
    assert world.day(DAY) == now
    assert world.differences() == []


def lose_the_position(world: World) -> None:
    """Nothing is captured from here on, and Postgres keeps no log for it."""
    connector.forget(world.settings)
    source.drop_slot(world.settings, connector.render(world.settings)["slot.name"])


def test_a_new_snapshot_counts_nothing_twice_and_misses_no_delete(world: World) -> None:
    kept, changed, gone = (world.pay("10.00", at=f"{DAY} 11:0{n}Z") for n in range(3))
    id, _ = open_merchant(world, PROFILE), open_merchant(world, PROFILE)
    world.settle()
    before = world.day(DAY)[("EUR", "success")][0]
    lose_the_position(world)
    world.write("update finance.transactions set amount = 12 where transaction_id = %s", changed)
    world.write("delete from finance.transactions where transaction_id = %s", gone)
    world.write("delete from finance.merchants where merchant_id = %s", id)
    world.pay("1.00", at=f"{DAY} 11:05Z")
    connector.apply(world.settings)
    world.settle()
    assert world.differences() == []
    assert world.day(DAY)[("EUR", "success")][0] == before
    assert world.day(DAY, LIVE) == world.day(DAY)
    state = world.state_of(changed)
    assert state is not None
    assert state["amount"] == 12
    assert world.state_of(gone) is None
    assert world.state_of(kept) is not None
    assert merchant(world, id) is None
    assert problems() == {}


END = "select max(_offset) from bronze.transactions"


def complete_until(world: World) -> int:
    return int(
        world.one(
            "select max(complete_until) from ops.capture_checks final"
            " where source_table = 'transactions'"
        )
    )


def test_what_kafka_deletes_after_it_was_read_is_no_gap(world: World) -> None:
    for _ in range(5):
        world.pay("5.00", at=f"{DAY} 13:00Z")
    world.settle()
    topic = TopicPartition(kafka.topic_of("transactions"), 0, -1)  # all there is
    admin = AdminClient({"bootstrap.servers": world.settings.kafka_bootstrap})
    admin.delete_records([topic])[topic].result()
    checked = world.one("select max(checked_at) from ops.capture_checks")
    eventually(lambda: world.one("select max(checked_at) from ops.capture_checks") > checked, 30)
    assert problems() == {}
    world.pay("5.00", at=f"{DAY} 13:01Z")
    world.settle()
    assert world.differences() == []


def found_empty(world: World) -> None:
    """A new snapshot finds a table empty, so that no message says that its rows are gone."""
    world.write(
        "insert into finance.disputes values (%s, %s, 2.50, 'EUR', 'opened', 'fraudulent', %s)",
        uuid4(),
        uuid4(),
        f"{DAY} 09:00Z",
    )
    world.settle()
    lose_the_position(world)
    world.write("delete from finance.disputes")
    connector.apply(world.settings)
    eventually(problems, 90)
    assert set(problems()) == {"disputes"}
    assert "found the table empty" in problems()["disputes"]
    assert FIX in attempt("status").stdout
    assert FIX in attempt("doctor").stdout
    assert FIX in finhouse("logs", "transform", "-n", "50")


def deleted_unread(world: World) -> None:
    """Kafka deletes messages while ClickHouse, which has not read them, is away."""
    id = world.pay("10.00", at=f"{DAY} 12:00Z")
    arrived = f"select count() from bronze.transactions where position(after, '{id}') > 0"
    eventually(lambda: world.one(arrived) and complete_until(world) > world.one(END), 60)
    read = kafka.last_offsets(world.settings)["transactions"]
    supervisor = Supervisor(world.settings)
    supervisor.stop("clickhouse")
    for _ in range(5):
        world.pay("5.00", at=f"{DAY} 12:01Z")
    topic = TopicPartition(kafka.topic_of("transactions"), 0)
    admin = AdminClient({"bootstrap.servers": world.settings.kafka_bootstrap})
    # five messages at least; how many markers lie between them is Debezium's affair
    eventually(lambda: kafka.last_offsets(world.settings)["transactions"] >= read + 5, 30)
    topic.offset = kafka.last_offsets(world.settings)["transactions"] + 1
    admin.delete_records([topic])[topic].result()
    supervisor.start("clickhouse")
    eventually(lambda: "transactions" in problems(), 90)
    assert "Kafka deleted messages before they were read" in problems()["transactions"]


def made_again(world: World) -> None:
    """A topic is deleted and made: its offsets begin at 0."""
    name = kafka.topic_of("refunds")
    admin = AdminClient({"bootstrap.servers": world.settings.kafka_bootstrap})
    admin.delete_topics([name])[name].result()
    eventually(lambda: name not in admin.list_topics(timeout=10).topics, 30)
    admin.create_topics([NewTopic(name, 1, 1)])[name].result()
    eventually(lambda: "made again" in problems().get("refunds", ""), 60)


def test_what_cannot_be_right_is_refused_and_one_command_repairs_it(world: World) -> None:
    found_empty(world)
    deleted_unread(world)
    made_again(world)
    assert set(problems()) == {"disputes", "transactions", "refunds"}
    repaired(world)
    assert world.one("select count() from silver.disputes_state final where _is_deleted = 0") == 0
    world.pay("11.00", at=f"{DAY} 14:01Z")
    world.write(
        "insert into finance.refunds values (%s, %s, 2.50, 'EUR', 'pending', 'damaged', %s)",
        uuid4(),
        uuid4(),
        f"{DAY} 15:00Z",
    )
    world.settle()
    assert world.differences() == []
