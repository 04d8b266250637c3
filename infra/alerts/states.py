"""The life of an alert: ok, pending, firing; error and no data, which neither fire nor resolve.

Nothing here reads a clock or a database: what was seen goes in, what follows comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from infra.alerts.rules import Rule

State = Literal["ok", "pending", "firing", "error", "no data"]
# What somebody is told; empty: nobody is.
Notice = Literal["", "firing", "resolved"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule's query said at `at` (UTC); `error` says why it did not."""

    at: datetime
    value: Decimal | None = None
    threshold: Decimal | None = None
    detail: str = ""
    error: str = ""
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of a rule since when (UTC). `is_open`: told as firing, not yet as resolved."""

    state: State
    since: datetime
    is_open: bool = False


def state_of(rule: Rule, before: Standing | None, reading: Reading) -> State:
    """The state that follows from a reading."""
    if reading.error:
        return "error"
    if reading.value is None or reading.threshold is None:
        return "no data"
    if not rule.when.is_met(reading.value, reading.threshold):
        return "ok"
    if before and before.is_open:  # an error in between ends no alert
        return "firing"
    waits_since = before.since if before and before.state == "pending" else reading.at
    return "firing" if reading.at - waits_since >= rule.hold else "pending"


def follow(rule: Rule, before: Standing | None, reading: Reading) -> tuple[Standing, Notice]:
    """Where a rule stands after a reading, and what is to be told."""
    return moved(before, state_of(rule, before, reading), reading.at)


def moved(before: Standing | None, state: State, now: datetime) -> tuple[Standing, Notice]:
    """The standing after a state, however it came about, and what is to be told."""
    was_open = before is not None and before.is_open
    is_open = state == "firing" or (was_open and state != "ok")
    since = before.since if before and before.state == state else now
    notice: Notice = "" if is_open == was_open else "firing" if is_open else "resolved"
    return Standing(state, since, is_open), notice


def sentence(rule: Rule, state: State, reading: Reading) -> str:
    """What is told of a rule: its sentence with the value, or why there is none."""
    if reading.error:
        return reading.error
    if state == "no data" or reading.value is None:
        return "The query has nothing to say."
    said = f"{rule.show(reading.value)} (fires at {rule.show_condition(reading.threshold)})"
    if reading.detail:
        said = f"{said}; {reading.detail}"
    return said if state == "ok" else f"{rule.sentence.rstrip('.')}: {said}"
