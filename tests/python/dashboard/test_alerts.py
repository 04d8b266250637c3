"""The page Alerts in each of its states, on a stubbed warehouse, and the mark in the sidebar."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.python.dashboard.pages import UNREACHABLE, OpenPage, captions

PAGE = "app_pages/alerts.py"
NOW = datetime(2026, 3, 29, 14, 37, 42, tzinfo=UTC)


def alert(**changed: Any) -> dict[str, Any]:
    row = {
        "alert": "payments_stopped",
        "sentence": "No payment has been attempted for a minute or more.",
        "severity": "critical",
        "state": "ok",
        "since": NOW,
        "value_shown": "0.0 s",
        "fires_when": "> 60 s",
        "hold_seconds": 0,
        "look_at": "overview",
        "message": "",
        "milliseconds": 12.0,
        "age_seconds": 12,
        "listed_seconds": 10,
    }
    return {**row, **changed}


def change(**changed: Any) -> dict[str, Any]:
    row = {
        "changed_at": NOW,
        "alert": "payments_stopped",
        "state": "firing",
        "severity": "critical",
        "message": "No payment: 95 s (fires at > 60 s)",
        "channels": ["file", "webhook"],
        "told": ["file"],
        "problem": "it answers 500",
    }
    return {**row, **changed}


@pytest.fixture(autouse=True)
def rows(warehouse: Any) -> Any:
    """What the warehouse answers to this page."""
    warehouse.rows.update(
        alerts=[alert(), alert(alert="fx_rate_old", state="no data", value_shown="")],
        alert_history=[],
    )
    return warehouse


@pytest.fixture
def open_it(open_page: OpenPage) -> OpenPage:
    """Opens the page itself at a URL with these query parameters."""
    return lambda **url: open_page(**url).switch_page(PAGE).run()


def test_while_all_is_quiet_it_says_so(open_it: OpenPage) -> None:
    app = open_it()
    assert not app.exception
    assert not app.error
    (verdict,) = app.success
    assert "2 rules looked at 10 s ago" in verdict.value
    table = app.dataframe[0].value
    assert table["alert"].tolist() == ["Payments stopped", "FX rate old"]
    assert table["value"].tolist() == ["0.0 s", "n/a"]
    assert "Nothing changed in the last 7 days." in captions(app)
    assert not app.sidebar.get("page_link")


def test_what_fires_has_a_card_and_a_link_to_what_to_look_at(open_it: OpenPage, rows: Any) -> None:
    rows.rows["alerts"][0].update(
        state="firing", value_shown="95 s", message="nothing from *Kafka*", look_at="pipeline"
    )
    rows.rows["alert_history"] = [change()]
    rows.rows["firing"] = [{"count_firing": 1}]
    app = open_it()
    assert not app.exception
    (error,) = app.error
    assert error.value == "Payments stopped"
    assert "95 s, fires at > 60 s" in captions(app).replace("\\", "")
    assert "nothing from \\*Kafka\\*" in captions(app)
    links = {link.proto.label: link.proto.page for link in app.main.get("page_link")}
    assert links == {"Look at Pipeline and trust": "pipeline"}
    (mark,) = app.sidebar.get("page_link")
    assert mark.proto.label == ":red[**1 alert fires**]"
    history = app.dataframe[1].value
    assert history["told"].tolist() == ["file, not yet: webhook (it answers 500)"]


def test_a_page_that_is_none_is_no_link(open_it: OpenPage, rows: Any) -> None:
    rows.rows["alerts"][0].update(state="firing", look_at="../../etc/passwd")
    app = open_it()
    assert not app.exception
    assert not app.main.get("page_link")


def test_a_rule_that_cannot_be_asked_is_told_with_its_reason(open_it: OpenPage, rows: Any) -> None:
    rows.rows["alerts"][1].update(state="error", message="Unknown table gold.x")
    app = open_it()
    (warning,) = app.warning
    assert "Unknown table" in warning.value
    assert "1 rules looked at" in app.success[0].value


def test_it_says_when_nobody_looks(open_it: OpenPage, rows: Any) -> None:
    rows.rows["alerts"][0].update(listed_seconds=900)
    app = open_it()
    assert not app.success
    (warning,) = app.warning
    assert "./finhouse logs background" in warning.value


def test_it_says_so_before_anything_was_looked_at(open_it: OpenPage, rows: Any) -> None:
    rows.rows["alerts"] = []
    app = open_it()
    assert not app.exception
    assert any("alerts --check" in info.value for info in app.info)


def test_without_a_warehouse_it_says_why_and_what_to_do(open_it: OpenPage, rows: Any) -> None:
    rows.error = UNREACHABLE
    app = open_it()
    assert not app.exception
    (error,) = app.error
    assert "`./finhouse status`" in error.value
    assert "Waiting for the warehouse." in captions(app)
