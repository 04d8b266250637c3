"""The connector's configuration, and how it is kept in step with the worker."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform.comparisons import contract
from ingestion import connector
from ingestion.source import MIGRATIONS, published_tables

SECRET = "not-for-anyone"


def settings(port: int = 1, state_dir: Path = Path("/nonexistent")) -> Settings:
    return Settings(
        state_dir=state_dir,
        postgres_host="db.internal",
        postgres_port=15432,
        cdc_password=SECRET,
        postgres_password=SECRET,
        connect_url=f"http://127.0.0.1:{port}",
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("exactly.once.support", "required"),
        ("transaction.boundary", "poll"),
        ("plugin.name", "pgoutput"),
        ("slot.name", "finhouse"),
        ("publication.name", "finhouse"),
        ("publication.autocreate.mode", "disabled"),
        ("topic.prefix", "finhouse"),
        ("topic.creation.default.partitions", "1"),
        ("decimal.handling.mode", "string"),
        ("time.precision.mode", "isostring"),
        ("key.converter.schemas.enable", "false"),
        ("value.converter.schemas.enable", "false"),
        ("tombstones.on.delete", "false"),
        ("skipped.operations", "none"),
        ("event.converting.failure.handling.mode", "fail"),
        ("errors.max.retries", "-1"),
        ("heartbeat.interval.ms", "1000"),
        ("snapshot.mode", "initial"),
        ("database.hostname", "db.internal"),
        ("database.port", "15432"),
        ("database.dbname", "financial"),
        ("database.user", "finhouse_cdc"),
    ],
)
def test_configuration_has(option: str, value: str) -> None:
    assert connector.render(settings())[option] == value


def test_no_secret_leaves_the_worker() -> None:
    rendered = connector.render(settings())
    assert rendered["database.password"] == "${env:FINHOUSE_CDC_PASSWORD}"
    assert SECRET not in json.dumps(rendered)


def test_no_placeholder_of_ours_is_left() -> None:
    assert "${FINHOUSE_" not in json.dumps(connector.render(settings()))


def test_every_table_of_the_source_is_published_and_captured(tmp_path: Path) -> None:
    """Of all migrations: a later one adds its table to the publication."""
    (tmp_path / "0100_more.sql").write_text(
        "create table finance.payouts (id uuid);\n"
        "alter publication finhouse add table finance.payouts, finance.fees;\n"
    )
    assert published_tables(tmp_path) == ["finance.payouts", "finance.fees"]
    migrations = "".join(path.read_text() for path in sorted(MIGRATIONS.glob("*.sql")))
    captured = connector.render(settings())["table.include.list"].split(",")
    assert set(captured) == set(re.findall(r"create table (finance\.\w+)", migrations))
    assert set(captured) == {f"finance.{table}" for table in contract()}
    assert len(captured) == len(set(captured))


class Worker:
    """A Kafka Connect that holds one connector; `task` is the state its task reports."""

    def __init__(self) -> None:
        self.config: dict[str, str] | None = None
        self.task = "RUNNING"
        self.trace = ""
        self.calls: list[str] = []
        self.state = "RUNNING"
        self.busy = 0  # answers with 409 so many times first

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        self.calls.append(f"{method} {path}")
        if self.busy:
            self.busy -= 1
            return 409, {"message": "rebalancing"}
        if method == "PUT" and path.endswith("/config"):
            self.config = json.loads(body)
            return 201, {}
        if method == "POST":
            return 202, {}
        if self.config is None:
            return 404, {"message": "no such connector"}
        if method == "PUT":
            self.state = {"pause": "PAUSED", "resume": "RUNNING"}[path.rpartition("/")[2]]
            return 202, {}
        if path.endswith("/config"):
            return 200, self.config
        state = {"id": 0, "state": self.task, "trace": self.trace}
        return 200, {"connector": {"state": self.state}, "tasks": [state]}


@pytest.fixture
def worker() -> Iterator[tuple[Worker, Settings]]:
    fake = Worker()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content = fake.answer(self.command, self.path, body)
            answer = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_PUT = do_POST = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield fake, settings(server.server_port)
    server.shutdown()
    server.server_close()


def test_apply_creates_the_connector_once(worker: tuple[Worker, Settings]) -> None:
    fake, where = worker
    assert connector.apply(where, timeout=5) is True
    assert fake.config == connector.render(where)
    assert connector.apply(where, timeout=5) is False
    assert sum(call.startswith("PUT") for call in fake.calls) == 1
    assert connector.status(where).is_running


def test_apply_corrects_a_changed_connector(worker: tuple[Worker, Settings]) -> None:
    fake, where = worker
    fake.config = connector.render(where) | {"exactly.once.support": "requested"}
    assert connector.apply(where, timeout=5) is True
    assert fake.config["exactly.once.support"] == "required"


def test_apply_waits_for_a_busy_worker(worker: tuple[Worker, Settings]) -> None:
    fake, where = worker
    fake.busy = 2
    assert connector.apply(where, timeout=5) is True


def test_a_task_that_keeps_failing_is_restarted_then_explained(
    worker: tuple[Worker, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, where = worker
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    fake.task = "FAILED"
    fake.trace = "ConnectException: it broke\n\tat X.y\nCaused by: PSQLException: no such slot\n"
    with pytest.raises(FinhouseError) as caught:
        connector.apply(where, timeout=5)
    assert caught.value.why == "ConnectException: it broke — PSQLException: no such slot"
    assert caught.value.exit_code == 4
    assert any(call.startswith("POST") for call in fake.calls)


def test_a_connector_that_never_starts_is_an_error(worker: tuple[Worker, Settings]) -> None:
    fake, where = worker
    fake.task = "UNASSIGNED"
    with pytest.raises(FinhouseError, match="does not start"):
        connector.apply(where, timeout=0.5)


def test_an_absent_connector_is_a_state_and_an_absent_worker_an_error(
    worker: tuple[Worker, Settings],
) -> None:
    _, where = worker
    assert connector.status(where).connector == "ABSENT"
    with pytest.raises(FinhouseError, match="does not answer"):
        connector.status(settings(port=9))


def test_a_paused_connector_is_held_until_it_is_resumed(worker: tuple[Worker, Settings]) -> None:
    fake, where = worker
    connector.apply(where, timeout=5)
    connector.pause(where)
    assert connector.status(where).is_held
    connector.resume(where)
    assert connector.status(where).is_running
    connector.pause(where)
    connector.apply(where, timeout=5)  # ./finhouse up
    assert connector.status(where).is_running


@pytest.mark.parametrize("order", [connector.pause, connector.resume, connector.restart])
def test_an_order_that_is_refused_is_an_error_with_the_workers_words(
    worker: tuple[Worker, Settings], order: Callable[[Settings], None]
) -> None:
    fake, where = worker
    fake.busy = 1
    with pytest.raises(FinhouseError, match=f"does not {order.__name__} the connector") as caught:
        order(where)
    assert caught.value.why == "rebalancing"
    with pytest.raises(FinhouseError, match="does not answer"):
        order(settings(port=9))


def test_a_busy_worker_is_asked_again_to_restart_and_to_resume(
    worker: tuple[Worker, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, where = worker
    fake.config = connector.render(where)
    fake.state = fake.task = "PAUSED"
    order = connector._order
    refused: list[tuple[object, ...]] = []

    def busy_once(*arguments: Any) -> None:
        if not refused:
            refused.append(arguments)
            raise FinhouseError("it is busy")
        fake.task = "RUNNING"
        order(where, *arguments[1:])

    monkeypatch.setattr(connector, "_order", busy_once)
    assert connector.apply(where, timeout=5) is False
    assert refused
    assert connector.status(where).is_running
