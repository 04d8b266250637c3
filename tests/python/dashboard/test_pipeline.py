"""The page Pipeline and trust in each of its states, on a stubbed warehouse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.python.dashboard.pages import UNREACHABLE, OpenPage, captions, metrics, options

PAGE = "app_pages/pipeline.py"
NOW = datetime(2026, 3, 29, 14, 37, 42, tzinfo=UTC)


def comparison(**changed: Any) -> dict[str, Any]:
    row = {
        "comparison": "transactions",
        "status": "equal",
        "count_rows": 1_234_567,
        "count_groups": 89,
        "count_differences": 0,
        "message": "",
        "finished_at": NOW,
        "age_seconds": 12,
    }
    return {**row, **changed}


@pytest.fixture(autouse=True)
def rows(warehouse: Any) -> Any:
    """What the warehouse answers to this page."""
    layers = enumerate(("bronze", "silver", "gold"), start=1)
    warehouse.rows.update(
        reconciliation=[comparison()],
        differences=[],
        reconciled_runs=[{"count_runs": 1440, "count_differing": 0, "count_failed": 1}],
        parity=[
            {
                "check_name": "facts_equal_deltas",
                "model": "fct_payments_by_day",
                "status": "equal",
                "count_differences": 0,
                "message": "",
                "age_seconds": 3,
            }
        ],
        capture=[
            {
                "source_table": "transactions",
                "complete_until": 4_711,
                "problem": "",
                "fix": "",
                "age_seconds": 4,
            }
        ],
        lags=[
            {
                "layer_order": order,
                "layer": layer,
                "count_heartbeats": 900,
                "p50_seconds": 0.4 * order,
                "p95_seconds": 0.8 * order,
                "p99_seconds": 1.0 * order,
                "max_seconds": 2.0 * order,
            }
            for order, layer in layers
        ],
        lag_trend=[
            {
                "drawn_at": NOW,
                "bronze_seconds": 0.4,
                "silver_seconds": 0.9,
                "gold_seconds": 1.25,
            }
        ],
        cycles=[
            {
                "tier": "live",
                "count_cycles": 800,
                "p50_seconds": 0.7,
                "p95_seconds": 1.1,
                "count_failed": 0,
            }
        ],
        slowest_models=[
            {
                "model": "fct_payments_by_day",
                "tier": "live",
                "count_runs": 800,
                "p50_seconds": 0.2,
                "max_seconds": 1.0,
                "total_seconds": 160.0,
            }
        ],
        failures=[],
    )
    return warehouse


@pytest.fixture
def open_it(open_page: OpenPage) -> OpenPage:
    """Opens the page itself at a URL with these query parameters."""
    return lambda **url: open_page(**url).switch_page(PAGE).run()


def test_it_says_that_the_numbers_are_right_and_how_long_they_take(open_it: OpenPage) -> None:
    app = open_it()
    assert not app.exception
    assert not app.error
    assert not app.warning
    (verdict,) = app.success
    assert "1,234,567" in verdict.value.replace("\\", "")
    assert metrics(app) == {
        "Commit to bronze": "0.4 s",
        "Commit to silver": "0.8 s",
        "Commit to gold": "1.2 s",
        "Proved in the last 24 hours": "1,439 times",
    }
    assert [series["name"] for series in options(app)[0]["series"]] == ["Bronze", "Silver", "Gold"]
    assert "No model failed in the last 24 hours." in captions(app)


def test_it_shows_what_differs_with_its_key(open_it: OpenPage, rows: Any) -> None:
    rows.rows["reconciliation"] = [comparison(status="differs", count_differences=1)]
    rows.rows["differences"] = [
        {
            "comparison": "transactions",
            "group_key": "2026-03-29|EUR|success",
            "row_key": '{"transaction_id": "7"}',
            "problem": "has other values",
            "column_name": "amount",
            "in_postgres": "1.00",
            "in_warehouse": None,
        }
    ]
    app = open_it()
    assert not app.exception
    (error,) = app.error
    assert "./finhouse reconcile" in error.value
    shown = next(frame.value for frame in app.dataframe if "row_key" in frame.value.columns)
    assert shown["in_postgres"].tolist() == ["1.00"]


def test_it_shows_the_command_that_repairs_a_refused_table(open_it: OpenPage, rows: Any) -> None:
    rows.rows["capture"][0].update(problem="its Kafka topic is gone", fix="./finhouse recapture")
    app = open_it()
    (error,) = app.error
    assert "**fix** `./finhouse recapture`" in error.value


def test_it_says_so_before_anything_was_checked(open_it: OpenPage, rows: Any) -> None:
    for name in ("reconciliation", "parity", "capture", "lags", "lag_trend", "cycles"):
        rows.rows[name] = []
    rows.rows["slowest_models"] = []
    rows.rows["reconciled_runs"] = [{"count_runs": 0, "count_differing": 0, "count_failed": 0}]
    app = open_it()
    assert not app.exception
    (warning,) = app.warning
    assert "./finhouse reconcile" in warning.value
    assert "No heartbeat has reached gold in the last 15 minutes." in captions(app)


def test_failures_are_shown_with_their_message(open_it: OpenPage, rows: Any) -> None:
    rows.rows["failures"] = [
        {"finished_at": NOW, "tier": "live", "model": "fct_heartbeats", "message": "out of memory"}
    ]
    app = open_it()
    assert not app.exception
    shown = next(frame.value for frame in app.dataframe if "finished_at" in frame.value.columns)
    assert shown["message"].tolist() == ["out of memory"]


def test_without_a_warehouse_it_says_why_and_what_to_do(open_it: OpenPage, rows: Any) -> None:
    rows.error = UNREACHABLE
    app = open_it()
    assert not app.exception
    (error,) = app.error
    assert "`./finhouse status`" in error.value
    assert "Waiting for the warehouse." in captions(app)
