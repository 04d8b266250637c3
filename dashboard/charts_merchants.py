"""Builds the ECharts options of the page Merchants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from dashboard import formats
from dashboard.charts import GRID, Option, Row, encode

STATUS_COLORS: Mapping[str, str] = {
    "success": "#0D9488",
    "failed": "#E11D48",
    "pending": "#D97706",
}

_NAMES: Option = {
    "type": "category",
    "axisTick": {"show": False},
    "axisLabel": {"width": 130, "overflow": "truncate"},
}


def names(rows: Sequence[Row]) -> list[str]:
    """A name per merchant, unlike all others: an axis has one place per name."""
    known = [formats.merchant_name(row) for row in rows]
    often = Counter(known)
    return [
        name if often[name] == 1 else f"{name} ({str(row['merchant_id'])[:8]})"
        for name, row in zip(known, rows, strict=True)
    ]


def shares_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """One row per merchant, the largest last (an axis counts upwards)."""
    frame = pd.DataFrame(
        {
            "merchant": names(rows),
            "percent": pd.Series([row["share_percent"] for row in rows], dtype="float64"),
            "share": [
                formats.NOTHING if row["share_percent"] is None else f"{row['share_percent']:.2f} %"
                for row in rows
            ],
            "volume": [formats.euro(row["successful_amount_eur"]) for row in rows],
        }
    )
    return frame.iloc[::-1].reset_index(drop=True)


def shares_option(frame: pd.DataFrame) -> Option:
    """Merchants by their share of the volume."""
    return {
        "dataset": {"source": frame},
        "grid": {**GRID, "top": 8, "right": 64},
        "tooltip": {"formatter": "{b}<br>{@volume}, {@share} of all"},
        "xAxis": {"type": "value", "axisLabel": {"formatter": "{value} %", "hideOverlap": True}},
        "yAxis": _NAMES,
        "series": [
            {
                "type": "bar",
                "name": "Share of volume",
                "barMaxWidth": 22,
                "encode": {"y": "merchant", "x": "percent"},
                "label": {
                    "show": True,
                    "position": "right",
                    "formatter": "{@share}",
                },
            }
        ],
    }


def parts_frame(rows: Sequence[Row], components: Sequence[str]) -> pd.DataFrame:
    """One row per merchant, the riskiest last, and a column per component of the score."""
    frame = pd.DataFrame({"merchant": names(rows)})
    for component in components:
        frame[component] = pd.Series([row[f"{component}_part"] for row in rows], dtype="float64")
    return frame.iloc[::-1].reset_index(drop=True)


def parts_option(frame: pd.DataFrame, labels: Mapping[str, str]) -> Option:
    """The score of each merchant, made of its components."""
    return {
        "dataset": {"source": frame},
        "grid": {**GRID, "top": 78},
        "legend": {"top": 0, "left": 0, "itemGap": 12},
        "tooltip": {
            "trigger": "axis",
            "axisPointer": {"type": "shadow"},
            "valueFormatter": "%.3f",
        },
        "xAxis": {"type": "value", "min": 0, "max": 1},
        "yAxis": _NAMES,
        "series": [
            {
                "type": "bar",
                "stack": "score",
                "name": label,
                "barMaxWidth": 22,
                "encode": {"y": "merchant", "x": component, "tooltip": [component]},
            }
            for component, label in labels.items()
        ],
    }


def status_option(frame: pd.DataFrame) -> Option:
    """Payments per day, stacked by status."""
    return {
        "useUTC": True,
        "dataset": {"source": frame},
        "grid": GRID,
        "legend": {"top": 0, "left": 0},
        "tooltip": {"trigger": "axis", "valueFormatter": "%,d"},
        "xAxis": {"type": "time"},
        "yAxis": {"type": "value"},
        "series": [
            {
                "type": "bar",
                "stack": "status",
                "name": status.capitalize(),
                "color": color,
                "barCategoryGap": "25%",
                "encode": encode(status),
            }
            for status, color in STATUS_COLORS.items()
        ],
    }
