"""Builds the ECharts options of the page Acceptance, and the bars of declines other pages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from dashboard import cards, formats
from dashboard.charts import (
    GREY,
    GRID,
    NEAR_TOP,
    PERCENT_FORMAT,
    Option,
    Row,
    encode,
    line,
    scale,
)
from dashboard.definitions import Metric

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# read on light and dark; a rate that is low stands out
LOW_TO_HIGH = ("#C2410C", "#FBBF24", "#99F6E4", "#0D9488")
LITTLE_TO_MUCH = ("#CCFBF1", "#2DD4BF", "#115E59")
FEW = "rgba(138, 151, 168, 0.28)"
GROUP_COLORS: Mapping[str, str] = {
    "soft": "#D97706",
    "hard": "#E11D48",
    "technical": "#3B82F6",
    "risk": "#8B5CF6",
    "unknown": GREY,
}
RECOVERED, LOST = "#0D9488", "rgba(138, 151, 168, 0.55)"


def percent_axis(frame: pd.DataFrame, columns: Sequence[str]) -> Option:
    """An axis of percent around the values, which does not go past 100 %."""
    axis: Option = {"scale": True, "axisLabel": {"formatter": "{value} %"}}
    if frame[list(columns)].max(axis=None) > NEAR_TOP:
        axis["max"] = 100
    return axis


def recovery_option(frame: pd.DataFrame, rate: str) -> Option:
    """Soft-declined intents per day by what became of them, and the share that came back."""
    bars = {"type": "bar", "stack": "intents", "barCategoryGap": "25%"}
    counted = {"tooltip": {"valueFormatter": "%,d"}}
    return {
        "useUTC": True,
        "dataset": {"source": frame},
        "grid": GRID,
        "legend": {"top": 0, "left": 0},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "time"},
        "yAxis": [
            {"type": "value"},
            {
                "type": "value",
                "min": 0,
                "max": 100,
                "axisLabel": {"formatter": "{value} %"},
                "splitLine": {"show": False},
            },
        ],
        "series": [
            {
                **bars,
                **counted,
                "name": "Recovered",
                "color": RECOVERED,
                "encode": encode("count_recovered_intents"),
            },
            {
                **bars,
                **counted,
                "name": "Not recovered",
                "color": LOST,
                "encode": encode("count_lost_intents"),
            },
            {
                **line(rate, "recovery_percent"),
                "yAxisIndex": 1,
                "color": GROUP_COLORS["soft"],
                "tooltip": {"valueFormatter": PERCENT_FORMAT},
            },
        ],
    }


def declines_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """One row per reason, the most frequent last (an axis counts upwards): a column per group.

    `rate` is the share of the decided payments, where the rows have it.
    """
    frame = pd.DataFrame(
        {
            "reason": [reason(row["decline_code"]) for row in rows],
            "declines": [formats.integer(row["count_declined"]) for row in rows],
            "share": [f"{row['share_percent']:.1f} %" for row in rows],
        }
    )
    if all("decline_percent" in row for row in rows):
        frame["rate"] = [
            formats.percent_of(
                row["decline_percent"],
                row["count_decided"],
                row["decline_low_percent"],
                row["decline_high_percent"],
                "decided",
            )
            for row in rows
        ]
    for group in GROUP_COLORS:
        frame[group] = [
            float(row["share_percent"]) if row["decline_group"] == group else None for row in rows
        ]
    return frame.iloc[::-1].reset_index(drop=True)


def declines_option(frame: pd.DataFrame) -> Option:
    """Reasons by their share of all declines, coloured by the kind of decline."""
    groups = [group for group in GROUP_COLORS if frame[group].notna().any()]
    said = "{b}<br>{@declines} declines, {@share} of all"
    if "rate" in frame:
        said += "<br>{@rate}"
    return {
        "dataset": {"source": frame},
        "grid": {**GRID, "right": 56},
        "legend": {"top": 0, "left": 0},
        "tooltip": {"formatter": said},
        "xAxis": {"type": "value", "axisLabel": {"formatter": "{value} %"}},
        "yAxis": {"type": "category", "axisTick": {"show": False}},
        "series": [
            {
                "type": "bar",
                "stack": "share",
                "name": group.capitalize(),
                "color": GROUP_COLORS[group],
                "barMaxWidth": 28,
                "encode": {"y": "reason", "x": group},
                "label": {
                    "show": True,
                    "position": "right",
                    "formatter": "{@share}",
                },
            }
            for group in groups
        ],
    }


def reason(decline_code: str) -> str:
    """A decline code as a person reads it; a decline may have come without one."""
    return decline_code.replace("_", " ").capitalize() or "No code"


def week_frame(rows: Sequence[Row], metric: Metric) -> pd.DataFrame:
    """One row per hour of the week: `value` to draw, a rate in percent, and `said` in words.

    The place of a rate of too few is in `few` instead.
    """
    is_rate = metric.format == "percent"
    is_few = pd.Series([is_rate and row["count_decided"] < formats.ENOUGH for row in rows])
    values = pd.Series([row[metric.name] for row in rows], dtype="float64")
    return pd.DataFrame(
        {
            "hour": [f"{row['hour']:02d}" for row in rows],
            "weekday": [WEEKDAYS[row["weekday"] - 1] for row in rows],
            "value": (100 * values if is_rate else values).mask(is_few),
            # a place on the map, whose colour is no rate
            "few": pd.Series(0.0, index=values.index).where(is_few),
            "said": [_said(row, metric) for row in rows],
        }
    )


def _said(row: Row, metric: Metric) -> str:
    value = row[metric.name]
    if metric.format != "percent":
        return cards.show(value, metric.format)
    ends = (row["acceptance_low_percent"], row["acceptance_high_percent"])
    return formats.percent_of(value and 100 * value, row["count_decided"], *ends, "decided")


def week_option(frame: pd.DataFrame, metric: Metric) -> Option:
    """A metric by weekday and hour; grey where a rate is of too few."""
    is_rate = metric.format == "percent"
    known = frame["value"].dropna()
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 100.0)
    ends = [cards.show(end / 100 if is_rate else end, metric.format) for end in (high, low)]
    gap = {"borderWidth": 1, "borderColor": "rgba(128, 128, 128, 0.15)", "borderRadius": 2}
    tooltip = {"formatter": f"{{@weekday}} {{@hour}}:00 UTC<br>{metric.label}: {{@said}}"}
    place = {"x": "hour", "y": "weekday"}
    return {
        "dataset": {"source": frame},
        "grid": {"left": 8, "right": 8, "top": 8, "bottom": 56, "containLabel": True},
        "tooltip": {},
        "xAxis": {
            "type": "category",
            "data": [f"{hour:02d}" for hour in range(24)],
            "axisTick": {"show": False},
            "axisLine": {"show": False},
        },
        "yAxis": {
            "type": "category",
            "data": list(WEEKDAYS),
            "inverse": True,
            "axisTick": {"show": False},
            "axisLine": {"show": False},
        },
        "visualMap": {
            **scale(frame, "value", low, high, LOW_TO_HIGH if is_rate else LITTLE_TO_MUCH, ends),
            "seriesIndex": 0,
            "precision": 2,
        },
        "series": [
            {
                "type": "heatmap",
                "name": metric.label,
                "encode": {**place, "value": "value"},
                "itemStyle": gap,
                "tooltip": tooltip,
            },
            {
                "type": "heatmap",
                "name": f"Of fewer than {formats.ENOUGH}",
                "encode": {**place, "value": "few"},
                "itemStyle": {**gap, "color": FEW},
                "tooltip": tooltip,
            },
        ],
    }
