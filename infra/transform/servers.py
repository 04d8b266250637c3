"""How Kafka, Connect and Postgres stand, for readers of the warehouse, who cannot ask them.

The keeper looks every ten seconds. Of a server that does not answer its reason is kept instead of
its figures; gold.pipeline_servers says when it answered last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from clickhouse_connect.driver.client import Client

from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform.snapshot import unreachable
from ingestion import connector, kafka, source
from ingestion.connector import ConnectorStatus
from ingestion.source import Slot

CONNECT_TIMEOUT = 2.0
LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Standing:
    """What each server answered, or why it did not; `ends` are those of kafka.ends()."""

    kafka: dict[str, int] | FinhouseError
    connect: ConnectorStatus | FinhouseError
    postgres: Slot | FinhouseError


def look(settings: Settings) -> Standing:
    """Ask each server once; seconds pass for one that is away."""
    ends: dict[str, int] | FinhouseError
    found: ConnectorStatus | FinhouseError
    slot: Slot | FinhouseError
    try:
        ends = kafka.ends(settings)
    except FinhouseError as error:
        ends = error
    try:
        found = connector.status(settings, timeout=CONNECT_TIMEOUT)
    except FinhouseError as error:
        found = error
    try:
        slot = source.slot(settings, connector.render(settings)["slot.name"])
    except psycopg.Error as error:
        slot = unreachable(settings, error)
    return Standing(ends, found, slot)


def record(client: Client, standing: Standing) -> None:
    """Append to ops.server_checks and ops.topic_checks. Raises ClickHouseError.

    Bronze is asked after Kafka was: what it lacks then, it lacks.
    """
    now = datetime.now(UTC)
    row = server_row(standing)
    client.insert("ops.server_checks", [[now, *row.values()]], column_names=["checked_at", *row])
    if isinstance(standing.kafka, FinhouseError):
        return
    at = client.query("select source_table, next_offset from bronze.histories").result_rows
    ends = standing.kafka
    client.insert(
        "ops.topic_checks",
        [(now, table, ends[table], position) for table, position in at if table in ends],
        column_names=["checked_at", "source_table", "end_offset", "next_offset"],
    )


def server_row(standing: Standing) -> dict[str, str | int | None]:
    """A row of ops.server_checks but for its time."""
    found, slot = standing.connect, standing.postgres
    if isinstance(found, FinhouseError):
        states = ("", "", "")
    else:
        states = (found.connector, found.task, found.cause if found.has_failed else "")
    known = Slot("") if isinstance(slot, FinhouseError) else slot
    return {
        "kafka_error": _reason(standing.kafka),
        "connect_error": _reason(found),
        "connector_state": states[0],
        "task_state": states[1],
        "connector_error": states[2][:LONGEST_REASON],
        "postgres_error": _reason(slot),
        "slot_state": known.state,
        "wal_status": known.wal_status,
        "retained_bytes": known.retained,
        "wal_bytes": known.wal,
    }


def _reason(answer: object) -> str:
    """Why there is no answer, on one line."""
    if not isinstance(answer, FinhouseError):
        return ""
    return " ".join(f"{answer.message}: {answer.why}".split())[:LONGEST_REASON]
