"""Builds the ECharts options of the page Risk and fraud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd

from dashboard import charts, formats
from dashboard.charts import GREY, GRID, PERCENT_FORMAT, Option, Row, encode, line, percent_scale

# reads on light and dark; the countries that most payments come from stand out
LOW_TO_HIGH = ("#CCFBF1", "#FBBF24", "#C2410C")
AT_HOME = "rgba(138, 151, 168, 0.28)"
WON, LOST = "#0D9488", "#E11D48"
YOUNG = "_young"


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
        "label": {"formatter": f"in force: {in_force}", "position": "end"},
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


def with_young(frame: pd.DataFrame, column: str, young_from: date) -> pd.DataFrame:
    """The frame with the days whose figure still grows in a column of their own, `<column>_young`;
    it has the day before them too, so that the lines meet."""
    is_young = frame["drawn_at"] >= pd.Timestamp(young_from, tz="UTC")
    meets = is_young | is_young.shift(-1, fill_value=False)
    return frame.assign(
        **{
            column: frame[column].where(~is_young),
            f"{column}{YOUNG}": frame[column].where(meets),
        }
    )


def rates_option(frame: pd.DataFrame, names: Mapping[str, str], filling: bool) -> Option:
    """A line of percent per named column over days; what still grows is dashed."""
    axis = {"min": 0, "axisLabel": {"formatter": "{value} %"}}
    drawn = {column: name for column, name in names.items() if frame[column].notna().any()}
    option = charts.lines_option(frame, drawn, PERCENT_FORMAT, axis, filling=filling)
    for column, one in zip(drawn, option["series"], strict=False):
        if column.endswith(YOUNG):
            one["lineStyle"] = {"type": "dashed"}
    return option


def decided_option(frame: pd.DataFrame, won: str, lost: str, rate: str) -> Option:
    """Disputes decided per day by how, and the share that was won."""
    bars: Option = {"type": "bar", "stack": "disputes", "barCategoryGap": "25%"}
    bars["tooltip"] = {"valueFormatter": "%,d"}
    percent = {"min": 0, "max": 100, "axisLabel": {"formatter": "{value} %"}}
    return {
        "useUTC": True,
        "dataset": {"source": frame},
        "grid": {**GRID, "top": 60},
        "legend": {"top": 0, "left": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "time"},
        "yAxis": [
            {"type": "value", "minInterval": 1},
            {"type": "value", **percent, "splitLine": {"show": False}},
        ],
        "series": [
            {**bars, "name": won, "color": WON, "encode": encode("count_won")},
            {**bars, "name": lost, "color": LOST, "encode": encode("count_lost")},
            {
                **line(rate, "win_percent"),
                "yAxisIndex": 1,
                "color": GREY,
                "tooltip": {"valueFormatter": PERCENT_FORMAT},
            },
        ],
    }


def vamp_frame(months: Sequence[Row]) -> pd.DataFrame:
    """One row per month, the newest last: `month` in words and `percent`."""
    ordered = list(reversed(months))
    return pd.DataFrame(
        {
            "month": [f"{month['month_start_date']:%b %Y}" for month in ordered],
            "percent": pd.Series([month["vamp_percent"] for month in ordered], dtype="float64"),
        }
    )


def vamp_option(frame: pd.DataFrame, name: str, references: Mapping[str, float]) -> Option:
    """The ratio per month, and a line at each reference (shares of 1)."""
    levels = [100 * value for value in references.values()]
    known = frame["percent"].dropna()
    marks = [
        {
            "yAxis": level,
            "label": {"formatter": f"{label}: {level:.2f} %", "color": GREY},
        }
        for label, level in zip(references, levels, strict=True)
    ]
    return {
        "dataset": {"source": frame},
        "grid": {**GRID, "top": 12},
        "tooltip": {"trigger": "axis", "valueFormatter": PERCENT_FORMAT},
        "xAxis": {"type": "category"},
        "yAxis": {
            "type": "value",
            "min": 0,
            # an axis does not grow for its marks
            "max": 1.15 * max([*levels, *known, 0.1]),
            "axisLabel": {"formatter": "{value} %", "showMaxLabel": False},
        },
        "series": [
            {
                # bars would hide what the lines are called
                "type": "line",
                "name": name,
                "symbolSize": 8,
                "encode": {"x": "month", "y": "percent"},
                "markLine": {
                    "silent": True,
                    "symbol": "none",
                    "lineStyle": {"type": "dashed", "color": GREY},
                    "label": {"position": "insideEndTop"},
                    "data": marks,
                },
            }
        ],
    }
