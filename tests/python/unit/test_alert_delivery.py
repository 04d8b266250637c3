"""Who is told: a file, and a real web server that fails first."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.alerts import delivery
from infra.alerts.delivery import Messenger, channels, message, path_of, to_file, to_webhook
from infra.alerts.store import Delivery, Untold
from infra.errors import FinhouseError
from infra.settings import Settings

NOW = datetime(2026, 3, 29, 14, 0, tzinfo=UTC)


class Receiver:
    """A web server on this machine: answers with these statuses, then with 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.received: list[dict[str, Any]] = []
        self.asked = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked += 1
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                if status == 200:
                    receiver.received.append(json.loads(body))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/secret"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.server.shutdown()
    opened.server.server_close()


class Ops:
    """What ops keeps of changes and deliveries."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *changes: Untold) -> None:
        self.changes = list(changes)
        self.written: list[Delivery] = []
        monkeypatch.setattr(delivery, "untold", lambda client, now: self.untold())
        monkeypatch.setattr(
            delivery, "write_deliveries", lambda client, done: self.written.extend(done)
        )

    def untold(self) -> list[Untold]:
        sent = {(one.change_id, one.channel) for one in self.written if one.status == "sent"}
        return [one for one in self.changes if (one.change_id, one.channel) not in sent]


def change(channel: str, notice: str = "firing", **changed: Any) -> Untold:
    content = {
        "change_id": uuid.uuid4(),
        "changed_at": NOW,
        "alert": "payments_stopped",
        "severity": "critical",
        "notice": notice,
        "message": "No payment: 95 s (fires at > 60 s)",
        "value": Decimal("95.50000000"),
        "threshold": Decimal("60.00000000"),
        "look_at": "overview",
        "channel": channel,
    }
    return Untold(**{**content, **changed})


@pytest.fixture
def settings(tmp_path: Path, receiver: Receiver) -> Settings:
    return Settings(state_dir=tmp_path, alert_webhook=receiver.address, dashboard_port=8501)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between attempts."""
    monkeypatch.setattr(delivery, "sleep_using_event", lambda stop: lambda seconds: None)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_a_webhook_that_fails_first_is_told_once(receiver: Receiver, settings: Settings) -> None:
    receiver.statuses = [500, 429]
    content = message(change("webhook"), settings)
    to_webhook(receiver.address, content, threading.Event())
    assert receiver.asked == 3
    assert receiver.received == [content]
    assert (content["value"], content["threshold"]) == ("95.5", "60")
    assert content["look_at"] == "http://127.0.0.1:8501/overview"
    assert content["text"].startswith("[critical] Payments stopped firing. No payment")


@pytest.mark.parametrize(
    ("statuses", "asked", "why"),
    [([500] * 9, 3, "500"), ([404], 1, "404"), ([302], 1, "302")],
)
def test_a_webhook_that_refuses_is_an_error_that_does_not_name_it(
    receiver: Receiver, statuses: list[int], asked: int, why: str
) -> None:
    receiver.statuses = statuses
    with pytest.raises(FinhouseError, match=why) as refused:
        to_webhook(receiver.address, {"id": "1"}, threading.Event())
    assert receiver.asked == asked
    assert "secret" not in str(refused.value)
    assert receiver.received == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/secret", "http:///secret", "http://["])
def test_a_webhook_that_is_away_is_an_error(address: str) -> None:
    with pytest.raises(FinhouseError) as refused:
        to_webhook(address, {}, threading.Event())
    assert "secret" not in str(refused.value)


def test_a_silent_webhook_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(delivery, "TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(FinhouseError, match="no answer within"):
            to_webhook(f"http://127.0.0.1:{silent.getsockname()[1]}/", {}, threading.Event())
    assert time.monotonic() - began < 5


def test_each_message_is_sent_once_over_restarts_and_a_dead_webhook_stops_no_file(
    receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = uuid.uuid4()
    ops = Ops(
        monkeypatch,
        change("file", change_id=id),
        change("webhook", change_id=id),
        change("webhook", "resolved"),
    )
    client: Any = None
    clock = Clock()
    receiver.statuses = [503] * 3
    first = Messenger(settings, threading.Event(), clock)
    assert [(one.channel, one.status) for one in first.tell(client)] == [
        ("file", "sent"),
        ("webhook", "failed"),  # and what comes after it waits
    ]
    assert ops.written[-1].message == "it answers 503"
    assert first.tell(client) == []  # it rests
    clock.now += timedelta(seconds=delivery.FIRST_REST_SECONDS)
    again = Messenger(settings, threading.Event(), clock)
    assert [one.status for one in again.tell(client)] == ["sent", "sent"]
    assert [one["status"] for one in receiver.received] == ["firing", "resolved"]
    assert Messenger(settings, threading.Event(), clock).tell(client) == []
    assert len(path_of(settings).read_text(encoding="utf-8").splitlines()) == 1


def test_a_channel_that_keeps_failing_rests_longer(
    settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ops(monkeypatch, change("webhook"))
    receiver.statuses = [500] * 1000
    clock = Clock()
    messenger = Messenger(settings, threading.Event(), clock)
    client: Any = None
    tried = []
    for second in range(0, 2000, 10):
        clock.now = NOW + timedelta(seconds=second)
        if messenger.tell(client):
            tried.append(second)
    assert tried == [0, 30, 90, 210, 450, 930, 1530]


def test_a_webhook_that_is_no_longer_set_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops = Ops(monkeypatch, change("webhook"))
    settings = Settings(state_dir=tmp_path, alert_webhook="")
    assert channels(settings) == ["file"]
    client: Any = None
    Messenger(settings, threading.Event(), Clock()).tell(client)
    assert "FINHOUSE_ALERT_WEBHOOK" in ops.written[0].message


def test_a_file_that_cannot_be_written_is_an_error_that_is_kept(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops = Ops(monkeypatch, change("file"))
    path_of(settings).mkdir(parents=True)
    client: Any = None
    Messenger(settings, threading.Event(), Clock()).tell(client)
    assert (ops.written[0].status, ops.written[0].message) == ("failed", "Is a directory")


def test_a_line_is_there_once_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "alerts.jsonl"
    to_file(path, {"id": "1", "message": "€ 3\nand more"})
    to_file(path, {"id": "1", "message": "€ 3\nand more"})
    with path.open("ab") as file:
        file.write(b'{"id": "cut sho')
    to_file(path, {"id": "2"})
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines == ['{"id": "1", "message": "€ 3\\nand more"}', '{"id": "cut sho', '{"id": "2"}']


@pytest.mark.parametrize("address", ["ftp://x/", "hooks.example/x", "http://x y", "http://x/'"])
def test_an_address_that_is_none_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="alert_webhook"):
        Settings(state_dir=tmp_path, alert_webhook=address)
