"""Whether the numbers can be trusted right now, from what the checks found last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dashboard import formats
from dashboard.connection import Row

Level = Literal["equal", "unknown", "wrong"]

# Reconciliation takes at most a twentieth of the time: a run of a minute is followed by 19 of rest.
STALE_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Verdict:
    """`fix` is the command that mends what is wrong, empty if nothing is."""

    level: Level
    title: str
    why: str
    fix: str = ""


def verdict(reconciled: Sequence[Row], parity: Sequence[Row], captured: Sequence[Row]) -> Verdict:
    """The worst that the newest checks say: a refused table, a difference, a check that is missing.

    Rows as `queries.pipeline` describes them.
    """
    refused = [row for row in captured if row["problem"]]
    if refused:
        return Verdict(
            "wrong",
            "Nothing is transformed until this is repaired",
            "; ".join(f"finance.{row['source_table']}: {row['problem']}" for row in refused),
            str(refused[0]["fix"]),
        )
    differing = [row for row in reconciled if row["status"] == "differs"]
    if differing:
        return Verdict(
            "wrong",
            f"{len(differing)} of {len(reconciled)} comparisons differ from Postgres",
            ", ".join(f"{row['comparison']} ({row['count_differences']:,})" for row in differing),
            "./finhouse reconcile",
        )
    unequal = [row for row in parity if row["status"] == "differs"]
    if unequal:
        return Verdict(
            "wrong",
            "Tables of the warehouse differ from one another",
            ", ".join(str(row["model"]) for row in unequal) + ": rebuilt if it stays so",
            "./finhouse status",
        )
    if not reconciled:
        return Verdict(
            "unknown",
            "Not compared with Postgres yet",
            "the first reconciliation follows a minute after the start",
            "./finhouse reconcile",
        )
    failed = [row for row in reconciled if row["status"] == "failed"]
    age = max(row["age_seconds"] for row in reconciled)
    if failed or age > STALE_SECONDS:
        why = "; ".join(f"{row['comparison']}: {row['message']}" for row in failed)
        return Verdict(
            "unknown",
            "The newest comparison with Postgres could not be made"
            if failed
            else f"Not compared with Postgres for {formats.seconds(age)}",
            why or "the transform loop is busy or does not run",
            "./finhouse status",
        )
    rows = sum(row["count_rows"] for row in reconciled)
    groups = sum(row["count_groups"] for row in reconciled)
    return Verdict(
        "equal",
        "Equal to Postgres, to the cent",
        f"{rows:,} rows in {groups:,} groups compared {formats.seconds(age)} ago, "
        f"as of one snapshot of Postgres: 0 differences",
    )
