"""Builds the ECharts options of the page Risk and fraud."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dashboard import formats
from dashboard.charts import GREY, GRID, PERCENT_FORMAT, Option, Row, percent_scale

# reads on light and dark; the countries that most payments come from stand out
LOW_TO_HIGH = ("#CCFBF1", "#FBBF24", "#C2410C")
AT_HOME = "rgba(138, 151, 168, 0.28)"


def countries_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """One row per pair of countries: `percent` if they differ, `home` if not or one is unknown."""
    shares = [float(row["share_percent"]) for row in rows]
    abroad = [bool(row["is_mismatch"]) for row in rows]
    return pd.DataFrame(
        {
            "account": [row["home"] for row in rows],
            "address": [row["seen_in"] for row in rows],
            "percent": pd.Series(
                [s if away else None for s, away in zip(shares, abroad, strict=True)],
                dtype="float64",
            ),
            # a place on the map, whose colour is no share
            "home": pd.Series([None if away else 0.0 for away in abroad], dtype="float64"),
            "share": [f"{share:.2f} %" for share in shares],
            "attempts": [formats.integer(row["count_attempted"]) for row in rows],
        }
    )


def places(names: pd.Series) -> list[str]:
    """The countries of an axis by name, the unknown ones last."""
    return sorted(set(names), key=lambda name: (name == "unknown", name))


def countries_option(frame: pd.DataFrame) -> Option:
    """Where the payments of each country's accounts come from; grey where that is no mismatch."""
    known = frame["percent"].dropna()
    high = float(known.max()) if len(known) else 1.0
    gap = {"borderWidth": 1, "borderColor": "rgba(128, 128, 128, 0.15)", "borderRadius": 2}
    pair = "Account {@account}, address {@address}<br>{@attempts} attempts, "
    axis: Option = {"type": "category", "axisTick": {"show": False}, "axisLine": {"show": False}}
    axis["axisLabel"] = {"interval": 0, "hideOverlap": True}
    return {
        "dataset": {"source": frame},
        "grid": {"left": 24, "right": 8, "top": 28, "bottom": 78, "containLabel": True},
        "tooltip": {},
        "xAxis": {
            **axis,
            "data": places(frame["address"]),
            "name": "Country of the IP address",
            "nameLocation": "middle",
            "nameGap": 28,
        },
        "yAxis": {
            **axis,
            "data": places(frame["account"]),
            "inverse": True,
            "name": "Country of the account",
            "nameLocation": "start",
            "nameTextStyle": {"align": "left"},
            "nameGap": 12,
        },
        "visualMap": {
            **percent_scale(frame, 0, high, LOW_TO_HIGH),
            "seriesIndex": 0,
            "precision": 1,
            "text": [f"{high:.1f} %", "0 %"],
        },
        "series": [
            {
                "type": "heatmap",
                "name": "Another country",
                "encode": {"x": "address", "y": "account", "value": "percent"},
                "itemStyle": gap,
                "tooltip": {"formatter": f"{pair}{{@share}} of the account country's"},
            },
            {
                "type": "heatmap",
                "name": "The same or unknown",
                "encode": {"x": "address", "y": "account", "value": "home"},
                "itemStyle": {**gap, "color": AT_HOME},
                "tooltip": {"formatter": f"{pair}{{@share}}: no mismatch"},
            },
        ],
    }


def thresholds_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """One row per threshold: `points`, and `precision` and `recall` in percent."""
    return pd.DataFrame(
        {
            "points": [int(row["fraud_score"]) for row in rows],
            "precision": pd.Series([row["precision_percent"] for row in rows], dtype="float64"),
            "recall": pd.Series([row["recall_percent"] for row in rows], dtype="float64"),
        }
    )


def thresholds_option(frame: pd.DataFrame, in_force: int) -> Option:
    """Precision and recall by threshold, and a line at the one in force.

    A threshold between two scores finds what the higher one finds: lines are steps.
    """
    mark = {
        "silent": True,
        "symbol": "none",
        "lineStyle": {"color": GREY, "type": "dashed"},
        "label": {"formatter": f"in force: {in_force}", "position": "end", "color": GREY},
        "data": [{"xAxis": in_force}],
    }
    curve = {"type": "line", "step": "start", "symbolSize": 6, "connectNulls": False}
    return {
        "dataset": {"source": frame},
        "grid": {**GRID, "bottom": 28},
        "legend": {"top": 0, "left": 0},
        "tooltip": {"trigger": "axis", "valueFormatter": PERCENT_FORMAT},
        "xAxis": {
            "type": "value",
            "min": 0,
            "max": 100,
            "name": "Suspicious from so many points on",
            "nameLocation": "middle",
            "nameGap": 28,
        },
        "yAxis": {"type": "value", "min": 0, "max": 100, "axisLabel": {"formatter": "{value} %"}},
        "series": [
            {**curve, "name": "Precision", "encode": {"x": "points", "y": "precision"}},
            {**curve, "name": "Recall", "encode": {"x": "points", "y": "recall"}, "markLine": mark},
        ],
    }
