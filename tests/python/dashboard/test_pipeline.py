"""The page Pipeline and trust in each of its states, on a stubbed warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import formats
from infra.errors import FinhouseError
from ingestion import connector
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


def standing(**changed: Any) -> dict[str, Any]:
    """A row of the `servers` query."""
    row = {
        "checked_at": NOW,
        "age_seconds": 4.2,
        "kafka_error": "",
        "kafka_answered_at": NOW,
        "connect_error": "",
        "connect_answered_at": NOW,
        "connector_state": "RUNNING",
        "task_state": "RUNNING",
        "connector_error": "",
        "postgres_error": "",
        "postgres_answered_at": NOW,
        "slot_state": "active",
        "wal_status": "reserved",
        "retained_bytes": 1_234_567,
        "wal_bytes": 536_870_912,
    }
    return {**row, **changed}


def topic(table: str, **changed: Any) -> dict[str, Any]:
    """A row of the `topics` query."""
    row = {
        "source_table": table,
        "topic": f"finhouse.finance.{table}",
        "count_received": 1_000,
        "end_offset": 1_300,
        "next_offset": 1_290,
        "consumer_lag": 9,
        "newest_age_seconds": 0.4,
        "age_seconds": 4.2,
    }
    return {**row, **changed}


def message(**changed: Any) -> dict[str, Any]:
    """A row of the `messages` query."""
    row = {
        "kafka_partition": 0,
        "kafka_offset": 1_289,
        "operation": "u",
        "masked_key": '{"account_id":"7"}',
        "masked_before": "",
        "masked_after": '{"account_id":"7","email":"(masked)"}',
        "refusal": "",
        "committed_at": NOW,
        "captured_at": NOW,
        "ingested_at": NOW,
        "count_found": 40,
        "page": 1,
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
        servers=[standing()],
        topics=[topic("accounts"), topic("transactions")],
        quarantine=[],
        messages=[message()],
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
        "Connector": "RUNNING",
        "Replication slot": "active",
        "Kept for the slot": "1.2 MB",
        "WAL on disk": "536.9 MB",
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


def shown(app: AppTest, column: str) -> Any:
    """The table that has this column."""
    return next(frame.value for frame in app.dataframe if column in frame.value.columns)


def test_each_topic_shows_what_bronze_lacks_of_it(open_it: OpenPage) -> None:
    app = open_it()
    table = shown(app, "lag")
    assert table["topic"].tolist() == ["finhouse.finance.accounts", "finhouse.finance.transactions"]
    assert table["lag"].tolist() == [9, 9]
    assert table["newest"].tolist() == ["0.4 s ago", "0.4 s ago"]
    assert "Kafka was asked 4.2 s ago" in captions(app)


def test_topics_are_there_before_kafka_was_asked(open_it: OpenPage, rows: Any) -> None:
    unknown = dict.fromkeys(
        ("end_offset", "next_offset", "consumer_lag", "newest_age_seconds", "age_seconds")
    )
    rows.rows["topics"] = [topic("transactions", count_received=0, **unknown)]
    rows.rows["servers"] = []
    app = open_it()
    assert not app.exception
    assert shown(app, "lag")["lag"].tolist() == [None]
    assert "Kafka not asked yet" in captions(app)
    assert "Not looked at yet" in captions(app)


def test_a_server_that_is_away_is_named_with_its_reason_since_when(
    open_it: OpenPage, rows: Any
) -> None:
    rows.rows["servers"] = [
        standing(
            connect_error="Kafka Connect does not answer at http://127.0.0.1:8083: refused",
            connector_state="",
            task_state="",
            postgres_error="Postgres does not answer",
            postgres_answered_at=None,
            slot_state="",
            wal_status="",
            retained_bytes=None,
            wal_bytes=None,
        )
    ]
    app = open_it()
    assert not app.exception
    connect, postgres = app.error
    assert connect.proto.title.startswith("Kafka Connect has not answered since 29 Mar 14:37:42")
    assert "refused" in connect.value
    assert "`./finhouse logs connect`" in connect.value
    assert postgres.proto.title == "Postgres has not answered since it was first looked at"
    values = metrics(app)
    assert [values[name] for name in ("Connector", "Kept for the slot", "WAL on disk")] == [
        formats.NOTHING
    ] * 3


def test_an_old_look_is_no_look(open_it: OpenPage, rows: Any) -> None:
    rows.rows["servers"] = [standing(age_seconds=200.0)]
    app = open_it()
    (warning,) = app.warning
    assert "3 min 20 s" in warning.value
    assert "`./finhouse logs transform`" in warning.value


def test_a_connector_that_failed_shows_why(open_it: OpenPage, rows: Any) -> None:
    rows.rows["servers"] = [
        standing(connector_state="RUNNING", task_state="FAILED", connector_error="slot is *lost*")
    ]
    app = open_it()
    (error,) = app.error
    assert error.proto.title == "The connector has failed"
    assert "slot is \\*lost\\*" in error.value


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What an operator told Kafka Connect, as paths of its REST API; it takes everything."""
    told: list[str] = []

    class Accepted:
        ok = True

    def call(settings: Any, method: str, path: str, *_: Any, **__: Any) -> Accepted:
        told.append(f"{method} {path}")
        return Accepted()

    monkeypatch.setenv("FINHOUSE_OPERATOR", "1")
    monkeypatch.setattr(connector, "_call", call)
    yield told


def test_only_an_operator_has_the_buttons(
    open_it: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINHOUSE_OPERATOR", "0")
    app = open_it()
    assert not [button for button in app.button if str(button.key).startswith("order_")]
    assert "`FINHOUSE_OPERATOR=1`" in captions(app)


def test_an_operator_pauses_in_two_steps(open_it: OpenPage, ordered: list[str]) -> None:
    app = open_it()
    assert [button.key for button in app.button if str(button.key).startswith("order_")] == [
        "order_pause",
        "order_restart",
    ]
    assert app.button(key="order_pause").label == "Pause capture now"
    assert not ordered
    app.button(key="order_pause").click().run()
    assert not app.exception
    assert ordered == ["PUT /connectors/finhouse/pause"]
    assert "told to pause the connector" in captions(app)


def test_a_paused_connector_is_shown_and_can_be_resumed(
    open_it: OpenPage, rows: Any, ordered: list[str]
) -> None:
    rows.rows["servers"] = [standing(connector_state="PAUSED", task_state="PAUSED")]
    app = open_it()
    assert metrics(app)["Connector"] == "PAUSED"
    (warning,) = app.warning
    assert warning.proto.title == "Capture is paused"
    app.button(key="order_resume").click().run()
    app.button(key="order_restart").click().run()
    assert ordered == [
        "PUT /connectors/finhouse/resume",
        "POST /connectors/finhouse/restart?includeTasks=true&onlyFailed=false",
    ]


def test_what_connect_refuses_is_said_in_its_words(
    open_it: OpenPage, ordered: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(settings: Any, method: str, order: str) -> None:
        raise FinhouseError("Kafka Connect does not restart", why="rebalancing", fix="wait")

    monkeypatch.setattr(connector, "_order", refuse)
    app = open_it()
    app.button(key="order_restart").click().run()
    (error,) = app.error
    assert error.proto.title == "Kafka Connect does not restart"
    assert "rebalancing" in error.value


def test_an_empty_quarantine_is_said(open_it: OpenPage) -> None:
    assert "No message was refused." in captions(open_it())


def test_the_quarantine_tells_table_and_reason(open_it: OpenPage, rows: Any) -> None:
    rows.rows["quarantine"] = [
        {
            "source_table": "accounts",
            "refusal": "message is no JSON",
            "count_messages": 3,
            "newest_ingested_at": NOW,
        }
    ]
    app = open_it()
    assert not app.exception
    table = next(frame.value for frame in app.dataframe if "refusal" in frame.value.columns[:2])
    assert table["table"].tolist() == ["finance.accounts"]
    assert table["refusal"].tolist() == ["message is no JSON"]
    assert table["messages"].tolist() == [3]
    assert "`docs/runbook.md`" in captions(app)


def test_a_topic_shows_its_newest_messages_a_page_at_a_time(open_it: OpenPage, rows: Any) -> None:
    rows.rows["topics"] = [topic(name) for name in ("accounts", "refunds", "transactions")]
    app = open_it()
    assert app.selectbox(key="topic").options == ["accounts", "refunds", "transactions"]
    assert rows.last("messages") == {"table": "transactions", "page": 1, "size": 15}
    table = shown(app, "kafka")
    assert table["kafka"].tolist() == ["0 / 1289"]
    assert table["operation"].tolist() == ["update"]
    assert "1–1 of 40 · newest first" in captions(app)
    rows.rows["messages"] = [message(page=2)]
    app = open_it(topic="accounts", messages_page="2")
    assert rows.last("messages") == {"table": "accounts", "page": 2, "size": 15}
    app.selectbox(key="topic").select("refunds").run()
    assert rows.last("messages") == {"table": "refunds", "page": 1, "size": 15}


def test_a_topic_that_does_not_exist_is_the_default(open_it: OpenPage, rows: Any) -> None:
    app = open_it(topic="x' or 1 = 1")
    assert not app.exception
    assert rows.last("messages")["table"] == "transactions"


def test_a_refused_message_shows_no_time_it_does_not_have(open_it: OpenPage, rows: Any) -> None:
    rows.rows["messages"] = [
        message(operation="", refusal="message is no JSON", masked_key="", masked_after="")
    ]
    table = shown(open_it(), "kafka")
    assert table["refusal"].tolist() == ["message is no JSON"]
    assert table["committed"].isna().all()
    assert table["ingested"].tolist() == [NOW]


def test_a_topic_without_messages_says_so(open_it: OpenPage, rows: Any) -> None:
    rows.rows["messages"] = []
    assert "This topic has no message." in captions(open_it())


def test_a_topic_leads_to_its_statement_on_the_page_sql(open_it: OpenPage) -> None:
    app = open_it(topic="accounts")
    (link,) = app.main.get("page_link")
    assert link.proto.page == "sql"
    assert "where source_table = 'accounts'" in unquote_plus(link.proto.query_string)


def test_without_a_warehouse_it_says_why_and_what_to_do(open_it: OpenPage, rows: Any) -> None:
    rows.error = UNREACHABLE
    app = open_it()
    assert not app.exception
    (error,) = app.error
    assert "`./finhouse status`" in error.value
    assert "Waiting for the warehouse." in captions(app)
