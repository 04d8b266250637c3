"""A commit in Postgres moves the number on the page by exactly that amount."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, Page, expect

from infra.settings import Settings
from tests.python.browser.window import Window
from tests.python.stack.world import World

pytestmark = [pytest.mark.stack, pytest.mark.browser]


@pytest.fixture(scope="module")
def page(browser: Browser, stack: Settings) -> Iterator[Page]:
    """The Overview of the running dashboard; no request may leave the machine."""
    window = Window(browser, stack, viewport={"width": 1440, "height": 1200})
    yield window.open("?range=30d")
    window.page.close()
    assert window.outside == []


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
