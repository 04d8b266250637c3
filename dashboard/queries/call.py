"""A query of the dashboard: its name, SQL over gold, and the parameters that go with it.

Values reach ClickHouse as server-side parameters only. Money stays Decimal; a sum in EUR is NULL
as soon as one payment in it has no exchange rate, because a partial sum would look like a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

Parameter = str | int


@dataclass(frozen=True, slots=True)
class Call:
    """A query with its parameters, ready to run; equal calls may share one answer."""

    name: str
    sql: str
    parameters: tuple[tuple[str, Parameter], ...] = ()


def between(name: str, sql: str, start: datetime, end: datetime, **parameters: Parameter) -> Call:
    """A call for [start, end), UTC: parameters `from` and `to` beside the others."""
    period = {"from": text(start), "to": text(end)}
    return Call(name, sql.strip(), tuple({**period, **parameters}.items()))


def of_days(name: str, sql: str, first: date, after: date, **parameters: Parameter) -> Call:
    """A call for the UTC days [first, after): parameters `from` and `to` beside the others."""
    days = {"from": first.isoformat(), "to": after.isoformat()}
    return Call(name, sql.strip(), tuple({**days, **parameters}.items()))


def text(moment: datetime) -> str:
    """A moment as a parameter: text, so that no driver turns it into another time zone."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def seconds(length: timedelta) -> int:
    """A length as a parameter."""
    return length // timedelta(seconds=1)
