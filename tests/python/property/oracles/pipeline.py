"""The pipeline itself."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from tests.python.property.oracles.base import (
    Rows,
    Seen,
    oracle,
)
from tests.python.property.source import KEYS


@oracle("fct_heartbeats", ignore=("ingested_at", "silver_at", "gold_at"))
def fct_heartbeats(seen: Seen) -> Rows:
    for event in seen.events("heartbeat"):
        assert event.after is not None
        yield {
            "beat_at": event.after["beat_at"],
            "marker": event.after["marker"],
            "committed_at": event.committed_at,
            "captured_at": event.captured_at,
            "published_at": event.published_at,
        }


def whole_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@oracle("pipeline_freshness", ignore=("hop_seconds",))
def pipeline_freshness(seen: Seen) -> Rows:
    hops = {
        "postgres → debezium": "bronze.heartbeat",
        "debezium → kafka": "bronze.heartbeat",
        "kafka → bronze": "bronze.heartbeat",
        "bronze → silver": "silver.heartbeats",
        "silver → gold": "gold.fct_heartbeats",
    }
    for order, (hop, relation) in enumerate(hops.items(), 1):
        events = seen.at(relation).events("heartbeat")
        if events:
            committed_at = events[-1].committed_at
            yield {
                "hop_order": order,
                "hop": hop,
                "newest_commit_at": committed_at,
                # Whole milliseconds, as both clocks have them.
                "lag_seconds": (seen.now - whole_milliseconds(committed_at)).total_seconds(),
            }


@oracle("pipeline_quarantine", ignore=("oldest_ingested_at", "newest_ingested_at"))
def pipeline_quarantine(seen: Seen) -> Rows:
    for table in KEYS:
        refusals = Counter(
            "message is no JSON" if event.message == b"no json" else "no Debezium operation"
            for event in seen.refused(table)
        )
        for refusal, count in refusals.items():
            yield {"source_table": table, "refusal": refusal, "count_messages": count}
