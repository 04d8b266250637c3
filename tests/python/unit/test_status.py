"""What `status` makes of parts that run and do nothing."""

from __future__ import annotations

from typing import Any

import pytest

from infra.cli import status
from infra.cli.status import FINE, Problem, Row
from infra.settings import Settings
from infra.transform.standstill import AGES, FAILING
from ingestion import connector


def answers(monkeypatch: pytest.MonkeyPatch, **ages: int) -> None:
    """The warehouse says how long ago each of these components did its work; the others never."""
    found: dict[str, list[dict[str, Any]]] = {
        AGES[name]: [{"age": age}] for name, age in ages.items()
    }
    monkeypatch.setattr(status, "_ask", lambda rows, query: found.get(query, []))


@pytest.mark.parametrize(
    ("component", "uptime", "age", "silent"),
    [
        ("connect", 900, 1, 0),
        ("connect", 900, 75, 75),
        ("connect", 20, 4_000, 0),  # the stack was down meanwhile, and its worker has just started
        ("connect", 70, 4_000, 70),
        ("connect", None, 4_000, 0),
        ("connect", 900, None, 0),  # nothing was ever captured: a first start
        ("transform", 900, 59, 0),
        ("transform", 900, 61, 61),  # as when the project does not parse
        ("background", 900, 61, 0),
        ("background", 900, 301, 301),
    ],
)
def test_silence_is_said_once_the_component_had_the_time(
    monkeypatch: pytest.MonkeyPatch,
    component: str,
    uptime: int | None,
    age: int | None,
    silent: int,
) -> None:
    answers(monkeypatch, **({} if age is None else {component: age}))
    rows = [Row(component, "running", 1, 8083, uptime, 0)]
    verdict = status._verdict(rows, [], status.standstills(rows))
    assert (verdict == FINE) == (silent == 0)
    assert not silent or f" for {silent} s: ./finhouse logs {component}" in verdict


def test_what_is_down_or_refused_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, connect=500, transform=500)
    rows = [Row(name, "running", 1, None, 900, 0) for name in ("connect", "transform")]
    problem = Problem("disputes", "found the table empty", "./finhouse recapture")
    verdict = status._verdict(rows, [problem], status.standstills(rows))
    assert "captured for 500 s" in verdict and "transformed for" not in verdict
    rows[0] = Row("connect", "failed", 1, None, 900, 0)
    verdict = status._verdict(rows, [problem], status.standstills(rows))
    assert "connect is down" in verdict and "captured for" not in verdict


def test_a_model_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = {"model": "fct_x", "component": "background", "last_message": "Code: 241"}
    monkeypatch.setattr(status, "_ask", lambda rows, query: [failing] if query == FAILING else [])
    rows = [Row("background", "running", 1, None, 10, 0)]
    verdict = status._verdict(rows, [], status.standstills(rows))
    assert verdict == "fct_x fails: Code: 241: ./finhouse logs background"


@pytest.mark.parametrize("state", ["paused", "stopped"])
def test_a_connector_that_somebody_holds_is_said_instead_of_silence(
    monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    rows = [Row("kafka", "running", 1, 9092, 900, 0), Row("connect", state, 1, 8083, 900, 0)]
    answers(monkeypatch, connect=75)
    verdict = status._verdict(rows, [], status.standstills(rows))
    assert "Capture is held" in verdict
    assert "./finhouse up" in verdict
    assert "for 75 s" not in verdict
    assert "down" not in verdict


@pytest.mark.parametrize(
    ("connector_state", "task", "shown"),
    [
        ("RUNNING", "RUNNING", ""),
        ("RUNNING", "FAILED", "failed"),
        ("PAUSED", "PAUSED", "paused"),
        ("STOPPED", "UNASSIGNED", "stopped"),
        ("ABSENT", "ABSENT", ""),
    ],
)
def test_the_connector_stands_for_its_worker(
    monkeypatch: pytest.MonkeyPatch, connector_state: str, task: str, shown: str
) -> None:
    found = connector.ConnectorStatus(connector_state, task, "")
    monkeypatch.setattr(connector, "status", lambda settings, timeout: found)
    assert status._capture_state(Settings()) == shown
