"""The chart of the page Payment: where the time of each change went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from dashboard.charts import GRID, Option, Row
from infra.transform import trace


def hops_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """One row per change whose hops are all known, the newest first: `change`, a column of
    milliseconds per hop, and `total` in words.

    Given newest first; a category axis draws its first row at the bottom.
    """
    timed = [row for row in rows if all(row[column] is not None for column in trace.HOPS.values())]
    frame = pd.DataFrame(
        {
            "change": [
                f"{trace.OPERATIONS[row['operation']]} {trace.clock(row['committed_at'])}"
                for row in timed
            ],
            "total": [f"{row['total_ms']:,} ms" for row in timed],
        }
    )
    for column in trace.HOPS.values():
        frame[column] = pd.Series([row[column] for row in timed], dtype="float64")
    return frame


def hops_option(frame: pd.DataFrame, labels: Mapping[str, str]) -> Option:
    """A bar per change, from commit to gold, made of its hops; `labels`: {column: hop}."""
    last = list(labels)[-1]
    return {
        "dataset": {"source": frame},
        "grid": {**GRID, "top": 56, "right": 72},
        "legend": {"top": 0, "left": 0, "itemGap": 12},
        "tooltip": {
            "trigger": "axis",
            "axisPointer": {"type": "shadow"},
            "valueFormatter": "%,.0f ms",
        },
        "xAxis": {"type": "value", "min": 0, "axisLabel": {"formatter": "{value} ms"}},
        "yAxis": {"type": "category", "axisTick": {"show": False}},
        "series": [
            {
                "type": "bar",
                "stack": "hops",
                "name": label,
                "barMaxWidth": 22,
                "encode": {"y": "change", "x": column, "tooltip": [column]},
                "label": {
                    "show": column == last,
                    "position": "right",
                    "formatter": "{@total}",
                },
            }
            for column, label in labels.items()
        ],
    }
