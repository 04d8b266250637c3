"""A rule on real data fires, is told to a file and a web server, and is resolved."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from infra.alerts import asking
from infra.alerts.delivery import Messenger, path_of
from infra.alerts.watching import Watcher
from infra.settings import Settings
from tests.python.stack.world import World, attempt, eventually
from tests.python.unit.test_alert_delivery import Receiver

pytestmark = pytest.mark.stack


def now() -> datetime:
    return datetime.now(UTC)


def test_the_stack_looks_at_the_shipped_rules(world: World) -> None:
    eventually(lambda: world.one("select count() from ops.alert_checks final") >= 12, 90)
    assert (
        world.ask("select alert, message from ops.alert_checks final where state = 'error'") == []
    )
    checked = json.loads(attempt("alerts", "--check", "--json").stdout)
    assert checked["problems"] == []
    assert [one["alert"] for one in checked["alerts"] if one["error"]] == []
    assert json.loads(attempt("alerts", "--json").stdout)["checked_seconds_ago"] < 120


def test_a_rule_fires_is_told_and_is_resolved_each_once(
    world: World, stack: Settings, tmp_path: Path
) -> None:
    name = f"merchant_{uuid4().hex[:8]}"
    merchant = uuid4()
    path = tmp_path / "alerts.yml"
    rule = (
        f"alerts:\n  - name: {name}\n    sentence: It sells.\n    severity: info\n"
        "    look_at: merchants\n    when: value > 0\n    shown_as: integer\n"
        "    sql: select sum(count_payments) as value from gold.fct_payments_by_day"
        f" where merchant_id = '{merchant}'\n"
        f"  - name: forbidden_{name}\n    sentence: It must not.\n    severity: info\n"
        "    look_at: sql\n    when: value > 0\n"
        "    sql: select count() as value from bronze.transactions\n"
    )
    path.write_text(rule, encoding="utf-8")
    receiver = Receiver()
    receiver.statuses = [500]
    settings = stack.model_copy(
        update={
            "state_dir": tmp_path,
            "alert_rules": path,
            "alert_webhook": receiver.address,
        }
    )
    reader = asking.reader(stack)

    def look_and_tell(watcher: Watcher) -> None:
        watcher.look(world.client, reader)
        Messenger(settings, threading.Event(), now).tell(world.client)

    def told() -> list[dict[str, Any]]:
        lines = path_of(settings).read_text(encoding="utf-8").splitlines()
        return [one for one in map(json.loads, lines) if one["alert"] == name]

    world.settle()
    watcher = Watcher(settings, now)
    look_and_tell(watcher)
    id = world.pay("1.00", merchant=merchant)
    world.settle()
    look_and_tell(watcher)
    assert [(one["status"], one["value"]) for one in told()] == [("firing", "1")]
    look_and_tell(watcher)
    look_and_tell(Watcher(settings, now))  # as after a restart
    assert len(told()) == 1
    world.write("delete from finance.transactions where transaction_id = %s", id)
    world.settle()
    look_and_tell(Watcher(settings, now))
    assert [one["status"] for one in told()] == ["firing", "resolved"]
    assert [one for one in receiver.received if one["alert"] == name] == told()
    ((state, message),) = world.ask(
        "select state, message from ops.alerts where alert = {name:String}",
        name=f"forbidden_{name}",
    )
    assert state == "error"
    assert "Not enough privileges" in message
