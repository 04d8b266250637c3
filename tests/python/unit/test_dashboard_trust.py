"""The verdict on the numbers: the worst that any check says."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.trust import STALE_SECONDS, Level, verdict


def compared(status: str = "equal", **changed: Any) -> dict[str, Any]:
    row = {
        "comparison": "transactions",
        "status": status,
        "count_rows": 1_000_000,
        "count_groups": 10,
        "count_differences": 3 if status == "differs" else 0,
        "message": "Kafka does not answer" if status == "failed" else "",
        "age_seconds": 20,
    }
    return {**row, **changed}


def checked(status: str) -> dict[str, Any]:
    return {"model": "fct_payments_by_day", "status": status}


def captured(problem: str = "") -> dict[str, Any]:
    fix = "./finhouse recapture" if problem else ""
    return {"source_table": "refunds", "problem": problem, "fix": fix}


@pytest.mark.parametrize(
    ("reconciled", "parity", "capture", "level", "title"),
    [
        ([compared()], [checked("equal")], [captured()], "equal", "Equal to Postgres, to the cent"),
        ([compared()], [checked("repaired")], [], "equal", "Equal to Postgres, to the cent"),
        ([], [], [], "unknown", "Not compared with Postgres yet"),
        (
            [compared(), compared("differs")],
            [],
            [captured()],
            "wrong",
            "1 of 2 comparisons differ from Postgres",
        ),
        (
            [compared()],
            [checked("differs")],
            [],
            "wrong",
            "Tables of the warehouse differ from one another",
        ),
        (
            [compared("failed")],
            [],
            [],
            "unknown",
            "The newest comparison with Postgres could not be made",
        ),
        # What is refused is the cause of the rest.
        (
            [compared("differs")],
            [checked("differs")],
            [captured("its Kafka topic is gone")],
            "wrong",
            "Nothing is transformed until this is repaired",
        ),
        (
            [compared(age_seconds=STALE_SECONDS + 1)],
            [],
            [],
            "unknown",
            "Not compared with Postgres for 30 min 1 s",
        ),
    ],
)
def test_the_worst_that_a_check_says(
    reconciled: list[dict[str, Any]],
    parity: list[dict[str, Any]],
    capture: list[dict[str, Any]],
    level: Level,
    title: str,
) -> None:
    found = verdict(reconciled, parity, capture)
    assert (found.level, found.title) == (level, title)
    assert found.why
    assert bool(found.fix) == (level != "equal")


def test_it_says_what_was_compared() -> None:
    found = verdict([compared(), compared(comparison="refunds")], [], [])
    assert "2,000,000 rows in 20 groups compared 20 s ago" in found.why


def test_it_names_what_differs_and_what_is_refused() -> None:
    assert verdict([compared("differs")], [], []).why == "transactions (3)"
    refused = verdict([], [], [captured("its Kafka topic is gone")])
    assert refused.why == "finance.refunds: its Kafka topic is gone"
    assert refused.fix == "./finhouse recapture"
