"""The fraud score against the labels: what is counted, without a database."""

from __future__ import annotations

from datetime import date
from typing import Any

from infra.transform.evaluate import Scored, Session, scored

MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)


def row(day: date, score: int, count: int, account: str = "", ip: str = "") -> tuple[Any, ...]:
    return (day, score, account, ip, "d1" if score else "", count, 99)


def session(day: date, account: str, ip: str = "") -> Session:
    return (day, account, ip, "d1")


ROWS = [
    row(MONDAY, 0, 100),
    row(MONDAY, 40, 3, "a", "81.0.0.1"),
    row(MONDAY, 40, 2, "b"),
    row(MONDAY, 80, 5, "a"),
    row(TUESDAY, 0, 50),
]


def test_labels_count_at_the_score_of_their_session() -> None:
    labels = {session(MONDAY, "a", "81.0.0.1"): 2, session(MONDAY, "a"): 5}
    assert scored(ROWS, labels) == [
        Scored(MONDAY, 0, 100, 0),
        Scored(MONDAY, 40, 5, 2),
        Scored(MONDAY, 80, 5, 5),
        Scored(TUESDAY, 0, 50, 0),
    ]


def test_a_session_without_points_is_fraud_that_was_missed() -> None:
    found = scored(ROWS, {session(TUESDAY, "z"): 4, session(MONDAY, "z"): 1})
    assert [one.fraud for one in found] == [1, 0, 0, 4]


def test_no_more_is_fraud_than_the_warehouse_has() -> None:
    labels = {session(MONDAY, "b"): 7, session(TUESDAY, "z"): 60, session(date(2026, 1, 7), "z"): 1}
    found = scored(ROWS, labels)
    assert [(one.payments, one.fraud) for one in found] == [(100, 0), (5, 2), (5, 0), (50, 50)]


def test_without_labels_nothing_is_measured() -> None:
    assert scored(ROWS, {}) == []
    assert scored([], {session(MONDAY, "a"): 1}) == []
