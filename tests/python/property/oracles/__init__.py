"""What each model of silver and gold must hold, computed from the rows of the source in Python,
with Decimal.

One function per model, registered by its name:

    @oracle("agg_kpis_daily")
    def agg_kpis_daily(seen: Seen) -> Iterator[Row]:
        for row in seen.rows("transactions"):
            ...
            yield {"kpi_date": ..., "count_attempted": ..., ...}

It yields the rows of the model, in any order, as {column: value}: every column of the model's
contract but the technical ones (`_offset`, …) and those named in `ignore` (clocks).

- `seen.rows(table)` are the rows of a source table that the model has had a chance to see: up to
  the watermark of the tables it is made of, or up to the end of bronze if it reads bronze itself.
- `seen.now` is the moment of all queries: the clock of the views is stopped there (FINHOUSE_NOW).
- A table of additive measures (`SimpleAggregateFunction(sum, …)`) is summed by its other columns
  before it is compared, and rows of zeros are left out: the oracle yields one row per key.
- Of a ReplacingMergeTree the newest versions count. If it keeps rows that say nothing any more,
  `where` (SQL) tells those that do.
- A table of recomputed rows (with several `_<table>_offset`) and what reads it are compared at the
  end only, when everything has arrived and is applied.
- Floats are compared to 12 digits.

Write an oracle from the definition of the figure, not from the model's SQL. A model without an
oracle fails `test_every_model_of_silver_and_gold_has_an_oracle`; the few that can't have one are in
EXEMPT, with the reason.

Values: UUID, Decimal, date, datetime in UTC, str, int, bool, float, None.
"""

from __future__ import annotations

from tests.python.property.oracles import (
    accounts,
    core,
    fx,
    live,
    merchants,
    payments,
    pipeline,
    revenue,
    risk,
    settlement,
    silver,
)
from tests.python.property.oracles.base import ORACLES

__all__ = [
    "EXEMPT",
    "ORACLES",
    "accounts",
    "core",
    "fx",
    "live",
    "merchants",
    "payments",
    "pipeline",
    "revenue",
    "risk",
    "settlement",
    "silver",
]

# Models without an oracle: {model: why there can be none}.
EXEMPT: dict[str, str] = {
    "agg_fraud_thresholds_daily": "made of ops.fraud_evaluations, which comes from labels that no"
    " message carries: test_evaluation.py computes it from Postgres",
    "agg_fraud_quality_daily": "made of agg_fraud_thresholds_daily",
    "pipeline_messages": "messages as they came, which its unit test and test_on_stack.py compare",
    "pipeline_servers": "made of ops.server_checks, what the keeper of a running stack found",
    "pipeline_topics": "made of ops.topic_checks, what the keeper of a running stack found",
}
