"""A commit in Postgres moves the number on the page by exactly that amount."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from playwright.sync_api import Page, Request, expect, sync_playwright

from infra.settings import Settings
from tests.python.stack.world import World

pytestmark = [pytest.mark.stack, pytest.mark.browser]

# Without these Chromium looks for its maker's servers at each start.
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def page(stack: Settings) -> Iterator[Page]:
    """The Overview of the running dashboard in a real browser; no request may leave the machine."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("no Chromium on this machine: apt-get install chromium")
    outside: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((f"http://127.0.0.1:{stack.dashboard_port}/", "data:")):
            outside.append(request.url)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_QUIET))
        opened = browser.new_page(viewport={"width": 1440, "height": 1200})
        opened.on("request", note)
        opened.goto(f"http://127.0.0.1:{stack.dashboard_port}/?range=30d")
        yield opened
        browser.close()
    assert [url for url in outside if not url.startswith("ws://127.0.0.1")] == []


def volume(page: Page) -> Decimal:
    """The successful volume on the page, to the cent."""
    value = page.locator("[data-testid=stMetricValue]").first
    expect(value).to_contain_text("€", timeout=60_000)
    return Decimal(re.sub(r"[^0-9.-]", "", value.inner_text()))


def test_a_commit_moves_the_number_by_exactly_its_amount(world: World, page: Page) -> None:
    now = datetime.now(UTC).isoformat()
    world.pay("1000.00", at=now)
    world.settle()
    page.reload()
    before = volume(page)
    for amount in ("123.45", "0.01", "-23.46"):
        row = world.pay(amount, at=now)
        expected = before + Decimal(amount)
        deadline = time.monotonic() + 15
        while (seen := volume(page)) != expected and time.monotonic() < deadline:
            page.wait_for_timeout(100)
        assert seen == expected
        before = expected
    world.write("delete from finance.transactions where transaction_id = %s", row)
    deadline = time.monotonic() + 15
    while (seen := volume(page)) != before + Decimal("23.46") and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert seen == before + Decimal("23.46")


def test_the_page_says_how_fresh_it_is(page: Page) -> None:
    badge = page.get_by_text(re.compile(r"[0-9.]+ s behind source")).first
    expect(badge).to_be_attached(timeout=30_000)
