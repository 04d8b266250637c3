"""Asks a rule's query, as the user who may read gold and ops only, within the rule's time."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from decimal import Context, Decimal
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.alerts.rules import Rule
from infra.alerts.states import Reading
from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform.warehouse import BACKGROUND, connect

COLUMNS = ("value", "threshold", "detail")
# What ops can hold: Decimal(38, 8).
_PLACES = Decimal(1).scaleb(-8)
_LARGEST = Decimal(10) ** 29
_CONTEXT = Context(prec=60)
MOST_DETAIL = 300


def reader(settings: Settings) -> Client:
    """A client with the rights of the dashboard. Raises FinhouseError if nobody answers."""
    return connect(settings, user=settings.dashboard_user, password=settings.dashboard_password)


def ask(client: Client, rule: Rule, now: datetime) -> Reading:
    """What a rule's query says; what is wrong with the query is in the reading.

    Raises ClickHouseError if the server does not answer: that tells nothing about the rule.
    """
    began = time.monotonic()
    value = threshold = None
    detail = error = ""
    try:
        answer = client.query(
            rule.sql,
            settings={
                "max_execution_time": rule.timeout.total_seconds(),
                **BACKGROUND,
                "max_result_rows": 1000,
                "log_comment": f"alert {rule.name}",
            },
        )
        value, threshold, detail = read(rule, answer.column_names, answer.result_rows)
    except ClickHouseError as found:
        if getattr(found, "code", None) is None:
            raise
        error = " ".join(str(found).split())[:500]
    except ValueError as found:
        error = str(found)
    took = 1000 * (time.monotonic() - began)
    return Reading(now, value, threshold, detail, error, took)


def read(
    rule: Rule, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> tuple[Decimal | None, Decimal | None, str]:
    """Value, threshold and detail of an answer; no row is no value. Raises ValueError."""
    if not (columns or rows):  # without a row ClickHouse may not even name the columns
        return None, rule.when.limit, ""
    if "value" not in columns or not set(columns) <= set(COLUMNS):
        raise ValueError(
            f"the query returns {', '.join(columns)}; it needs `value`, may have `threshold`"
            " and `detail`, and nothing else"
        )
    if rule.when.limit is None and "threshold" not in columns:
        raise ValueError("`when` names a threshold, and the query returns no column `threshold`")
    if len(rows) > 1:
        raise ValueError(f"the query returns {len(rows)} rows; a rule has one value")
    row = dict(zip(columns, rows[0], strict=True)) if rows else {}
    limit = rule.when.limit
    if limit is None:
        limit = number("threshold", row.get("threshold"))
    detail = " ".join(str(row.get("detail") or "").split())
    return number("value", row.get("value")), limit, detail[:MOST_DETAIL]


def number(column: str, value: object) -> Decimal | None:
    """A value of ClickHouse, exact; None for NULL and for what is not a number (NaN).

    Raises ValueError for another type, or a number that ops cannot hold.
    """
    if value is None or (isinstance(value, float | Decimal) and math.isnan(value)):
        return None
    if not isinstance(value, int | float | Decimal):
        raise ValueError(f"`{column}` is no number but {type(value).__name__}")
    found = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    if not found.is_finite() or abs(found) >= _LARGEST:
        raise ValueError(f"`{column}` is too large to be kept: {found:.3e}")
    return found.quantize(_PLACES, context=_CONTEXT)


def try_out(settings: Settings, rules: Sequence[Rule], now: datetime) -> dict[str, Reading]:
    """Each rule's reading now, stored nowhere. Raises FinhouseError if ClickHouse is away."""
    found = {}
    try:
        with closing(reader(settings)) as client:
            for rule in rules:
                found[rule.name] = ask(client, rule, now)
    except ClickHouseError as error:
        raise FinhouseError(
            "ClickHouse does not answer",
            why=str(error).splitlines()[0],
            fix="./finhouse status",
        ) from error
    return found
