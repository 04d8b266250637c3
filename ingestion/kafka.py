"""Topics of the change events and their positions, by Kafka's own client."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from infra.errors import FinhouseError
from infra.settings import Settings
from ingestion.connector import render

# A transaction marker takes an offset too, so the last message is a little before the end.
_TAIL = 50


@dataclass(frozen=True, slots=True)
class Record:
    """A message as a person reads it; `timestamp` is when the producer sent it."""

    offset: int
    timestamp: datetime
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Topic:
    """A table's topic: `id` is another when it is made again, `start` its first retained offset."""

    id: str
    start: int


def tables(settings: Settings) -> list[str]:
    """Names of the captured tables, without their schema."""
    listed = render(settings)["table.include.list"].split(",")
    return [table.strip().rpartition(".")[2] for table in listed]


def topic_of(table: str) -> str:
    """Topic of a captured table of schema `finance`."""
    return f"finhouse.finance.{table}"


def ensure_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing, one partition each, and return their names.

    A consumer that subscribes to a topic before it exists notices it only minutes later, so the
    topics come before connector and warehouse. Raises FinhouseError if Kafka does not answer.
    """
    config = {
        key.removeprefix("topic.creation.default."): value
        for key, value in render(settings).items()
        if key.startswith("topic.creation.default.")
    }
    partitions = int(config.pop("partitions"))
    replicas = int(config.pop("replication.factor"))
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap, "log_level": 0})
    names = [topic_of(table) for table in tables(settings)]
    try:
        existing = admin.list_topics(timeout=10).topics
        missing = [
            NewTopic(name, partitions, replicas, config={**config})
            for name in names
            if name not in existing
        ]
        created = admin.create_topics(missing) if missing else {}
        for future in created.values():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
    except KafkaException as error:
        raise _unreachable(settings, error) from error
    return sorted(created)


def topics(settings: Settings, tables: Iterable[str]) -> dict[str, Topic]:
    """Topic of each of these tables; a table without one is left out.

    Raises FinhouseError if Kafka does not answer.
    """
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap, "log_level": 0})
    names = {topic_of(table): table for table in tables}
    found = {}
    try:
        described = admin.describe_topics(TopicCollection(list(names)), request_timeout=5)
        for name, description in described.items():
            try:
                found[name] = str(description.result().topic_id)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
        earliest = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
        partitions = {TopicPartition(name, 0): earliest for name in found}
        starts = admin.list_offsets(partitions, request_timeout=5) if partitions else {}
        return {
            names[partition.topic]: Topic(found[partition.topic], future.result().offset)
            for partition, future in starts.items()
        }
    except KafkaException as error:
        raise _unreachable(settings, error) from error


def ends(settings: Settings) -> dict[str, int]:
    """Offset after the last committed message or marker of each table's topic.

    Raises FinhouseError if Kafka does not answer, or has not all of the topics.
    """
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap, "log_level": 0})
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    partitions = {TopicPartition(topic_of(table), 0): latest for table in tables(settings)}
    try:
        found = admin.list_offsets(
            partitions, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=5
        )
        return {
            partition.topic.rpartition(".")[2]: int(future.result().offset)
            for partition, future in found.items()
        }
    except KafkaException as error:
        raise _unreachable(settings, error) from error


def begin_anew(settings: Settings, lsn: int) -> None:
    """Write a TRUNCATE event to each table's topic: what came before it no longer counts.

    `lsn` is Postgres' present position in its log. Only for topics nobody else writes to at the
    moment, with a snapshot to follow. Raises FinhouseError if Kafka does not take them.
    """
    now = time.time_ns() // 1000
    producer = Producer(
        {"bootstrap.servers": settings.kafka_bootstrap, "enable.idempotence": True, "log_level": 0}
    )
    failures: list[KafkaError] = []
    for table in tables(settings):
        source = {"table": table, "lsn": lsn, "txId": 0, "ts_us": now, "sequence": "[]"}
        event = {"op": "t", "before": None, "after": None, "ts_us": now, "source": source}
        producer.produce(
            topic_of(table),
            json.dumps(event).encode(),
            on_delivery=lambda error, _: failures.append(error) if error else None,
        )
    if (unsent := producer.flush(20)) or failures:
        reason = failures[0] if failures else KafkaError(KafkaError._TIMED_OUT)
        raise FinhouseError(
            "Kafka did not take the events that begin the tables' history anew",
            why=f"{reason.str()}; {unsent or len(failures)} not written",
            fix="./finhouse status, ./finhouse logs kafka, then ./finhouse recapture again",
        )


def last_offsets(settings: Settings, timeout: float = 20.0) -> dict[str, int]:
    """Offset of the last committed message of each table's topic; -1 where there is none.

    Raises FinhouseError if Kafka does not answer within `timeout` seconds.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "group.id": "finhouse.positions",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    found = {table: -1 for table in tables(settings)}
    deadline = time.monotonic() + timeout
    try:
        # What is written from here on is not asked for: each topic is read up to its present end.
        ends: dict[str, int] = {}
        starts = []
        for table in found:
            low, high = consumer.get_watermark_offsets(
                TopicPartition(topic_of(table), 0), timeout=timeout
            )
            if high > low:
                ends[table] = high
                starts.append(TopicPartition(topic_of(table), 0, max(low, high - _TAIL)))
        consumer.assign(starts)
        while ends:
            message = consumer.poll(0.5)
            if time.monotonic() > deadline:
                raise FinhouseError(
                    "Kafka did not show the end of its topics",
                    why=f"{', '.join(ends)} not read to the end within {timeout:.0f} s",
                    fix="./finhouse status, ./finhouse logs kafka",
                )
            if message is None:
                continue
            table = str(message.topic()).rpartition(".")[2]
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            offset = int(message.offset() or 0)
            if error is None and offset < ends.get(table, 0):
                found[table] = offset
            if error is not None or offset + 1 >= ends.get(table, 0):
                ends.pop(table, None)
    except KafkaException as error:
        raise _unreachable(settings, error) from error
    finally:
        consumer.close()
    return found


def tail(settings: Settings, topic: str, count: int) -> list[Record]:
    """Last `count` committed messages of a topic, oldest first; a table's name will do.

    Raises FinhouseError if there is no such topic or Kafka does not answer.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "group.id": "finhouse.tail",
            "enable.auto.commit": False,
            "queued.max.messages.kbytes": 4096,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    records: list[Record] = []
    try:
        topics = consumer.list_topics(timeout=10).topics
        name = topic if topic in topics else topic_of(topic)
        if name not in topics:
            known = sorted(found for found in topics if not found.startswith("__"))
            raise FinhouseError(
                f"there is no topic {topic}",
                why=f"Kafka has {', '.join(known) or 'none'}",
                exit_code=2,
            )
        low, high = consumer.get_watermark_offsets(TopicPartition(name, 0), timeout=10)
        # Markers take up to half of the offsets where every transaction has one message.
        consumer.assign([TopicPartition(name, 0, max(low, high - 2 * count - _TAIL))])
        while message := consumer.poll(10):
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                break
            if error is not None:
                raise KafkaException(error)
            if int(message.offset() or 0) >= high:  # arrived meanwhile: live topics never end
                break
            _, sent = message.timestamp()
            records.append(
                Record(
                    offset=int(message.offset() or 0),
                    timestamp=datetime.fromtimestamp(sent / 1000, UTC),
                    key=_readable(message.key()),
                    value=_readable(message.value()),
                )
            )
            if records[-1].offset >= high - 1:
                break  # under traffic the topic has no end to wait for
    except KafkaException as error:
        raise _unreachable(settings, error) from error
    finally:
        consumer.close()
    return records[-count:]


def _readable(content: str | bytes | None) -> str:
    return content.decode(errors="replace") if isinstance(content, bytes) else content or ""


def _unreachable(settings: Settings, error: KafkaException) -> FinhouseError:
    return FinhouseError(
        f"Kafka does not answer at {settings.kafka_bootstrap}",
        why=str(error.args[0]),
        fix="./finhouse up starts it, ./finhouse logs kafka shows why it is down",
    )
