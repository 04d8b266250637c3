"""Steps of a start: side by side where they can be, each reported with its own time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from infra.cli import console


def progress_bars() -> Progress:
    """Bars on a terminal, nothing elsewhere."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<20}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        console=console.out,
        transient=True,
        disable=not console.out.is_terminal,
    )


class Steps:
    """Steps that wait for one another; each prints its line when it is done."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(16)
        self._futures: dict[str, Future[None]] = {}
        self._abandoned = threading.Event()

    def __contains__(self, name: str) -> bool:
        return name in self._futures

    def add(self, name: str, after: list[str], step: Callable[[], tuple[str, str]]) -> None:
        """Run `step` once the steps named in `after` are done; it returns (title, detail).

        Names in `after` that were not added are passed over.
        """
        waited_for = [self._futures[other] for other in after if other in self._futures]

        def work() -> None:
            for future in waited_for:
                future.result()
            if self._abandoned.is_set():
                return
            began = time.monotonic()
            title, detail = step()
            if not self._abandoned.is_set():
                console.ok(title, detail, time.monotonic() - began)

        self._futures[name] = self._pool.submit(work)

    def finish(self) -> None:
        """Wait for all; raise the first step's error, which is also the cause of later ones."""
        pending = set(self._futures.values())
        while pending:
            _, pending = wait(pending, timeout=0.2, return_when="FIRST_EXCEPTION")
            for future in self._futures.values():
                if future.done():
                    future.result()
        self._pool.shutdown()

    def abandon(self) -> None:
        """Let no further step begin, and do not wait for those that run."""
        self._abandoned.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
