"""The rule file: what is shipped can be used, and whatever else it says is told, never raised."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import textfile
from infra.alerts.rules import MOST_RULES, Condition, Reader, RuleFile, read_rules
from infra.settings import ROOT

GOOD = """\
  - name: {name}
    sentence: It stands still.
    severity: critical
    look_at: overview
    when: value > 60
    for: 5m
    sql: select 1 as value
"""


def read(tmp_path: Path, text: str | bytes) -> RuleFile:
    path = tmp_path / "alerts.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_rules(path)


def rule(**changed: str | None) -> str:
    """A rule as YAML; `changed` replaces a line's value, None takes the line out."""
    lines = GOOD.format(name="stands").splitlines(keepends=True)
    for key, value in changed.items():
        found = [line for line in lines if re.match(rf"[ -]*{key}:", line)]
        new = "" if value is None else f"    {key}: {value}\n"
        lines = [new if line in found else line for line in lines] + ([] if found else [new])
    return "".join(lines)


def test_the_shipped_rules_can_be_used_and_read_gold_and_ops_only(nodes: dict[str, Any]) -> None:
    found = read_rules(ROOT / "alerts.yml")
    assert found.problems == []
    assert len(found.rules) >= 12
    read: set[str] = set()
    for one in found.rules:
        steps = set(re.findall(r"^(\w+) as \($", one.sql, re.MULTILINE))
        tables = set(re.findall(r"\bfrom\s+([a-z_][\w.]*)", one.sql)) - steps - {"numbers"}
        assert tables, one.name
        assert all(name.startswith(("gold.", "ops.")) for name in tables), one.name
        read |= {name.removeprefix("gold.") for name in tables if name.startswith("gold.")}
    exposed = re.search(
        r"- name: alerts\n.*?depends_on:\n((?: +- ref[^\n]*\n)+)",
        (ROOT / "models/gold/_dashboard__exposures.yml").read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert exposed
    # the page itself reads how fresh it is
    assert read | {"pipeline_freshness"} == set(re.findall(r"ref\('(\w+)'\)", exposed[1]))
    assert read <= set(nodes)


def test_a_shipped_rule_leads_to_a_page_that_shows_what_it_reads(nodes: dict[str, Any]) -> None:
    """By the exposure of the page, which names its models, or by what these are made of."""

    def origins(name: str) -> set[str]:
        above = nodes[name].get("depends_on", {}).get("nodes", []) if name in nodes else []
        found = [one.rpartition(".")[2] for one in above]
        return {name}.union(*map(origins, found))

    exposures = yaml.safe_load(
        (ROOT / "models/gold/_dashboard__exposures.yml").read_text(encoding="utf-8")
    )["exposures"]
    shown = {
        one["name"]: set().union(*(origins(ref[5:-2]) for ref in one["depends_on"]))
        for one in exposures
    }
    read = {
        rule.name: (set(re.findall(r"\bgold\.(\w+)", rule.sql)), shown[rule.look_at])
        for rule in read_rules(ROOT / "alerts.yml").rules
    }
    elsewhere = {name for name, (models, page) in read.items() if models and not models & page}
    # the quarantine is in no page yet
    assert elsewhere <= {"messages_in_quarantine"}


def test_a_rule_says_when_and_for_how_long(tmp_path: Path) -> None:
    (one,) = read(tmp_path, "alerts:\n" + rule(when="value <= -0.5", every="90s")).rules
    assert one.when == Condition("<=", Decimal("-0.5"))
    assert (one.hold, one.every) == (timedelta(minutes=5), timedelta(seconds=90))
    assert one.show_condition(Decimal(0)) == "<= -0.5000"
    assert not one.when.is_met(Decimal("-0.4"), Decimal("-0.5"))
    (one,) = read(tmp_path, "alerts:\n" + rule(when="value < threshold", sql="select 1;")).rules
    assert one.when.limit is None
    assert one.sql == "select 1"
    assert (one.show_condition(None), one.show_condition(Decimal(2))) == ("< threshold", "< 2.00")


@pytest.mark.parametrize(
    ("changed", "line", "why"),
    [
        ({"severity": None}, 2, "`severity` is missing"),
        ({"severity": "urgent"}, 4, "'critical', 'warning' or 'info'"),
        ({"when": "value is bad"}, 6, "write it as `value > 60`"),
        ({"when": "value > 60; drop table x"}, 6, "write it as `value > 60`"),
        ({"when": "value > 9999999999999999999999999"}, 6, "write it as `value > 60`"),
        ({"when": "60"}, 6, "write it as `value > 60`"),
        ({"for": "60"}, 7, "with its unit"),
        ({"for": "1:30"}, 7, "with its unit"),
        ({"for": "8d"}, 7, "less than or equal"),
        ({"timeout": "1h"}, 9, "less than or equal"),
        ({"look_at": "../../etc/passwd"}, 5, "name a page of the dashboard"),
        ({"look_at": "reports"}, 5, "name a page of the dashboard"),
        ({"sql": "drop table gold.dim_dates"}, 8, "begin with `select` or `with`"),
        ({"sql": "[1, 2]"}, 8, "`sql`"),
        ({"sql": "selection"}, 8, "begin with `select` or `with`"),
        ({"sentence": "''"}, 3, "`sentence`"),
        ({"colour": "red"}, 9, "there is no `colour`"),
        ({"sentence": "2026-99-99"}, 2, "month must be"),
        ({"severity": "*nowhere"}, None, "undefined alias"),
        ({"sentence": "!!python/object/apply:os.system [id]"}, 2, "could not determine"),
    ],
)
def test_a_broken_rule_is_told_with_its_line_and_the_others_stay(
    tmp_path: Path, changed: dict[str, str | None], line: int | None, why: str
) -> None:
    found = read(tmp_path, "alerts:\n" + rule(**changed) + GOOD.format(name="other"))
    (problem,) = found.problems
    assert why in str(problem.why)
    assert "docs/how-to/add-an-alert.md" in str(problem.fix)
    if line is None:  # not even the file can be taken apart
        assert found.rules == ()
        return
    assert problem.message.startswith(f"alerts.yml:{line}: rule ")
    assert [one.name for one in found.rules] == ["other"]


@pytest.mark.parametrize(
    "name", ["null", "''", "Stands", "a-b", "7", "drop table", "../x", "x" * 64, "[a]", "{a: b}"]
)
def test_a_name_that_is_none_is_told_by_its_place(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, "alerts:\n" + GOOD.format(name=name) + GOOD.format(name="other"))
    (problem,) = found.problems
    assert problem.message.startswith("alerts.yml:2: rule ")
    assert [one.name for one in found.rules] == ["other"]


def test_names_and_keys_are_there_once(tmp_path: Path) -> None:
    twice = GOOD.format(name="same")
    found = read(tmp_path, f"alerts:\n{twice}{twice}{GOOD.format(name='other')}")
    assert [one.name for one in found.rules] == ["other"]
    assert [problem.why for problem in found.problems] == ["2 rules have this name"] * 2
    found = read(tmp_path, "alerts:\n" + GOOD.format(name="a") + "    when: value > 1\n")
    assert [problem.why for problem in found.problems] == ["`when` is there twice"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not `alerts:`"),
        (b"alerts: 7", "not `alerts:`"),
        (b"alerts: []\nmore: 1", "not `alerts:`"),
        (b"[]", "not `alerts:`"),
        (b"alerts:\n  - {", "expected"),
        (b"\xff\xfe", "invalid start byte"),
        (b"alerts: \x00", "special characters"),
        (b"a" * (textfile.MOST_BYTES + 1), "more than 1,000,000 bytes"),
        (b"alerts:\n" + b"  - a\n" * (MOST_RULES + 1), "more than 200 rules"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, text: bytes, why: str) -> None:
    found = read(tmp_path, text)
    assert found.rules == ()
    (problem,) = found.problems
    assert why in str(problem.why)
    assert problem.fix


def test_no_file_and_items_that_are_no_rules(tmp_path: Path) -> None:
    assert "FINHOUSE_ALERT_RULES" in str(read_rules(tmp_path / "none.yml").problems[0].fix)
    assert read_rules(tmp_path).problems
    found = read(tmp_path, "alerts:\n  - text\n  - &a [*a]\n" + GOOD.format(name="other"))
    assert [one.name for one in found.rules] == ["other"]
    assert len(found.problems) == 2
    found = read(tmp_path, "alerts:\n  - &a {name: x, sentence: *a}\n")
    assert len(found.problems) == 1


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "alerts.yml"
    reader = Reader(path)
    assert reader.read().problem
    path.write_text("alerts:\n" + GOOD.format(name="one"), encoding="utf-8")
    first = reader.read()
    assert [one.name for one in first.rules] == ["one"]
    assert reader.read() is first
    path.write_text("alerts:\n" + GOOD.format(name="two"), encoding="utf-8")
    os.utime(path, (1, 1))
    assert [one.name for one in reader.read().rules] == ["two"]
    path.unlink()
    assert reader.read().problem
