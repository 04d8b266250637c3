"""Silver: the state and the signed changes of a table add up to its rows, a history has all its
versions, and each heartbeat is there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from tests.python.property.oracles.base import (
    Rows,
    Seen,
    oracle,
)
from tests.python.property.source import KEYS

# What a column of a version that only says that the row was deleted holds.
NOTHING = {str: "", int: 0, datetime: datetime(1970, 1, 1, tzinfo=UTC)}


def _rows_of(table: str) -> Callable[[Seen], Rows]:
    return lambda seen: iter(seen.rows(table))


for _table in KEYS:
    for _ending in ("state", "deltas"):
        oracle(f"silver_{_table}_{_ending}")(_rows_of(_table))


def versions(seen: Seen, table: str, columns: dict[str, type]) -> Rows:
    """One row per event. `columns`: those besides the key, with their types."""
    for event in seen.events(table):
        assert event.key is not None
        row = event.after or {name: NOTHING[type] for name, type in columns.items()}
        yield dict(zip(KEYS[table], event.key, strict=True)) | {name: row[name] for name in columns}


@oracle("silver_accounts_history")
def silver_accounts_history(seen: Seen) -> Rows:
    texts = dict.fromkeys(("user_name", "email", "country"), str)
    return versions(
        seen, "accounts", {**texts, **dict.fromkeys(("signup_at", "updated_at"), datetime)}
    )


@oracle("silver_merchants_history")
def silver_merchants_history(seen: Seen) -> Rows:
    texts = dict.fromkeys(("merchant_name", "merchant_category", "country"), str)
    return versions(seen, "merchants", {**texts, "risk_rating": int, "updated_at": datetime})


@oracle("silver_heartbeats")
def silver_heartbeats(seen: Seen) -> Rows:
    return (event.after for event in seen.events("heartbeat") if event.after)


@oracle("silver_transactions_offsets")
def silver_transactions_offsets(seen: Seen) -> Rows:
    for event in seen.events("transactions"):
        assert event.key is not None
        yield {"transaction_id": event.key[0]}
