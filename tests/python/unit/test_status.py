"""What `status` makes of capture that runs and brings nothing."""

from __future__ import annotations

import pytest

from infra.cli import status
from infra.cli.status import Row


@pytest.mark.parametrize(
    ("uptime", "age", "silent"),
    [
        (900, 1, 0),
        (900, 75, 75),
        (20, 4_000, 0),  # the stack was down meanwhile, and its worker has just started
        (70, 4_000, 70),
        (None, 4_000, 0),
        (900, None, 0),  # nothing was ever captured: a first start
    ],
)
def test_silence_is_said_once_the_worker_had_the_time(
    monkeypatch: pytest.MonkeyPatch, uptime: int | None, age: int | None, silent: int
) -> None:
    found = [] if age is None else [{"age": age}]
    monkeypatch.setattr(status, "_ask", lambda rows, query: found)
    rows = [Row("connect", "running", 1, 8083, uptime, 0)]
    assert status.silence(rows) == silent
    verdict = status._verdict(rows, [], silent)
    assert (verdict == "Everything runs.") == (silent == 0)
    assert not silent or f"Nothing has been captured for {silent} s" in verdict
