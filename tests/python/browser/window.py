"""A window of Chromium on the running dashboard."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Page, Request, expect

from infra.settings import Settings


class Window:
    """A window on the dashboard; requests to other machines are kept."""

    def __init__(self, browser: Browser, stack: Settings, **look: Any) -> None:
        self._address = f"http://127.0.0.1:{stack.dashboard_port}"
        self.outside: list[str] = []
        self.page: Page = browser.new_page(**look)
        self.page.on("request", self._note)

    def _note(self, request: Request) -> None:
        ours = (f"{self._address}/", self._address.replace("http", "ws"), "data:", "blob:")
        if not request.url.startswith(ours):
            self.outside.append(request.url)

    def open(self, path: str) -> Page:
        """The page, once its script has run and every card is drawn."""
        self.page.goto(f"{self._address}/{path}")
        done = self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]")
        expect(done).to_be_attached(timeout=60_000)
        expect(self.page.locator("[data-testid=stSkeleton]")).to_have_count(0, timeout=60_000)
        return self.page
