"""Builds the charts of the page Explore: a trend to brush, and lists of bars to click."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import altair as alt
import pandas as pd

from dashboard import cards
from dashboard.charts import GREY, Option, Row
from dashboard.definitions import Format, Metric
from dashboard.periods import Window
from dashboard.views import Mark

BRUSH = "brush"
BAR = "rgba(20, 148, 136, 0.30)"
CHOSEN = "rgba(217, 119, 6, 0.55)"
ROW_HEIGHT = 26
AXIS_FORMATS: dict[Format, str] = {"percent": ".1%", "euro": "~s"}


def trend_frame(
    rows: Sequence[Row],
    window: Window,
    metric: Metric,
    before: Sequence[Row] = (),
    shift: timedelta = timedelta(0),
) -> pd.DataFrame:
    """One row per bucket of the window: `begins`, `middle`, `ends`, `value`, `shown`, `is_filling`,
    and of the comparison, `shift` earlier, `before` and `before_shown`.

    A bucket without a payment has no row in the answer: counts and amounts are 0 there, a rate or
    an average is unknown.
    """
    begins = [window.start + position * window.bucket for position in range(window.slots)]
    values = _values(rows, metric, begins)
    earlier = [None for _ in begins]
    if before:
        earlier = _values(before, metric, [begin - shift for begin in begins])
    return pd.DataFrame(
        {
            "begins": pd.to_datetime(begins, utc=True),
            "middle": pd.to_datetime([begin + window.bucket / 2 for begin in begins], utc=True),
            "ends": pd.to_datetime([begin + window.bucket for begin in begins], utc=True),
            # floats are for drawing only
            "value": pd.Series(values, dtype="float64"),
            "shown": [cards.show(one, metric.format) for one in values],
            "before": pd.Series(earlier, dtype="float64"),
            "before_shown": [cards.show(one, metric.format) for one in earlier],
            "is_filling": [
                begin == window.filling_from and window.complete_end < window.fill_to
                for begin in begins
            ],
        }
    )


def _values(rows: Sequence[Row], metric: Metric, begins: Sequence[datetime]) -> list[Any]:
    """A metric of the buckets that begin so."""
    known = {str(row["value"]): row[metric.name] for row in rows if row["dimension"] == "trend"}
    is_sum = metric.name.startswith("count_") or metric.name.endswith("_amount_eur")
    nothing = Decimal(0) if is_sum else None
    return [known.get(f"{begin:%Y-%m-%d %H:%M:%S}", nothing) for begin in begins]


def trend_chart(
    frame: pd.DataFrame, metric: Metric, versus: str, marks: Sequence[Mark], height: int, ink: str
) -> alt.LayerChart:
    """Bars of a sum or a line of a rate; a drag along the time selects a part of it.

    Behind it the comparison, if there is any, and a labelled rule at each of `marks`.
    """
    is_sum = frame["value"].notna().all() and metric.format in ("integer", "compact", "euro")
    is_bars = is_sum and metric.name != "average_ticket_eur"
    brush = alt.selection_interval(name=BRUSH, encodings=["x"])
    axis = alt.Axis(
        title=None, format=AXIS_FORMATS.get(metric.format, "~s"), tickCount=4, labelColor=ink
    )
    is_long = frame["ends"].iloc[-1] - frame["begins"].iloc[0] > pd.Timedelta(days=2)
    x_axis = alt.Axis(
        title=None,
        grid=False,
        labelOverlap=True,
        labelColor=ink,
        format="%d %b" if is_long else "%H:%M",
    )
    has_before = frame["before"].notna().any()
    tooltip = [
        alt.Tooltip("begins:T", title="From (UTC)", format="%d %b %Y %H:%M"),
        alt.Tooltip("shown:N", title=metric.label),
    ]
    if has_before:
        tooltip.append(alt.Tooltip("before_shown:N", title=versus[:1].upper() + versus[1:]))
    scale = alt.Scale(type="utc")
    # an axis of nothing but 0 has no other number
    sums = alt.Undefined if frame["value"].any() else alt.Scale(domain=[0, 1])
    y_scale = sums if is_bars else alt.Scale(zero=False)
    base = alt.Chart(frame)
    if is_bars:
        drawn = base.mark_bar(stroke=None).encode(
            x=alt.X("begins:T", axis=x_axis, scale=scale),
            x2="ends:T",
            y=alt.Y("value:Q", axis=axis, scale=y_scale),
            y2=alt.Y2Datum(0),
            opacity=alt.condition("datum.is_filling", alt.value(0.45), alt.value(0.9)),
            tooltip=tooltip,
        )
    else:
        drawn = base.mark_line(point=len(frame) < 60).encode(
            x=alt.X("begins:T", axis=x_axis, scale=scale),
            y=alt.Y("value:Q", axis=axis, scale=y_scale),
            tooltip=tooltip,
        )
    layers: list[alt.Chart] = [drawn.add_params(brush)]
    if has_before:
        place = "middle:T" if is_bars else "begins:T"
        dashed = base.mark_line(color=GREY, strokeDash=[4, 3], strokeWidth=1.5)
        layers.append(dashed.encode(x=place, y="before:Q"))
    if marks:
        told = pd.DataFrame(
            {
                "at": pd.to_datetime([mark.at for mark in marks], utc=True),
                "label": [mark.label for mark in marks],
            }
        )
        at = alt.Chart(told).encode(x="at:T")
        layers.append(at.mark_rule(color=ink, strokeDash=[2, 2], strokeWidth=1.5))
        text = at.mark_text(align="left", baseline="top", dx=4, color=ink)
        layers.append(text.encode(y=alt.value(0), text="label:N"))
    return cast("alt.LayerChart", alt.layer(*layers, height=height))


def brushed(selection: object) -> tuple[datetime, datetime] | None:
    """The two moments of a brush, from what the browser says; None for anything else."""
    try:
        first, last = selection["begins"]  # type: ignore[index]
        start, end = (datetime.fromtimestamp(float(at) / 1000, UTC) for at in (first, last))
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
    return (start, end) if start < end else None


def board_frame(
    rows: Sequence[Row], names: Sequence[str], metric: Metric, chosen: Collection[str]
) -> pd.DataFrame:
    """One row per value, the first one last (an axis counts upwards); `full` is the longest bar."""
    values = [row[metric.name] for row in rows]
    drawn = [0.0 if value is None else float(value) for value in values]
    full = max(drawn, default=0.0) or 1.0
    frame = pd.DataFrame(
        {
            "name": list(names),
            "length": drawn,
            "full": full,
            "shown": [cards.show(value, metric.format) for value in values],
            "is_chosen": [row["value"] in chosen for row in rows],
        }
    )
    return frame.iloc[::-1].reset_index(drop=True)


def board_option(frame: pd.DataFrame, label: str, ink: str) -> Option:
    """Names over bars, each row one place to click."""
    bar: Option = {"type": "bar", "barWidth": ROW_HEIGHT - 5, "barGap": "-100%"}
    colors = [CHOSEN if is_chosen else BAR for is_chosen in frame["is_chosen"]]
    text = {"show": True, "fontSize": 13, "color": ink}
    lengths = [
        {"value": value, "itemStyle": {"color": color, "borderRadius": 3}}
        for value, color in zip(frame["length"], colors, strict=True)
    ]
    whole = [float(full) for full in frame["full"]]
    names = [
        {
            "value": full,
            "name": str(name),
            "label": {"formatter": ("✓ " if is_chosen else "") + _literal(name)},
        }
        for full, name, is_chosen in zip(whole, frame["name"], frame["is_chosen"], strict=True)
    ]
    shown = [
        {"value": full, "label": {"formatter": _literal(value)}}
        for full, value in zip(whole, frame["shown"], strict=True)
    ]
    clear = {"color": "rgba(0, 0, 0, 0)"}
    return {
        "animation": False,
        "grid": {"left": 0, "right": 0, "top": 2, "bottom": 2},
        "xAxis": {"type": "value", "show": False, "min": 0, "max": whole[0] if whole else 1},
        "yAxis": {"type": "category", "show": False, "data": [str(n) for n in frame["name"]]},
        "series": [
            {**bar, "name": label, "silent": True, "data": lengths},
            {
                **bar,
                "silent": True,
                "itemStyle": clear,
                "label": {**text, "position": "insideRight"},
                "data": shown,
            },
            {
                **bar,
                "selectedMode": "single",
                "select": {"itemStyle": {**clear, "borderWidth": 0}},
                "emphasis": {"itemStyle": {"color": "rgba(138, 151, 168, 0.16)"}},
                "itemStyle": clear,
                "label": {
                    **text,
                    "position": "insideLeft",
                    "width": 150,
                    "overflow": "truncate",
                },
                "data": names,
            },
        ],
    }


def clicked(selection: object, count: int) -> int | None:
    """Which row of a board was clicked, from the top, from what the browser says."""
    try:
        (group,) = selection["selected"]  # type: ignore[index]
        (index,) = group["data_indices"]
        position = count - 1 - int(index)
    except (KeyError, TypeError, ValueError):
        return None
    return position if 0 <= position < count else None


def _literal(text: object) -> str:
    """A label's text as it is: braces would be a template."""
    return str(text).replace("{", "(").replace("}", ")")
