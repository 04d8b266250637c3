"""Capture that starts again amid a COPY goes on with the very next row.

PostgreSQL logs a page of copied rows as one record, so its rows share an LSN, and a position is
LSN and number. A connector of the tests' own, over a table of its own, is stopped, told that it had
come so far, and resumed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import requests
from confluent_kafka.admin import AdminClient

from infra.errors import FinhouseError
from infra.settings import Settings
from ingestion import connector, kafka, source
from tests.python.stack.world import eventually

pytestmark = pytest.mark.stack

NAME = "copied"
TOPIC = "copied.copied.rows"
ROWS = 500
INSERT = ord("I")


class Probe:
    """The connector `copied` and the table it captures."""

    def __init__(self, settings: Settings, postgres: psycopg.Connection[Any]) -> None:
        self.settings = settings
        self.postgres = postgres
        self.first = 0

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Ask Kafka Connect; None while it is busy."""
        url = f"{self.settings.connect_url}/connectors/{NAME}{path}"
        answer = requests.request(method, url, json=body, timeout=30)
        if answer.status_code in (400, 404, 409, 500, 503):
            return None
        answer.raise_for_status()
        return answer.json() if answer.content else True

    def start(self) -> None:
        """Make the connector, at the end of the log."""
        configuration = connector.render(self.settings) | {
            "name": NAME,
            "slot.name": NAME,
            "publication.name": NAME,
            "topic.prefix": NAME,
            "table.include.list": "copied.rows",
            "snapshot.mode": "no_data",
        }
        eventually(lambda: self.call("PUT", "/config", configuration))
        self.wait_for("RUNNING")
        self.copy(1)
        eventually(lambda: self.arrived(0) == [0])

    def wait_for(self, state: str) -> None:
        """Return once the connector and its task, if there is one, are in this state."""

        def is_there() -> bool:
            found = self.call("GET", "/status")
            parts = [found["connector"], *found["tasks"]] if found else []
            wanted = 2 if state == "RUNNING" else 1
            return [part["state"] for part in parts] == [state] * wanted

        eventually(is_there)

    def copy(self, rows: int) -> int:
        """COPY so many rows in one transaction, ids counting on; the log's end before them."""
        cursor = self.postgres.cursor()
        [(end,)] = cursor.execute("select pg_current_wal_insert_lsn() - '0/0'").fetchall()
        with self.postgres.transaction(), cursor.copy("copy copied.rows from stdin") as copy:
            for id in range(self.first, self.first + rows):
                copy.write_row([id])
        self.first += rows
        return int(end)

    def records(self, end: int) -> list[tuple[int, int]]:
        """(LSN, rows) of each record behind that end of the log."""
        return [
            (int(lsn), int(rows))
            for lsn, rows in self.postgres.execute(
                "select lsn - '0/0', count(*) from pg_logical_slot_peek_binary_changes("
                " %s, null, null, 'proto_version', '1', 'publication_names', %s)"
                " where get_byte(data, 0) = %s and lsn - '0/0' >= %s group by lsn order by lsn",
                (NAME, NAME, INSERT, end),
            ).fetchall()
        ]

    def resume_after(self, lsn: int, rows: int) -> None:
        """Let the stopped connector go on as if it had sent so many rows of this record."""
        stored = eventually(lambda: self.call("GET", "/offsets"))["offsets"]
        offset = stored[0]["offset"] | {
            "lsn": lsn,
            "lsn_proc": lsn,
            "lsn_events_processed": rows,
            "messageType": "INSERT",
        }
        changed = {"offsets": [{"partition": stored[0]["partition"], "offset": offset}]}
        eventually(lambda: self.call("PATCH", "/offsets", changed))
        eventually(lambda: self.call("PUT", "/resume"))
        self.wait_for("RUNNING")

    def arrived(self, first: int) -> list[int]:
        """Ids in the topic, from this one on, in its order."""
        try:
            records = kafka.tail(self.settings, TOPIC, 10 * ROWS)
        except FinhouseError:  # the topic comes with its first message
            return []
        ids = [int(json.loads(record.key)["id"]) for record in records]
        return [id for id in ids if id >= first]


@pytest.fixture(scope="module")
def probe(stack: Settings) -> Iterator[Probe]:
    """A running connector over an empty table, both gone afterwards."""
    with source.connect(stack, admin=True, autocommit=True) as postgres:
        postgres.execute("create schema copied")
        postgres.execute("create table copied.rows (id int primary key)")
        postgres.execute("grant usage on schema copied to finhouse_cdc")
        postgres.execute("grant select on copied.rows to finhouse_cdc")
        postgres.execute("create publication copied for table copied.rows")
        probe = Probe(stack, postgres)
        try:
            probe.start()
            yield probe
        finally:
            probe.call("DELETE", "")
            eventually(lambda: dropped(postgres))
            postgres.execute("drop publication copied")
            postgres.execute("drop schema copied cascade")
            admin = AdminClient({"bootstrap.servers": stack.kafka_bootstrap})
            for deleted in admin.delete_topics([TOPIC]).values():
                deleted.exception()


def dropped(postgres: psycopg.Connection[Any]) -> bool:
    """Whether the connector's slot is gone, which it is not while the connector still holds it."""
    try:
        postgres.execute(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
            " where slot_name = %s",
            (NAME,),
        )
    except psycopg.errors.ObjectInUse:
        return False
    return True


@pytest.mark.parametrize(
    ("record", "rows"),
    [(0, 1), (0, 5), (0, -1), (1, 1)],
    ids=lambda value: "all" if value == -1 else str(value),
)
def test_the_next_row_follows(probe: Probe, record: int, rows: int) -> None:
    first = probe.first
    eventually(lambda: probe.call("PUT", "/stop"))
    probe.wait_for("STOPPED")
    records = probe.records(probe.copy(ROWS))
    assert len(records) > 2 and sum(count for _, count in records) == ROWS
    lsn, shared = records[record]
    assert shared > 5
    done = rows if rows > 0 else shared
    probe.resume_after(lsn, done)
    expected = list(range(first + sum(n for _, n in records[:record]) + done, first + ROWS))
    eventually(lambda: probe.arrived(first)[-1:] == expected[-1:])
    assert probe.arrived(first) == expected
