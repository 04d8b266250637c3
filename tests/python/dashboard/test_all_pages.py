"""What every page has: names for charts and tables, and a word for each state it can be in."""

from __future__ import annotations

import ast
from typing import Any

import pytest
import streamlit as st
from clickhouse_connect.driver.exceptions import DatabaseError
from streamlit.testing.v1 import AppTest

from dashboard import connection
from infra.settings import ROOT
from tests.python.dashboard import test_payment
from tests.python.dashboard.pages import OpenPage

# Each puts the rows of its page into the one stubbed warehouse.
from tests.python.dashboard.test_acceptance import rows as of_acceptance  # noqa: F401
from tests.python.dashboard.test_accounts import rows as of_accounts  # noqa: F401
from tests.python.dashboard.test_alerts import rows as of_alerts  # noqa: F401
from tests.python.dashboard.test_explore import rows as of_explore  # noqa: F401
from tests.python.dashboard.test_fx import rows as of_fx  # noqa: F401
from tests.python.dashboard.test_merchants import rows as of_merchants  # noqa: F401
from tests.python.dashboard.test_payment import rows as of_payment  # noqa: F401
from tests.python.dashboard.test_pipeline import rows as of_pipeline  # noqa: F401
from tests.python.dashboard.test_risk import rows as of_risk  # noqa: F401

# Page -> how many charts and tables it draws at least, from the rows of its own test.
PAGES = {
    "overview": 6,
    "pipeline": 4,
    "alerts": 1,
    "acceptance": 6,
    "risk": 8,
    "merchants": 3,
    "accounts": 3,
    "fx": 5,
    "explore": 5,
    "sql": 0,
    "payment": 4,
}
DRAWN = ("echarts_chart", "vega_lite_chart")
# What draws a chart or a table; `show_trend` hands a name on.
DRAWING = {"chart", "time_chart", "echarts_chart", "altair_chart", "dataframe"}


def open_at(open_page: OpenPage, page: str) -> AppTest:
    app = open_page(**({"payment": str(test_payment.ID)} if page == "payment" else {}))
    if page != "overview":
        app.switch_page(f"app_pages/{page}.py").run()
    assert not app.exception
    return app


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_its_charts_and_tables_and_says_when_it_is_stale_or_may_not_read(
    warehouse: Any, open_page: OpenPage, page: str
) -> None:
    """One session goes through the states, as a reader's does."""
    app = open_at(open_page, page)
    assert not app.warning
    drawn = [*app.dataframe, *(one for kind in DRAWN for one in app.get(kind))]
    assert len(drawn) >= PAGES[page]
    assert [one for one in drawn if not one.proto.alt.strip()] == []

    warehouse.lags([0.1, 0.2, 0.4, 90.0, 91.0])
    st.cache_data.clear()
    app.run()
    assert not app.exception
    assert any("nothing newer has passed bronze → silver" in box.value for box in app.warning)

    refused = DatabaseError("Not enough privileges")
    refused.code = 497
    warehouse.error = connection.explain(refused)
    st.cache_data.clear()
    app.run()
    assert not app.exception
    assert any("needs SELECT on gold and ops" in box.value for box in app.error)
    assert any("may not read the warehouse" in text.value for text in app.markdown)


def test_whatever_draws_a_chart_or_a_table_gives_it_a_name() -> None:
    """Also what the rows above do not draw."""
    nameless = []
    for path in sorted((ROOT / "dashboard").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            names = {keyword.arg for keyword in node.keywords}
            positional = node.func.attr == "time_chart" and len(node.args) >= 4
            if node.func.attr in DRAWING and not (positional or names & {"alt", None}):
                nameless.append(f"{path.name}:{node.lineno}")
    assert nameless == []


def test_a_card_is_a_skeleton_until_its_first_content_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def page() -> None:
        import streamlit as st

        from dashboard import ui

        with ui.loading("card", 120):
            st.markdown("content")

    heights: list[int] = []
    skeleton = st.skeleton

    def recording(*, height: int) -> Any:
        heights.append(height)
        return skeleton(height=height)

    monkeypatch.setattr(st, "skeleton", recording)
    app = AppTest.from_function(page).run()
    assert heights == [120]
    assert [text.value for text in app.markdown] == ["content"]
    app.run()
    assert heights == [120]  # a refresh keeps the content instead
    assert [text.value for text in app.markdown] == ["content"]
