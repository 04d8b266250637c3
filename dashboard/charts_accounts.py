"""Builds the ECharts options of the page Accounts."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dashboard import formats
from dashboard.charts import Option, Row, percent_scale
from dashboard.charts_acceptance import LOW_TO_HIGH


def cohort_frame(rows: Sequence[Row], column: str) -> pd.DataFrame:
    """One row per cell: `cohort`, `week`, `percent` (a float for its colour) and words for it.

    A week that is not over, or whose share is unknown, has no cell: blank, not 0.
    """
    known = [row for row in rows if row[column] is not None]
    return pd.DataFrame(
        {
            "cohort": [f"{row['cohort_week']:%d %b %Y}" for row in known],
            "week": [str(row["week_number"]) for row in known],
            "percent": pd.Series([row[column] for row in known], dtype="float64"),
            "shown": [f"{row[column]:.1f} %" for row in known],
            "size": [formats.integer(row["cohort_size"]) for row in known],
            "retained": [formats.integer(row["count_retained"]) for row in known],
        }
    )


def cohort_option(frame: pd.DataFrame) -> Option:
    """Cohorts from top to bottom, weeks since signup from left to right."""
    low, high = float(frame["percent"].min()), float(frame["percent"].max())
    bare = {"axisTick": {"show": False}, "axisLine": {"show": False}}
    weeks = sorted({int(week) for week in frame["week"]})
    where = "signed up in the week of {@cohort}, week {@week}<br>"
    return {
        "dataset": {"source": frame},
        "grid": {"left": 8, "right": 8, "top": 8, "bottom": 56, "containLabel": True},
        "tooltip": {},
        "xAxis": {"type": "category", "data": [str(week) for week in weeks], **bare},
        "yAxis": {
            "type": "category",
            "data": list(dict.fromkeys(frame["cohort"])),
            "inverse": True,
            **bare,
        },
        "visualMap": percent_scale(frame, low, high, LOW_TO_HIGH),
        "series": [
            {
                "type": "heatmap",
                "name": "Retention",
                "encode": {"x": "week", "y": "cohort", "value": "percent"},
                "tooltip": {"formatter": f"{where}{{@shown}}: {{@retained}} of {{@size}} accounts"},
            }
        ],
    }
