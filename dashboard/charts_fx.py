"""Builds the ECharts options of the page FX and settlement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from dashboard.charts import GRID, Option, Row

HIDDEN = ("below", "under")
SHOWN: Mapping[str, str] = {
    "earned": "#0D9488",
    "taken": "#D97706",
    "owing": "#D97706",
    "left": "#4F46E5",
}


def rates_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """One row per day: `drawn_at` and a column per currency, 100 on its first day."""
    frame = pd.DataFrame([dict(row) for row in rows])
    wide = frame.pivot(index="drawn_at", columns="currency_code", values="rate_index")
    wide = wide.reset_index()
    wide.columns.name = None
    wide["drawn_at"] = pd.to_datetime(wide["drawn_at"], utc=True)
    return wide


def ageing_option(frame: pd.DataFrame, label: str) -> Option:
    """Bars of pending payments per age class; columns `age` and `count`."""
    bars = {"type": "bar", "name": label, "encode": {"x": "age", "y": "count"}}
    return {
        "dataset": {"source": frame},
        "grid": {**GRID, "top": 12},
        "tooltip": {"trigger": "axis", "valueFormatter": "%,d"},
        "xAxis": {"type": "category"},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": [bars],
    }


def waterfall_frame(row: Mapping[str, object], names: Mapping[str, str]) -> pd.DataFrame:
    """One row per step, from the first name (earned) over what is taken away to the last (left).

    Columns in EUR, floats for drawing only: a bar is `earned`, `left`, or stands between levels:
    `taken` above zero on top of `below`, `owing` under zero beneath `under`.
    """
    columns = list(names)
    level = float(str(row[columns[0]]))
    steps: list[dict[str, object]] = [{"name": names[columns[0]], "earned": level}]
    for column in columns[1:-1]:
        high, level = level, level - float(str(row[column]))
        below, under = max(level, 0.0), min(high, 0.0)
        steps.append(
            {
                "name": names[column],
                "below": below,
                "taken": max(high, 0.0) - below,
                "under": under,
                "owing": min(level, 0.0) - under,
            }
        )
    steps.append({"name": names[columns[-1]], "left": float(str(row[columns[-1]]))})
    return pd.DataFrame(steps, columns=["name", *HIDDEN, *SHOWN]).fillna(0.0)


def waterfall_option(frame: pd.DataFrame) -> Option:
    """Bars that stand where the one before ends."""
    bar = {"type": "bar", "stack": "steps"}
    nothing = {"itemStyle": {"color": "transparent"}, "tooltip": {"show": False}, "silent": True}
    hidden = [{**bar, **nothing, "encode": _step(name)} for name in HIDDEN]
    shown = [
        {**bar, "name": name.capitalize(), "color": color, "encode": _step(name)}
        for name, color in SHOWN.items()
    ]
    names = {"interval": 0, "width": 90, "overflow": "break"}
    return {
        "dataset": {"source": frame},
        "grid": {**GRID, "top": 12},
        "tooltip": {"trigger": "item", "valueFormatter": "€ %,.2f"},
        "xAxis": {"type": "category", "axisLabel": names},
        "yAxis": {"type": "value", "axisLabel": {"formatter": "€ {value}"}},
        "series": [*hidden, *shown],
    }


def _step(column: str) -> Option:
    return {"x": "name", "y": column, "tooltip": [column]}
