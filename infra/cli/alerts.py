"""`finhouse alerts`: how each rule stands, or whether the rule file can be used."""

from __future__ import annotations

import json
import urllib.error
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from dashboard import formats
from infra.alerts.asking import try_out
from infra.alerts.rules import Rule, read_rules
from infra.alerts.states import Reading, state_of
from infra.cli import console
from infra.embedded import clickhouse
from infra.errors import FinhouseError
from infra.settings import Settings, load_settings

COLORS = {"firing": "bold red", "pending": "yellow", "error": "yellow", "no data": "dim"}
# A few rounds; the longest rule may take a quarter of a minute.
STALE_ROUNDS = 10

# The order of the dashboard: what fires first.
_CHECKS = """
    select
        alert, severity, state, since, value, threshold, value_shown, fires_when, hold_seconds,
        sentence, message, look_at, milliseconds, checked_at,
        dateDiff('second', listed_at, now64(3, 'UTC')) as age_seconds,
        dateDiff('second', since, now64(3, 'UTC')) as state_seconds
    from ops.alert_checks final
    where listed_at = (select max(listed_at) from ops.alert_checks)
    order by indexOf(['firing', 'pending', 'error', 'no data'], state) = 0,
        indexOf(['firing', 'pending', 'error', 'no data'], state), position
    settings output_format_json_quote_decimals = 1
    format JSONEachRow
"""
_UNDELIVERED = """
    select channel, argMax(deliveries.message, attempted_at) as message
    from ops.alert_deliveries as deliveries
    where attempted_at > now('UTC') - interval 1 day
    group by channel
    having argMax(status, attempted_at) = 'failed'
    format JSONEachRow
"""


def run(*, as_json: bool, check: bool) -> int:
    """Print the rules; 0 if all is quiet, 1 if one fires, cannot be used, or nobody looks."""
    settings = load_settings()
    return _check(settings, as_json=as_json) if check else _show(settings, as_json=as_json)


def _show(settings: Settings, *, as_json: bool) -> int:
    """How the rules stood when they were last looked at."""
    console.whole_lines()
    checks = _ask(settings, _CHECKS)
    failing = _ask(settings, _UNDELIVERED)
    firing = [one for one in checks if one["state"] == "firing"]
    unusable = [one for one in checks if one["state"] == "error"]
    age = int(checks[0]["age_seconds"]) if checks else None
    is_stale = age is None or age > STALE_ROUNDS * max(settings.alert_seconds, 1.0)
    if as_json:
        document = {
            "firing": len(firing),
            "checked_seconds_ago": age,
            "alerts": checks,
            "undelivered": failing,
        }
        console.out.print_json(json.dumps(document))
    else:
        if checks:
            console.out.print(_table(checks))
        for one in unusable:
            console.out.print(f"{one['alert']}: {one['message']}", markup=False)
        for one in failing:
            text = f"{one['channel']} is not told: {one['message']}; tried again for a day"
            console.out.print(text, style="yellow", markup=False)
        console.out.print(_verdict(settings, len(firing), len(checks), age, is_stale=is_stale))
    return 1 if firing or unusable or is_stale else 0


def _verdict(
    settings: Settings, firing: int, rules: int, age: int | None, *, is_stale: bool
) -> str:
    if not settings.alert_seconds:
        return "Nobody looks: FINHOUSE_ALERT_SECONDS is 0."
    if age is None:
        return "Not looked at yet; the first build makes the tables: ./finhouse status"
    if is_stale:
        return f"Nobody has looked for {age} s: ./finhouse logs background"
    return f"{firing or 'None'} of {rules} fire{'s' if firing == 1 else ''}, checked {age} s ago."


def _table(checks: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("alert", "state", "for", "value", "fires at", "severity", "look at"):
        right = title in ("for", "value")
        table.add_column(title, justify="right" if right else "left", no_wrap=True)
    for one in checks:
        color = COLORS.get(one["state"], "green")
        table.add_row(
            one["alert"],
            f"[{color}]{one['state']}[/]",
            formats.seconds(int(one["state_seconds"])),
            one["value_shown"],
            one["fires_when"],
            one["severity"],
            one["look_at"],
        )
    return table


def _check(settings: Settings, *, as_json: bool) -> int:
    """Check the file and ask every rule once, whatever else looks at it; nothing is stored."""
    console.whole_lines()
    found = read_rules(settings.alert_rules)
    readings = try_out(settings, found.rules, datetime.now(UTC)) if found.rules else {}
    tried = [_tried(rule, readings[rule.name]) for rule in found.rules]
    failed = [one for one in tried if one["error"]]
    if as_json:
        problems = [
            {"problem": one.message, "why": one.why, "fix": one.fix} for one in found.problems
        ]
        console.out.print_json(json.dumps({"problems": problems, "alerts": tried}))
        return 1 if found.problems or failed else 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("alert", "now", "value", "fires at", "ms"):
        right = title in ("value", "ms")
        table.add_column(title, justify="right" if right else "left", no_wrap=True)
    for one in tried:
        color = COLORS.get(one["state"], "green")
        cells = one["value_shown"], one["fires_when"], f"{one['milliseconds']:,.0f}"
        table.add_row(one["alert"], f"[{color}]{one['state']}[/]", *cells)
    if tried:
        console.out.print(table)
    for problem in found.problems:
        console.fail(problem)
    for one in failed:
        console.fail(
            FinhouseError(
                f"rule {one['alert']} cannot be asked",
                why=one["error"],
                fix=f"correct its `sql` in {settings.alert_rules}",
            )
        )
    wrong = len(found.problems) + len(failed)
    good = len(tried) - len(failed)
    console.out.print(f"{good} rules can be used, {wrong} cannot." if wrong else f"{good} rules.")
    return 1 if wrong else 0


def _tried(rule: Rule, reading: Reading) -> dict[str, Any]:
    """A rule's answer; `firing` means that it would, once its time has passed."""
    state = state_of(rule, None, reading)
    return {
        "alert": rule.name,
        "state": "firing" if state == "pending" else state,
        "value": None if reading.value is None else f"{reading.value.normalize():f}",
        "threshold": None if reading.threshold is None else f"{reading.threshold.normalize():f}",
        "value_shown": "" if reading.value is None else rule.show(reading.value),
        "fires_when": rule.show_condition(reading.threshold),
        "detail": reading.detail,
        "error": reading.error,
        "milliseconds": round(reading.milliseconds, 1),
    }


def _ask(settings: Settings, query: str) -> list[dict[str, Any]]:
    """Rows of a query; none while the tables are not there. Raises FinhouseError."""
    try:
        answer = clickhouse.query(settings, query)
    except urllib.error.HTTPError as error:
        if error.code == 404:  # ClickHouse's word for an unknown table
            return []
        raise FinhouseError(
            "ClickHouse refuses to tell", why=error.read().decode(errors="replace").strip()[:300]
        ) from error
    except OSError as error:
        raise clickhouse.does_not_answer(settings, error) from error
    return [json.loads(line) for line in answer.splitlines()]
