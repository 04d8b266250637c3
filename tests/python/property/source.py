"""Tables as Postgres holds them, and their changes as Debezium writes them to Kafka.

The rows are Python values (UUID, Decimal, datetime in UTC, date, str, int, bool, None); the events
are the bytes of the messages. One topic per table, offsets with gaps as a transactional producer
leaves them, LSNs that grow but may repeat, and clocks that are not to be trusted.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from infra.transform.comparisons import contract

Key = tuple[Any, ...]
Row = dict[str, Any]

KEYS: dict[str, tuple[str, ...]] = {table: tuple(said["key"]) for table, said in contract().items()}
# Tables with REPLICA IDENTITY FULL: their events carry the whole old row.
FULL_BEFORE = tuple(table for table, said in contract().items() if said.get("full_before"))
UNSENT = "__debezium_unavailable_value"
# The clock of the source goes on by this much from one transaction to the next, give or take.
TICK = timedelta(seconds=25)


def moment_of(seed: int) -> datetime:
    """The moment that all queries of a run are asked at: the same for equal seeds, whatever day
    it is; any day of the week, any time of the day."""
    rng = Random(f"{seed}/now")
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(
        milliseconds=rng.randrange(366 * 86_400_000)
    )


@dataclass(frozen=True, slots=True)
class Event:
    """One message of a topic. `key` and `after` say what it did to the table: `after` is None for a
    delete, `key` is None for a message that does not fit the contract and changes nothing."""

    offset: int
    op: str
    key: Key | None
    after: Row | None
    message_key: bytes
    message: bytes
    committed_at: datetime
    captured_at: datetime
    published_at: datetime


class Source:
    """Tables and topics. Changes between `begin` and the next `begin` are one transaction."""

    def __init__(self, seed: int) -> None:
        self._rng = rng = Random(seed)
        self.now = moment_of(seed)
        self._began_at = self.now - timedelta(days=2)
        self.tables: dict[str, dict[Key, Row]] = {table: {} for table in KEYS}
        self.topics: dict[str, list[Event]] = {table: [] for table in KEYS}
        self._next_offset = {table: rng.choice((0, 0, 3, 1000)) for table in KEYS}
        self._lsn = 2**33
        self._tx = 700
        self._committed_at = self._began_at

    def begin(self) -> datetime:
        """Start a transaction; its commit time, which may lie before the last one's."""
        self._tx += 1
        self._committed_at = (
            self._began_at
            + (self._tx - 700) * TICK
            + self._rng.uniform(-1.5, 1.5) * TICK
            + timedelta(microseconds=self._rng.choice((0, 1, 999)))
        )
        return self._committed_at

    def insert(self, table: str, row: Row) -> None:
        """Add a row."""
        key = key_of(table, row)
        assert key not in self.tables[table], key
        self.tables[table][key] = row
        self._emit(table, "c", key, None, row)

    def update(self, table: str, key: Key, **values: Any) -> None:
        """Change columns of a row. Debezium writes a changed key as a delete and an insert."""
        old = self.tables[table].pop(key)
        new = {**old, **values}
        new_key = key_of(table, new)
        assert new_key not in self.tables[table], new_key
        self.tables[table][new_key] = new
        if new_key == key:
            self._emit(table, "u", key, old, new)
        else:
            self._emit(table, "d", key, old, None)
            self._emit(table, "c", new_key, None, new, same_lsn=True)

    def delete(self, table: str, key: Key) -> None:
        """Remove a row."""
        self._emit(table, "d", key, self.tables[table].pop(key), None)

    def disturb(self, table: str) -> None:
        """Put a message into the topic that breaks the contract: it must be in no number."""
        messages = [b"{}", b"no json", json.dumps({"op": "x"}).encode()]
        self._append(table, "", None, None, b"", self._rng.choice(messages))

    def _emit(
        self,
        table: str,
        op: str,
        key: Key,
        old: Row | None,
        new: Row | None,
        *,
        same_lsn: bool = False,
    ) -> None:
        if not same_lsn and self._rng.random() < 0.8:
            self._lsn += self._rng.randint(1, 500)
        before = None
        if old is not None and (op == "d" or table in FULL_BEFORE):
            before = old if table in FULL_BEFORE else self._key_image(table, old)
        captured_at = self._committed_at + timedelta(milliseconds=self._rng.randint(1, 900))
        message = {
            "before": before,
            "after": _sent(table, op, old, new),
            "source": {
                "version": "3.7.0.Final",
                "connector": "postgresql",
                "name": "finhouse",
                "ts_ms": _micros(self._committed_at) // 1000,
                "snapshot": "false",
                "db": "financial",
                "sequence": json.dumps([str(self._lsn - 1), str(self._lsn)]),
                "ts_us": _micros(self._committed_at),
                "ts_ns": _micros(self._committed_at) * 1000,
                "schema": "finance",
                "table": table,
                "txId": self._tx,
                "lsn": self._lsn,
                "xmin": None,
            },
            "transaction": None,
            "op": op,
            "ts_ms": _micros(captured_at) // 1000,
            "ts_us": _micros(captured_at),
            "ts_ns": _micros(captured_at) * 1000,
        }
        message_key = dict(zip(KEYS[table], key, strict=True))
        self._append(table, op, key, new, _json(message_key), _json(message), captured_at)

    def _key_image(self, table: str, row: Row) -> Row:
        """What Debezium knows of an old row without full replica identity: its key. The other
        columns may be absent, null or the default of their type."""
        key = {column: row[column] for column in KEYS[table]}
        others = [column for column in row if column not in key]
        style = self._rng.choice(("absent", "null", "default"))
        if style == "absent":
            return key
        return key | {
            column: None if style == "null" or not isinstance(row[column], str) else ""
            for column in others
        }

    def _append(
        self,
        table: str,
        op: str,
        key: Key | None,
        after: Row | None,
        message_key: bytes,
        message: bytes,
        captured_at: datetime | None = None,
    ) -> None:
        captured_at = captured_at or self._began_at
        offset = self._next_offset[table]
        self._next_offset[table] += self._rng.choice((1, 1, 1, 1, 2, 3))
        published_at = captured_at + timedelta(milliseconds=self._rng.randint(1, 50))
        self.topics[table].append(
            Event(
                offset=offset,
                op=op,
                key=key,
                after=after,
                message_key=message_key,
                message=message,
                committed_at=self._committed_at,
                captured_at=captured_at,
                published_at=published_at.replace(
                    microsecond=published_at.microsecond // 1000 * 1000
                ),
            )
        )

    def events_up_to(self, table: str, offset: int) -> list[Event]:
        """Valid events of a topic up to an offset, in log order."""
        return [event for event in self._up_to(table, offset) if event.key is not None]

    def refused_up_to(self, table: str, offset: int) -> list[Event]:
        """Messages of a topic up to an offset that do not fit the contract."""
        return [event for event in self._up_to(table, offset) if event.key is None]

    def _up_to(self, table: str, offset: int) -> list[Event]:
        topic = self.topics[table]
        return topic[: bisect_right(topic, offset, key=lambda event: event.offset)]


def key_of(table: str, row: Row) -> Key:
    """Primary key of a row."""
    return tuple(row[column] for column in KEYS[table])


def replayed(events: Iterable[Event]) -> dict[Key, Event]:
    """The event that made each row that exists after these events."""
    rows: dict[Key, Event] = {}
    for event in events:
        assert event.key is not None
        if event.after is None:
            del rows[event.key]
        else:
            rows[event.key] = event
    return rows


def _sent(table: str, op: str, old: Row | None, new: Row | None) -> Row | None:
    """The new row as the event has it: without full replica identity, a long text that an update
    leaves alone is not in Postgres' log (TOAST)."""
    if old is None or new is None or op != "u" or table in FULL_BEFORE:
        return new
    return {
        column: UNSENT
        if isinstance(value, str) and len(value) > 2000 and value == old[column]
        else value
        for column, value in new.items()
    }


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _json(value: Any) -> bytes:
    return json.dumps(value, default=_text, ensure_ascii=False).encode()


def _text(value: Any) -> str:
    """A value as the connector's settings have it: decimals as text, times as ISO text."""
    if isinstance(value, datetime):
        text = value.strftime("%Y-%m-%dT%H:%M:%S")
        fraction = f".{value.microsecond:06}".rstrip("0") if value.microsecond else ""
        return f"{text}{fraction}Z"
    if isinstance(value, date):
        return f"{value.isoformat()}Z"
    if isinstance(value, UUID | Decimal):
        return str(value)
    raise TypeError(value)
