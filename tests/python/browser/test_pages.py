"""Every page of the running dashboard in a real browser, wide and narrow, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from infra.settings import ROOT, Settings
from tests.python.browser.window import Window

pytestmark = [pytest.mark.stack, pytest.mark.browser]

PAGES = sorted(
    path.stem for path in (ROOT / "dashboard" / "app_pages").glob("*.py") if path.stem != "__init__"
)
LOOKS: dict[str, dict[str, Any]] = {
    "wide, light": {"viewport": {"width": 1440, "height": 1000}, "color_scheme": "light"},
    "narrow, dark": {"viewport": {"width": 375, "height": 800}, "color_scheme": "dark"},
}


@pytest.fixture(scope="module", params=LOOKS)
def window(browser: Browser, stack: Settings, request: pytest.FixtureRequest) -> Iterator[Window]:
    opened = Window(browser, stack, **LOOKS[request.param])
    yield opened
    opened.page.close()


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_whole_and_asks_no_other_machine(window: Window, name: str) -> None:
    page = window.open("" if name == "overview" else name)
    expect(page.locator("h1").first).to_be_visible()
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert window.outside == []


def test_a_statement_is_coloured_completed_and_run_with_a_key(
    browser: Browser, stack: Settings
) -> None:
    page = Window(browser, stack, **LOOKS["wide, light"]).open("sql")
    editor = page.get_by_role("textbox", name="Statement")
    editor.click()
    page.keyboard.type("select 1 + 41 as answer from gold.agg_kp", delay=20)
    expect(page.get_by_role("option", name=re.compile("agg_kpis_daily")).first).to_be_visible()
    page.wait_for_timeout(500)  # it takes no key for a choice at once
    page.keyboard.press("Enter")
    expect(editor).to_contain_text("from gold.agg_kpis_daily")
    keyword = editor.get_by_text("select", exact=True)
    assert keyword.evaluate("word => getComputedStyle(word).color") != editor.evaluate(
        "text => getComputedStyle(text).color"
    )
    page.keyboard.type(" limit 1")
    page.keyboard.press("Control+Enter")
    # What ran is what was typed last, and the address holds it.
    expect(page.get_by_text("in ClickHouse").first).to_be_visible(timeout=30_000)
    history = page.locator(".st-key-entry_0")
    expect(history).to_contain_text("select 1 + 41 as answer from gold.agg_kpis_daily limit 1")
    expect(page).to_have_url(re.compile("limit"), timeout=30_000)
    page.reload()
    expect(editor).to_contain_text("limit 1", timeout=30_000)
