"""Builds the ECharts options of the charts, as plain dictionaries around one dataframe each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pandas as pd

from dashboard import formats
from dashboard.views import Mark

Row = Mapping[str, Any]
Option = dict[str, Any]

# seen on light and dark, but no text is in it: `inked` colours that. The series of now takes the
# theme's first colour.
GREY = "#8A97A8"
VEIL = "rgba(138, 151, 168, 0.45)"
HATCH = "rgba(255, 255, 255, 0.55)"

GRID: Option = {"left": 8, "right": 16, "top": 36, "bottom": 8, "containLabel": True}
# what still fills, at the end of a line
HOLLOW: Option = {"type": "scatter", "symbol": "emptyCircle", "symbolSize": 8, "color": GREY}
# one bar in the place of the other
BARS: Option = {"type": "bar", "barCategoryGap": "18%", "barGap": "-100%"}
# the same at the end of bars
HATCHED: Option = {
    **BARS,
    "itemStyle": {
        "color": VEIL,
        "decal": {
            "symbol": "rect",
            "dashArrayX": [1, 0],
            "dashArrayY": [3, 3],
            "rotation": -0.785,
            "color": HATCH,
        },
    },
    "silent": True,
}
# rates of few, beside the line of the others
FEW: Option = {
    "type": "scatter",
    "name": f"Of fewer than {formats.ENOUGH}",
    "symbolSize": 5,
    "color": GREY,
}

PERCENT_FORMAT = "%.2f %%"

NEAR_TOP = 97


def percent_scale(
    frame: pd.DataFrame, low: float, high: float, low_to_high: Sequence[str]
) -> Option:
    """The colours of a heat map by the frame's column `percent`, and what they stand for."""
    ends = [f"{high:.1f} %", f"{low:.1f} %"]
    return scale(frame, "percent", low, high, low_to_high, ends)


def scale(
    frame: pd.DataFrame,
    column: str,
    low: float,
    high: float,
    low_to_high: Sequence[str],
    high_and_low: Sequence[str],
) -> Option:
    """The colours of a heat map by a column of the frame, and its ends in words."""
    return {
        "type": "continuous",
        "dimension": list(frame.columns).index(column),
        "min": low,
        "max": high if high > low else low + 1,
        "calculable": False,
        "orient": "horizontal",
        "left": "center",
        "bottom": 0,
        "itemHeight": 160,
        "itemWidth": 12,
        "text": list(high_and_low),
        "inRange": {"color": list(low_to_high)},
    }


def trend_frame(
    rows: Sequence[Row], before: Sequence[Row], column: str, offset: timedelta = timedelta(0)
) -> pd.DataFrame:
    """One row per bucket: `drawn_at`, `value`, and `before`, the value of the comparison.

    `before` is empty (no earlier data) or has buckets already moved onto the same time axis.
    `offset` is that of the clock that is drawn, from UTC.
    """
    earlier = {row["drawn_at"]: row[column] for row in before}
    return pd.DataFrame(
        {
            "drawn_at": pd.to_datetime([row["drawn_at"] + offset for row in rows], utc=True),
            "value": pd.Series([row[column] for row in rows], dtype="float64"),
            "before": pd.Series([earlier.get(row["drawn_at"]) for row in rows], dtype="float64"),
        }
    )


def volume_option(
    frame: pd.DataFrame, versus: str, filling: bool = True, sign: str = "€"
) -> Option:
    """Bars of an amount per bucket; a last one that still fills is hatched."""
    now = {**BARS, "name": "Volume", "encode": encode("value")}
    return _time_option(frame, f"{sign} %,.2f", now, HATCHED if filling else None, versus)


def payments_option(
    frame: pd.DataFrame, attempted: str, successful: str, versus: str, filling: bool = True
) -> Option:
    """Bars of attempts per bucket (`value`), and within them of those that worked (`successful`).

    A last bucket that still fills is hatched; the comparison is that of the attempts.
    """
    now = {**BARS, "name": attempted, "color": VEIL, "encode": encode("value")}
    option = _time_option(frame, "%,d", now, HATCHED if filling else None, versus)
    worked = {**BARS, "name": successful, "encode": encode("successful")}
    option["series"].insert(1, worked)
    return _below_legend(option)


def rate_option(frame: pd.DataFrame, versus: str, filling: bool = True) -> Option:
    """A line of percent per bucket; a last one that still fills ends in a hollow point.

    Of a frame that is `sized` the tooltip says what the rates are of.
    """
    now = line("Success rate", "value", "value_said" if "value_said" in frame else None)
    option = _time_option(frame, PERCENT_FORMAT, now, HOLLOW if filling else None, versus)
    option["yAxis"].update(scale=True, axisLabel={"formatter": "{value} %"})
    if frame[["value", "before"]].max(axis=None) > NEAR_TOP:
        # the axis' round numbers would go past 100 %
        option["yAxis"]["max"] = 100
    option["series"] += few_points(frame, ["value"])
    return _below_legend(option)


def _below_legend(option: Option) -> Option:
    """The option with room for a second line of names, which more than three take on a phone."""
    if len(option["series"]) > 3:
        option["grid"] = {**option["grid"], "top": 56}
    return option


def sized(
    frame: pd.DataFrame, rows: Sequence[Row], column: str, count: str, interval: str | None = None
) -> pd.DataFrame:
    """The frame, whose rates in `column` of too few are in `<column>_few` instead.

    `<column>_said` has each with how many it is of (the rows' column `count`) and its 95 % interval
    (the rows' columns `<interval>_low_percent` and `<interval>_high_percent`).
    """
    ends = [
        [row[f"{interval}_{end}_percent"] for end in ("low", "high")] if interval else ()
        for row in rows
    ]
    frame[f"{column}_said"] = [
        formats.percent_of(None if pd.isna(rate) else rate, row[count], *pair)
        for rate, row, pair in zip(frame[column], rows, ends, strict=True)
    ]
    is_few = pd.Series([row[count] < formats.ENOUGH for row in rows], dtype="bool")
    frame[f"{column}_few"] = frame[column].where(is_few)
    frame[column] = frame[column].mask(is_few)
    return frame


def few_points(frame: pd.DataFrame, columns: Sequence[str]) -> list[Option]:
    """Grey points of the rates of few, as `sized` put them aside; none where there are none."""
    drawn = []
    for column in (f"{one}_few" for one in columns if f"{one}_few" in frame):
        few = frame[frame[column].notna()]
        # points of its own: a tooltip names them on their buckets only
        points = [
            [at.isoformat(), float(rate)]
            for at, rate in zip(few["drawn_at"], few[column], strict=True)
        ]
        if points:
            drawn.append({**FEW, "data": points})
    return drawn


def _time_option(
    frame: pd.DataFrame, value_format: str, now: Option, filling: Option | None, versus: str
) -> Option:
    drawn = [now]
    last = frame.iloc[-1]
    if filling and pd.notna(last["value"]):
        # its own single point: a tooltip names it on that bucket only
        point = [last["drawn_at"].isoformat(), float(last["value"])]
        drawn.append({**filling, "name": "Still filling", "data": [point]})
    if frame["before"].notna().any():
        drawn.append(before_line(versus[:1].upper() + versus[1:], "before"))
    return {
        "useUTC": True,
        "dataset": {"source": frame},
        "grid": {**GRID, "right": 12},
        "legend": {"top": 0, "left": 0},
        "tooltip": {"trigger": "axis", "valueFormatter": value_format},
        "xAxis": {"type": "time"},
        "yAxis": {"type": "value"},
        "series": drawn,
    }


def line(name: str, column: str, said: str | None = None) -> Option:
    """A line over `drawn_at`; where a value is unknown it has a gap.

    `said` is the column of its tooltip if that is another.
    """
    return {
        "type": "line",
        "name": name,
        "encode": {**encode(column), "tooltip": [said or column]},
        "showSymbol": False,
        "connectNulls": False,
    }


def annotated(option: Option, marks: Sequence[Mark], offset: timedelta = timedelta(0)) -> Option:
    """The option with a labelled rule at each moment; one time axis, its first series has them."""
    if marks:
        option["series"][0]["markLine"] = {
            "silent": True,
            "symbol": "none",
            "lineStyle": {"type": "dotted", "width": 1.5, "color": GREY},
            "label": {"position": "insideEndTop", "fontSize": 11},
            "data": [
                {
                    "name": mark.label,
                    "xAxis": (mark.at + offset).isoformat(),
                    "label": {"formatter": mark.label},
                }
                for mark in marks
            ],
        }
    return option


def inked(option: Option, ink: str) -> Option:
    """The option with its text in a colour that reads on the page, where it has none of its own.

    Streamlit writes axes and legends in one grey for all themes, which is too pale on white.
    """
    text = {"color": ink}
    for place in ("xAxis", "yAxis"):
        axes = option.get(place, [])
        for axis in axes if isinstance(axes, list) else [axes]:
            # days between hours, in bold
            days = {"rich": {"primary": {"fontWeight": "bold", **text}}}
            more = days if axis["type"] == "time" else {}
            axis["axisLabel"] = {**text, **more, **axis.get("axisLabel", {})}
            axis["nameTextStyle"] = {**text, **axis.get("nameTextStyle", {})}
    for place in ("legend", "visualMap"):
        if place in option:
            option[place] = {**option[place], "textStyle": text}
    for series in option["series"]:
        for part in (series, series.get("markLine", {})):
            if "label" in part:
                part["label"] = {**text, **part["label"]}
    return option


def before_line(name: str, column: str) -> Option:
    """The line of the comparison."""
    dashes = {"type": "dashed", "width": 1.5}
    return {**line(name, column), "lineStyle": dashes, "color": GREY}


def encode(column: str) -> Option:
    """Which columns a series over `drawn_at` reads."""
    return {"x": "drawn_at", "y": column, "tooltip": [column]}


def day_frame(rows: Sequence[Row], columns: Sequence[str]) -> pd.DataFrame:
    """One row per day: `drawn_at` and the columns as floats for drawing."""
    frame = pd.DataFrame(
        {"drawn_at": pd.to_datetime([row["drawn_at"] for row in rows], utc=True)},
    )
    for column in columns:
        frame[column] = pd.Series([row[column] for row in rows], dtype="float64")
    return frame


def lines_option(
    frame: pd.DataFrame,
    names: Mapping[str, str],
    value_format: str,
    axis: Option,
    before: tuple[str, str] | None = None,
    filling: bool = True,
) -> Option:
    """A line per named column over days; `before` is a column of the comparison and its name.

    Of columns that are `sized` the tooltip says what the rates are of.
    With `filling` the last day is today: its values are hollow points.
    """
    series = [
        line(name, column, f"{column}_said" if f"{column}_said" in frame else None)
        for column, name in names.items()
    ]
    if before:
        column, name = before
        series.append(before_line(name, column))
    few = few_points(frame, list(names))
    legend = [one["name"] for one in (*series, *few[:1])]
    series += few
    last = frame.iloc[-1]
    points = [
        [last["drawn_at"].isoformat(), float(last[column])]
        for column in names
        if filling and pd.notna(last[column])
    ]
    if points:
        series.append({**HOLLOW, "name": "Today so far", "data": points, "silent": True})
    return {
        "useUTC": True,
        "dataset": {"source": frame},
        # a legend of many names takes a second line
        "grid": {**GRID, "top": 36 if len(names) < 3 else 60},
        "legend": {"top": 0, "left": 0, "data": legend},
        "tooltip": {"trigger": "axis", "valueFormatter": value_format},
        "xAxis": {"type": "time"},
        "yAxis": {"type": "value", **axis},
        "series": series,
    }
