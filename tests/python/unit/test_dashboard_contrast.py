"""Every text reads on what is behind it, on light pages and dark ones: contrast of 4.5 or more."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from dashboard import charts, charts_explore
from infra.settings import ROOT

ENOUGH = 4.5
THEMES = ("light", "dark")
NAMED = ("green", "red", "orange", "yellow", "blue", "violet", "gray")
# How much of a colour is in what Streamlit tints with it: behind badges, and behind what is chosen.
TINTS = {"light": 0.1, "dark": 0.2}
CHOSEN_TINT = 0.1
CAPTION = 0.6  # how opaque Streamlit writes captions

Color = tuple[float, float, float]


def color(text: str) -> Color:
    """Red, green and blue of `#RRGGBB`, 0..255."""
    assert re.fullmatch("#[0-9A-Fa-f]{6}", text), text
    red, green, blue = (float(int(text[at : at + 2], 16)) for at in (1, 3, 5))
    return red, green, blue


def over(front: Color, back: Color, opacity: float) -> Color:
    """A colour that one sees another through."""
    red, green, blue = (f * opacity + b * (1 - opacity) for f, b in zip(front, back, strict=True))
    return red, green, blue


def contrast(one: Color, other: Color) -> float:
    """1 to 21, as WCAG 2.2 defines it: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""

    def luminance(shown: Color) -> float:
        parts = [part / 255 for part in shown]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def rgba(text: str) -> tuple[Color, float]:
    """Colour and opacity of `rgba(…)`."""
    red, green, blue, opacity = (float(part) for part in text[5:-1].split(","))
    return (red, green, blue), opacity


def pairs(theme: str) -> Iterator[tuple[str, Color, Color]]:
    """Each text of a theme with what is behind it."""
    config = tomllib.loads((ROOT / ".streamlit/config.toml").read_text(encoding="utf-8"))["theme"]
    shown: dict[str, Any] = config[theme]
    side: dict[str, Any] = shown["sidebar"]
    text = color(shown["textColor"])
    for place, page in (("page", shown), ("sidebar", {**shown, **side})):
        behind, fields = color(page["backgroundColor"]), color(page["secondaryBackgroundColor"])
        yield f"text on the {place}", text, behind
        yield f"text in fields of the {place}", text, fields
        yield f"captions on the {place}", over(text, behind, CAPTION), behind
        yield f"links on the {place}", color(shown["linkColor"]), behind
        chosen = color(shown["primaryColor"])
        yield f"under the pointer on the {place}", chosen, behind
        yield f"what is chosen on the {place}", chosen, over(chosen, behind, CHOSEN_TINT)
        for name in NAMED:
            named = color(shown[f"{name}Color"])
            yield f"{name} on the {place}", named, behind
        code = color(shown["codeTextColor"])
        yield f"code on the {place}", code, color(shown["codeBackgroundColor"])
    behind = color(shown["backgroundColor"])
    for name in NAMED:
        # Streamlit darkens the text of badges on light pages and lightens it on dark ones
        named = color(shown[f"{name}Color"])
        yield f"{name} badges", named, over(named, behind, TINTS[theme])
    header = color(shown["dataframeHeaderTextColor"])
    yield "heads of tables", header, color(shown["dataframeHeaderBackgroundColor"])
    yield "text of charts", color(shown["grayColor"]), behind
    for name, bar in (("bars", charts_explore.BAR), ("chosen bars", charts_explore.CHOSEN)):
        yield f"names on {name}", text, over(rgba(bar)[0], behind, rgba(bar)[1])


@pytest.mark.parametrize("theme", THEMES)
def test_every_text_of_a_theme_reads(theme: str) -> None:
    found = {name: round(contrast(text, behind), 2) for name, text, behind in pairs(theme)}
    assert len(found) > 30
    assert {name: ratio for name, ratio in found.items() if ratio < ENOUGH} == {}


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast(color("#000000"), color("#FFFFFF")) == pytest.approx(21)
    assert contrast(color("#777777"), color("#FFFFFF")) == pytest.approx(4.48, abs=0.005)


def test_nothing_is_written_in_white_on_the_primary_colour() -> None:
    """No colour reads both as text on a dark page and under white text. Left are the tags in the
    fields of the filter bar, which Streamlit draws so."""
    pages = (ROOT / "dashboard").rglob("*.py")
    assert [p.name for p in pages if 'type="primary"' in p.read_text(encoding="utf-8")] == []


def test_no_page_draws_a_chart_whose_text_is_streamlits() -> None:
    files = (ROOT / "dashboard").rglob("*.py")
    own = [p.name for p in files if "st.echarts_chart(" in p.read_text(encoding="utf-8")]
    assert own == ["ui.py"]


def test_text_of_charts_has_the_ink_it_is_given_or_its_own() -> None:
    frame = pd.DataFrame({"drawn_at": pd.to_datetime(["2026-01-01"]), "value": [1.0]})
    option: charts.Option = {
        "xAxis": {"type": "time", "name": "Day"},
        "yAxis": [{"type": "value", "axisLabel": {"formatter": "{value} %"}}, {"type": "value"}],
        "legend": {"top": 0},
        "dataset": {"source": frame},
        "series": [
            {**charts.line("Rate", "value"), "label": {"show": True}},
            {**charts.line("Own", "value"), "label": {"color": "#123456"}},
            {**charts.line("Rule", "value"), "markLine": {"label": {"position": "end"}}},
        ],
    }
    inked = charts.inked(option, "#5B6B68")
    ink = {"color": "#5B6B68"}
    days = {"rich": {"primary": {"fontWeight": "bold", **ink}}}
    assert (inked["xAxis"]["nameTextStyle"], inked["xAxis"]["axisLabel"]) == (ink, {**ink, **days})
    assert [axis["axisLabel"] for axis in inked["yAxis"]] == [
        {**ink, "formatter": "{value} %"},
        ink,
    ]
    assert inked["legend"] == {"top": 0, "textStyle": ink}
    one, own, rule = inked["series"]
    assert one["label"] == {**ink, "show": True}
    assert own["label"] == {"color": "#123456"}
    assert rule["markLine"]["label"] == {**ink, "position": "end"}
