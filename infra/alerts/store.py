"""Alerts in database `ops`: each change of state, how each rule stands, and who was told.

A change is one INSERT, with whom it is to be told to: what was not told is known after a crash too.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.alerts.states import Notice, Standing, State

# So long a change is told late, and then no more.
TOLD_WITHIN = timedelta(days=1)
# A rule that was not looked at for longer has not been pending all the while.
MOST_GAP = timedelta(minutes=5)

_STANDINGS = """
    select
        alert,
        argMax(changes.state, changed_at) as state,
        max(changed_at) as since,
        argMaxIf(changes.notice, changed_at, changes.notice != '') = 'firing' as is_open
    from ops.alerts as changes
    group by alert
"""
_LISTED_AT = "select max(listed_at) from ops.alert_checks"
_UNTOLD = """
    select
        change_id, changed_at, alert, severity, notice, message, value, threshold, look_at, channel
    from (
        select * from ops.alerts
        where changed_at > {since:DateTime64(3, 'UTC')} and notice != ''
    ) as changes
    array join channels as channel
    where (change_id, channel) not in (
        select change_id, channel from ops.alert_deliveries where status = 'sent'
    )
    order by changed_at, alert
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A row of ops.alerts. `channels`: who is to be told, nobody if `notice` is empty."""

    change_id: uuid.UUID
    changed_at: datetime
    alert: str
    severity: str
    state: State
    notice: Notice
    channels: Sequence[str]
    value: Decimal | None
    threshold: Decimal | None
    message: str
    look_at: str


@dataclass(frozen=True, slots=True)
class Check:
    """A row of ops.alert_checks: how a rule stands. `since` and the other times are UTC."""

    alert: str
    position: int
    sentence: str
    severity: str
    state: State
    since: datetime
    value: Decimal | None
    threshold: Decimal | None
    value_shown: str
    fires_when: str
    hold_seconds: int
    look_at: str
    message: str
    milliseconds: float
    checked_at: datetime
    listed_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of ops.alert_deliveries: what became of one message. `status`: sent or failed."""

    change_id: uuid.UUID
    channel: str
    status: str
    attempted_at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Untold:
    """A change that one channel is still to be told of."""

    change_id: uuid.UUID
    changed_at: datetime
    alert: str
    severity: str
    notice: str
    message: str
    value: Decimal | None
    threshold: Decimal | None
    look_at: str
    channel: str


def standings(client: Client, now: datetime) -> dict[str, Standing]:
    """How the rules stood when they were last looked at, by name. Raises ClickHouseError."""
    (listed_at,) = client.query(_LISTED_AT, tz_mode="aware").result_rows[0]
    rows = client.query(_STANDINGS, tz_mode="aware").result_rows
    return restored(rows, has_gap=now - listed_at > MOST_GAP)


def restored(rows: Iterable[Sequence[Any]], *, has_gap: bool) -> dict[str, Standing]:
    """Standings from (alert, state, since, is open). After a gap nothing is pending any more:
    nobody knows whether it held."""
    return {
        str(alert): Standing(
            "ok" if has_gap and state == "pending" else state, since, bool(is_open)
        )
        for alert, state, since, is_open in rows
    }


def write_changes(client: Client, changes: Sequence[Change]) -> None:
    """Append changes, all or none. Raises ClickHouseError."""
    _insert(client, "ops.alerts", changes)


def write_checks(client: Client, checks: Sequence[Check]) -> None:
    """Write how each rule of the file stands. Raises ClickHouseError."""
    _insert(client, "ops.alert_checks", checks)


def write_deliveries(client: Client, deliveries: Sequence[Delivery]) -> None:
    """Append what became of messages. Raises ClickHouseError."""
    _insert(client, "ops.alert_deliveries", deliveries)


def untold(client: Client, now: datetime) -> list[Untold]:
    """What is still to be told, oldest first. Raises ClickHouseError."""
    parameters = {"since": now - TOLD_WITHIN}
    rows = client.query(_UNTOLD, parameters=parameters, tz_mode="aware").result_rows
    return [Untold(*row) for row in rows]


def _insert(client: Client, table: str, records: Sequence[Change | Check | Delivery]) -> None:
    if records:
        names = [field.name for field in fields(records[0])]
        rows = [[getattr(record, name) for name in names] for record in records]
        client.insert(table, rows, column_names=names)
