"""The documentation site in a real browser: pages show their content and ask no other machine."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Request, expect

from infra.cli.docs import LEAST_HEALTH
from infra.docs import site
from infra.settings import Settings

pytestmark = pytest.mark.browser

# Address within the site -> a text that is there once the page is drawn.
PAGES = {
    "index.html": "Gold: what to query",
    "dbt/index.html": "Rules that make the numbers right",
    "dbt/index.html#!/model/model.finhouse.agg_kpis_daily": "success_rate",
    "columns/index.html?model=model.finhouse.agg_kpis_daily&parents=4": "silver_fx_rates_state",
    "health/index.html#/health": "Documentation",
    "health/index.html#/erd?focus=model.finhouse.fct_payments_by_day&depth=2": "dim_merchants",
    "health/index.html#/lineage": "silver_transactions_deltas",
}


class Quiet(SimpleHTTPRequestHandler):
    """A file server that keeps its requests to itself."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> site.Site:
    """The site of this checkout, built without a server."""
    nowhere = Settings(clickhouse_port=1, clickhouse_password="unused")
    return site.build(nowhere, lambda *_: None, tmp_path_factory.mktemp("docs") / "site")


@pytest.fixture(scope="module")
def address(built: site.Site) -> Iterator[str]:
    """Where the site is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built.folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize("path", PAGES)
def test_page_shows_its_content_and_asks_no_other_machine(
    browser: Browser, address: str, path: str
) -> None:
    page = browser.new_page()
    asked: list[str] = []
    refused: list[str] = []

    def note_request(request: Request) -> None:
        if not request.url.startswith((f"{address}/", "data:", "blob:")):
            asked.append(request.url)

    def note_refusal(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            refused.append(message.text)

    page.on("request", note_request)
    page.on("console", note_refusal)
    page.goto(f"{address}/{path}")
    expect(page.get_by_text(PAGES[path]).first).to_be_visible(timeout=60_000)
    page.wait_for_timeout(500)  # what a page sends once it is drawn
    page.close()
    assert asked == []
    assert refused == []


def test_every_page_forbids_requests_to_other_machines(built: site.Site) -> None:
    pages = list(built.folder.rglob("*.html"))
    assert len(pages) == 4
    for page in pages:
        assert "<head><meta http-equiv=" in page.read_text(encoding="utf-8")


def test_site_is_complete_and_small(built: site.Site) -> None:
    assert built.bytes < 12_000_000
    # What has no origin reads a clock or is written out in the query.
    assert built.columns - built.traced < 0.06 * built.columns
    assert built.health >= LEAST_HEALTH


def test_nothing_is_left_of_the_building(built: site.Site) -> None:
    assert list(Path(built.folder).parent.iterdir()) == [built.folder]
