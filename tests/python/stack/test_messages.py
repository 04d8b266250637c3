"""What arrives twice changes nothing; what does not fit is kept aside with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from infra.transform.warehouse import positions
from ingestion.kafka import topic_of
from tests.python.stack.world import World, eventually

pytestmark = pytest.mark.stack

TOTALS = """
    select sum(count_payments), sum(total_amount) from gold.fct_payments_by_minute
    union all select count(), sum(amount) from silver.transactions_state final where _is_deleted = 0
    union all select sum(sign), sum(sign * amount) from silver.transactions_deltas
    union all select sum(count_payments), sum(total_amount) from gold.live_payments_by_minute
"""


def test_redelivered_messages_change_nothing(world: World) -> None:
    for _ in range(20):
        world.pay("1.25", at="2026-02-10 10:00Z")
    world.settle()
    before = world.ask(TOTALS)
    stored = world.one("select count() from bronze.transactions")
    # A second consumer of the topic, from its first message, writes to the same log.
    ddl = {
        str(name): str(statement)
        for name, statement in world.ask(
            "select name, create_table_query from system.tables where database = 'bronze'"
            " and name in ('transactions_queue', 'transactions_mv')"
        )
    }
    again = ("bronze.transactions_queue", "bronze.again_queue")
    world.client.command(
        ddl["transactions_queue"]
        .replace(*again)
        .replace("finhouse.bronze.transactions.", f"again.{uuid4()}.")
    )
    world.client.command(
        ddl["transactions_mv"].replace(*again).replace("bronze.transactions_mv", "bronze.again_mv")
    )
    try:
        eventually(lambda: world.one("select count() from bronze.transactions") >= 2 * stored)
    finally:
        world.client.command("drop table bronze.again_mv sync")
        world.client.command("drop table bronze.again_queue sync")
    world.pay("0.75", at="2026-02-10 10:01Z")  # the stream goes on behind the repeated part
    world.settle()
    after = world.ask(TOTALS)
    for (count, amount), (new_count, new_amount) in zip(before, after, strict=True):
        assert (new_count - count, str(new_amount - amount)) == (1, "0.75")
    assert world.differences() == []


def event(**changes: Any) -> dict[str, Any]:
    """A valid insert event of a payment; `changes` go to the row, or replace `envelope` fields."""
    row = {
        "transaction_id": str(uuid4()),
        "account_id": str(uuid4()),
        "merchant_id": str(uuid4()),
        "occurred_at": "2026-02-11T10:00:00Z",
        "amount": "1.00",
        "currency": "EUR",
        "status": "success",
        "decline_code": None,
        "ip": None,
        "device_id": None,
        "updated_at": "2026-02-11T10:00:00Z",
    }
    source = {"ts_us": 1, "lsn": 1, "txId": 1, "sequence": "[]", "snapshot": "false"}
    envelope = {"op": "c", "before": None, "after": {**row, **changes}, "source": source}
    return {**envelope, "ts_us": 1}


def as_update(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "op": "u"}


BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "no JSON": (lambda: b"\x00\xffnot json", "message is no JSON"),
    "empty": (lambda: b"{}", "no Debezium operation"),
    "amount": (lambda: json.dumps(event(amount="1.2.3")).encode(), "after.amount"),
    "NaN": (lambda: json.dumps(event(amount="NaN")).encode(), "after.amount"),
    "digits": (lambda: json.dumps(event(amount="1.005")).encode(), "after.amount"),
    "size": (lambda: json.dumps(event(amount="1" + 16 * "0")).encode(), "after.amount"),
    "base64": (lambda: json.dumps(event(amount="AfQ=")).encode(), "after.amount"),
    "no key": (lambda: json.dumps(event(transaction_id=None)).encode(), "after.transaction_id"),
    "key": (lambda: json.dumps(event(transaction_id="7")).encode(), "after.transaction_id"),
    "year": (
        lambda: json.dumps(event(occurred_at="+292278994-08-17T07:12:55Z")).encode(),
        "after.occurred_at",
    ),
    "before 1970": (
        lambda: json.dumps(event(occurred_at="1969-12-31T23:59:59Z")).encode(),
        "after.occurred_at",
    ),
    "old row": (lambda: json.dumps(as_update(event())).encode(), "no row before the change"),
    "incremental": (
        lambda: json.dumps(
            {**event(), "op": "r", "source": {"lsn": 1, "snapshot": "incremental"}}
        ).encode(),
        "incremental snapshot",
    ),
    "unsent": (
        lambda: json.dumps(event(device_id="__debezium_unavailable_value")).encode(),
        "not sent because it did not change",
    ),
}


def test_what_does_not_fit_is_quarantined_and_the_stream_goes_on(world: World) -> None:
    world.settle()
    before = world.ask(TOTALS)
    count = int(world.one("select count() from bronze.quarantine"))
    producer = Producer({"bootstrap.servers": world.settings.kafka_bootstrap})
    for make, _ in BROKEN.values():
        producer.produce(topic_of("transactions"), make())
    assert producer.flush(10) == 0
    eventually(lambda: world.one("select count() from bronze.quarantine") == count + len(BROKEN))
    rows = world.ask(
        "select reason, message from bronze.quarantine where source_table = 'transactions'"
        " order by kafka_offset desc limit {n:UInt32}",
        n=len(BROKEN),
    )
    for (name, (_, reason)), (found, message) in zip(BROKEN.items(), reversed(rows), strict=True):
        assert reason in found, (name, found)
        assert message, name
    world.pay("0.75", at="2026-02-11 10:01Z")
    world.settle()
    after = world.ask(TOTALS)
    for (old, amount), (new, new_amount) in zip(before, after, strict=True):
        assert (new - old, str(new_amount - amount)) == (1, "0.75")
    assert world.differences() == []


def test_each_batch_is_one_part(world: World) -> None:
    """The batch rule: an INSERT of an incremental model is there wholly or not at all."""
    for _ in range(3):
        world.pay("1.00", at="2026-02-12 10:00Z")
        world.settle()
    world.client.command("system flush logs")
    tables = [
        "transactions_state",
        "transactions_deltas",
        "fct_payments_by_minute",
        "fct_payments_by_day",
        "fct_account_activity_by_day",
        "fct_heartbeats",
    ]
    rows = world.ask(
        "select table, query_id, count() from system.part_log where event_type = 'NewPart'"
        " and table in {tables:Array(String)} and query_id != '' group by table, query_id",
        tables=tables,
    )
    assert {row[0] for row in rows} == set(tables)
    assert [row for row in rows if row[2] != 1] == []


def test_two_writers_at_one_watermark_write_once(world: World) -> None:
    """The compare-and-set under each batch, without any lease."""
    world.client.command("drop table if exists default.writers")
    world.client.command(
        "create table default.writers (_offset UInt64) engine = MergeTree order by _offset"
        " settings non_replicated_deduplication_window = 100"
    )
    statement = (
        "insert into default.writers select number from numbers(100) settings"
        " insert_deduplicate = 1, deduplicate_insert = 'enable',"
        " deduplicate_insert_select = 'enable_when_possible', insert_deduplication_token = '{0}'"
    )
    for token in ("0", "0", "100"):
        world.client.command(statement.format(token))
    assert world.one("select count() from default.writers") == 200
    assert positions(world.client, {"x": "default.writers"}) == {"x": 99}
    world.client.command("drop table default.writers")
