"""What is kept of how the servers before ClickHouse stand, from what they answer."""

from __future__ import annotations

from threading import Event
from typing import Any

import psycopg
import pytest

from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform import keeper, servers
from ingestion import connector, kafka, source
from ingestion.connector import ConnectorStatus
from ingestion.source import Slot

ENDS = {"accounts": 1_204, "transactions": 98_001}
SLOT = Slot("active", "reserved", 1_048_576, 536_870_912)
RUNNING = ConnectorStatus("RUNNING", "RUNNING", "")


class Warehouse:
    """Takes rows, and knows where bronze reads next."""

    def __init__(self, offsets: dict[str, int]) -> None:
        self.offsets = offsets
        self.rows: dict[str, list[dict[str, Any]]] = {}

    def insert(self, table: str, rows: list[Any], column_names: list[str]) -> None:
        self.rows[table] = [dict(zip(column_names, row, strict=True)) for row in rows]

    def query(self, sql: str) -> Any:
        class Result:
            result_rows = list(self.offsets.items())

        return Result


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What each server answers; an exception is raised."""
    given: dict[str, Any] = {"kafka": ENDS, "connect": RUNNING, "postgres": SLOT}

    def answer(name: str) -> Any:
        if isinstance(given[name], Exception):
            raise given[name]
        return given[name]

    monkeypatch.setattr(kafka, "ends", lambda settings: answer("kafka"))
    monkeypatch.setattr(connector, "status", lambda settings, timeout: answer("connect"))
    monkeypatch.setattr(source, "slot", lambda settings, name: answer("postgres"))
    return given


def kept(offsets: dict[str, int] | None = None) -> dict[str, list[dict[str, Any]]]:
    warehouse = Warehouse(offsets or {"accounts": 1_203, "transactions": 97_501})
    servers.record(warehouse, servers.look(Settings()))  # type: ignore[arg-type]
    return warehouse.rows


def test_a_look_is_a_row_and_a_row_per_topic(answers: dict[str, Any]) -> None:
    found = kept()
    (row,) = found["ops.server_checks"]
    checked_at = row.pop("checked_at")
    assert row == {
        "kafka_error": "",
        "connect_error": "",
        "connector_state": "RUNNING",
        "task_state": "RUNNING",
        "connector_error": "",
        "postgres_error": "",
        "slot_state": "active",
        "wal_status": "reserved",
        "retained_bytes": 1_048_576,
        "wal_bytes": 536_870_912,
    }
    assert found["ops.topic_checks"] == [
        {
            "checked_at": checked_at,
            "source_table": "accounts",
            "end_offset": 1_204,
            "next_offset": 1_203,
        },
        {
            "checked_at": checked_at,
            "source_table": "transactions",
            "end_offset": 98_001,
            "next_offset": 97_501,
        },
    ]


def test_a_table_without_a_topic_or_a_log_is_left_out(answers: dict[str, Any]) -> None:
    rows = kept({"accounts": 0, "payouts": 7})["ops.topic_checks"]
    assert [(row["source_table"], row["next_offset"]) for row in rows] == [("accounts", 0)]


def test_who_does_not_answer_leaves_its_reason_and_no_figures(answers: dict[str, Any]) -> None:
    answers["kafka"] = FinhouseError("Kafka does not answer at k:9092", why="timed\n out")
    answers["connect"] = FinhouseError("Kafka Connect does not answer", why="x" * 1_000)
    answers["postgres"] = psycopg.OperationalError("connection refused\nIs the server running?")
    found = kept()
    (row,) = found["ops.server_checks"]
    assert "ops.topic_checks" not in found
    assert row["kafka_error"] == "Kafka does not answer at k:9092: timed out"
    assert len(row["connect_error"]) == 300
    assert row["postgres_error"] == (
        "Postgres does not answer at 127.0.0.1:5432: connection refused"
    )
    assert (row["connector_state"], row["task_state"], row["slot_state"]) == ("", "", "")
    assert row["retained_bytes"] is row["wal_bytes"] is None


def test_a_connector_that_failed_says_why_and_one_that_is_held_does_not(
    answers: dict[str, Any],
) -> None:
    trace = "ConnectException: it broke\n\tat X.y\nCaused by: PSQLException: no such slot\n"
    answers["connect"] = ConnectorStatus("RUNNING", "FAILED", trace)
    answers["postgres"] = Slot("absent")
    (row,) = kept()["ops.server_checks"]
    assert row["connector_error"] == "ConnectException: it broke — PSQLException: no such slot"
    assert (row["slot_state"], row["wal_status"], row["wal_bytes"]) == ("absent", "", None)
    answers["connect"] = ConnectorStatus("PAUSED", "PAUSED", "")
    (row,) = kept()["ops.server_checks"]
    assert (row["connector_state"], row["connector_error"]) == ("PAUSED", "")


@pytest.mark.parametrize("error", [FinhouseError("ClickHouse is away"), ValueError("a bug")])
def test_the_keeper_goes_on_without_a_warehouse(
    answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(settings: Settings) -> None:
        raise error

    monkeypatch.setattr(keeper, "connect", refuse)
    keeper.Keeper(Settings(), Event())._record()
