"""From a reading to a state, with a clock that is set by hand, and over restarts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from infra.alerts.asking import number, read
from infra.alerts.board import REMOVED, Board
from infra.alerts.rules import Broken, Rule, RuleFile
from infra.alerts.states import Reading, Standing, follow
from infra.alerts.store import Change, restored
from infra.errors import FinhouseError

START = datetime(2026, 3, 29, 14, 0, tzinfo=UTC)
CHANNELS = ["file", "webhook"]


def rule(**changed: Any) -> Rule:
    content = {
        "name": "stands",
        "sentence": "It stands still.",
        "severity": "critical",
        "look_at": "overview",
        "when": "value > 60",
        "for": "1m",
        "shown_as": "seconds",
        "sql": "select 1 as value",
    }
    return Rule.model_validate({**content, **changed})


def seen(second: float, value: int | None, **more: Any) -> Reading:
    """A reading so many seconds after the start."""
    at = START + timedelta(seconds=second)
    return Reading(at, None if value is None else Decimal(value), Decimal(60), **more)


def live(one: Rule, readings: list[Reading]) -> list[tuple[str, str]]:
    """State and notice after each reading."""
    standing = None
    found: list[tuple[str, str]] = []
    for reading in readings:
        standing, notice = follow(one, standing, reading)
        found.append((standing.state, notice))
    return found


def test_it_fires_once_it_has_held_and_is_resolved_once() -> None:
    readings = [seen(0, 60), seen(30, 61), seen(60, 62), seen(90, 61), seen(120, 99), seen(150, 1)]
    assert live(rule(), [*readings, seen(180, 1)]) == [
        ("ok", ""),
        ("pending", ""),
        ("pending", ""),
        ("firing", "firing"),
        ("firing", ""),
        ("ok", "resolved"),
        ("ok", ""),
    ]


def test_what_does_not_hold_is_told_to_nobody() -> None:
    readings = [seen(0, 61), seen(30, 1), seen(60, 61), seen(90, 61), seen(119, 61)]
    assert [notice for _, notice in live(rule(), readings)] == [""] * 5
    # the first of two breaches counts for nothing
    assert live(rule(), [*readings, seen(120, 61)])[-1] == ("firing", "firing")


def test_without_a_length_it_fires_at_once() -> None:
    assert live(rule(**{"for": "0s"}), [seen(0, 61)]) == [("firing", "firing")]


def test_an_error_or_no_data_neither_fires_nor_resolves() -> None:
    one = rule(**{"for": "0s"})
    silent = [seen(30, None), seen(60, 99, error="it broke"), seen(90, 99)]
    assert live(one, [seen(0, 61), *silent]) == [
        ("firing", "firing"),
        ("no data", ""),
        ("error", ""),
        ("firing", ""),  # still the same alert
    ]
    assert live(one, [seen(0, 61), seen(30, None), seen(60, 1)])[-1] == ("ok", "resolved")
    assert live(one, [seen(0, None), seen(30, 1)]) == [("no data", ""), ("ok", "")]
    assert live(one, [Reading(START, Decimal(61), None)]) == [("no data", "")]


def test_since_is_when_the_state_began() -> None:
    standing, _ = follow(rule(), None, seen(0, 61))
    standing, _ = follow(rule(), standing, seen(30, 61))
    assert standing == Standing("pending", START)
    standing, _ = follow(rule(), standing, seen(60, 61))
    assert standing == Standing("firing", START + timedelta(minutes=1), is_open=True)


def round_of(
    board: Board, second: float, value: int | None, *rules: Rule
) -> tuple[Board, list[Change]]:
    """One round in which every rule sees the same."""
    board = board.with_file(RuleFile(rules or (rule(),)), "alerts.yml")
    reading = seen(second, value, detail="all of it")
    return board.after(dict.fromkeys(board.rules, reading), reading.at, CHANNELS)


def test_a_restart_neither_repeats_nor_forgets() -> None:
    board, told = Board({}), []
    for second, value in ((0, 1), (30, 61), (60, 61), (90, 61), (120, 61)):
        board, changes = round_of(board, second, value)
        told += changes
        # all that is kept is what ops has: the newest change of each alert
        rows = [
            (
                change.alert,
                change.state,
                change.changed_at,
                any(one.notice == "firing" for one in told),
            )
            for change in told[-1:]
        ]
        board = Board(restored(rows, has_gap=False))
    assert [(one.state, one.notice) for one in told] == [
        ("ok", ""),
        ("pending", ""),
        ("firing", "firing"),
    ]
    assert told[-1].message == ("It stands still: 1 min 1 s (fires at > 1 min 0 s); all of it")
    board, (resolved,) = round_of(board, 150, 5)
    assert (resolved.notice, list(resolved.channels)) == ("resolved", CHANNELS)
    assert told[0].channels == []


def test_after_a_gap_nothing_has_been_pending_all_the_while() -> None:
    rows = [("stands", "pending", START, 0), ("other", "firing", START, 1)]
    assert restored(rows, has_gap=False)["stands"].state == "pending"
    found = restored(rows, has_gap=True)
    assert found["stands"].state == "ok"
    assert found["other"] == Standing("firing", START, is_open=True)
    board, (change,) = round_of(Board({"stands": found["stands"]}), 600, 61)
    assert (change.state, board.standings["stands"].since) == ("pending", seen(600, 61).at)


def test_a_rule_that_is_taken_out_fires_no_more_and_a_broken_file_takes_none_out() -> None:
    at_once = rule(**{"for": "0s"})
    other = rule(name="other")
    board, _ = round_of(Board({}), 0, 61, at_once, other)
    problem = FinhouseError("alerts.yml cannot be used", why="it is empty", fix="write it")
    kept = board.with_file(RuleFile(problem=problem), "alerts.yml")
    kept, changes = kept.after({}, START + timedelta(seconds=30), CHANNELS)
    assert [(one.alert, one.state, one.notice) for one in changes] == [("alerts.yml", "error", "")]
    assert kept.standings["stands"].state == "firing"
    assert [one.alert for one in kept.checks(START)] == ["alerts.yml", "stands", "other"]
    gone, changes = round_of(kept, 60, 1, other)
    assert {(one.alert, one.state, one.notice, one.message) for one in changes} == {
        ("stands", "ok", "resolved", REMOVED),
        ("alerts.yml", "ok", "", REMOVED),
        ("other", "ok", "", "1.0 s (fires at > 1 min 0 s); all of it"),
    }
    assert [one.alert for one in gone.checks(START)] == ["other"]


def test_a_rule_that_breaks_while_it_fires_is_in_error_and_resolved_when_mended() -> None:
    at_once = rule(**{"for": "0s"})
    board, _ = round_of(Board({}), 0, 61, at_once)
    broken = Broken("stands", FinhouseError("alerts.yml:2: x", why="`sql` is missing", fix="y"))
    board = board.with_file(RuleFile(broken=(broken,)), "alerts.yml")
    board, (change,) = board.after({}, START + timedelta(seconds=30), CHANNELS)
    assert (change.state, change.notice) == ("error", "")
    assert "`sql` is missing" in change.message
    board, (change,) = round_of(board, 60, 1, at_once)
    assert (change.state, change.notice) == ("ok", "resolved")


def test_a_rule_is_asked_as_often_as_it_says_and_at_once_when_it_is_new() -> None:
    often, seldom = rule(), rule(name="seldom", every="5m")
    board, _ = round_of(Board({}), 0, 1, often, seldom)
    now = START + timedelta(seconds=30)
    assert [one.name for one in board.due(board, now)] == ["stands"]
    assert len(board.due(board, START + timedelta(minutes=5))) == 2
    changed = rule(name="seldom", every="5m", when="value > 7")
    edited = board.with_file(RuleFile((often, changed)), "alerts.yml")
    assert [one.name for one in edited.due(board, now)] == ["stands", "seldom"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (float("nan"), None),
        (0.1, Decimal("0.1")),
        (True, Decimal(1)),
        (Decimal("12345678901234567890.12345678"), Decimal("12345678901234567890.12345678")),
        (2**64, Decimal(2**64)),
    ],
)
def test_numbers_stay_what_they_are(value: object, expected: Decimal | None) -> None:
    assert number("value", value) == expected


@pytest.mark.parametrize("value", ["7", b"7", START, [7], float("inf"), 10**30, Decimal("1E+40")])
def test_what_is_no_number_is_an_error(value: object) -> None:
    with pytest.raises(ValueError, match="`value` is"):
        number("value", value)


@pytest.mark.parametrize(
    ("when", "columns", "rows", "why"),
    [
        ("value > 1", ["count()"], [[1]], "needs `value`"),
        ("value > 1", ["value", "extra"], [[1, 1]], "nothing else"),
        ("value > 1", ["value"], [[1], [2]], "2 rows"),
        ("value > threshold", ["value"], [[1]], "no column `threshold`"),
    ],
)
def test_an_answer_of_another_shape_is_an_error(
    when: str, columns: list[str], rows: list[list[object]], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        read(rule(when=when), columns, rows)


def test_an_answer_is_value_threshold_and_detail() -> None:
    one = rule(when="value < threshold")
    columns = ["detail", "threshold", "value"]
    assert read(one, columns, [["a\n b", 2, 1]]) == (Decimal(1), Decimal(2), "a b")
    assert read(one, columns, []) == (None, None, "")
    assert read(one, [], []) == (None, None, "")
    assert read(rule(), [], []) == (None, Decimal(60), "")
    assert read(rule(), ["value"], [[None]]) == (None, Decimal(60), "")
