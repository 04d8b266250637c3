"""What dbt is told that the pages read, against what their code names. Page Alerts reads what the
rules of alerts.yml name: test_alert_rules.py."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.settings import ROOT

EXPOSURES = {
    exposure["name"]: set(re.findall(r"ref\('(\w+)'\)", " ".join(exposure["depends_on"])))
    for exposure in yaml.safe_load(
        (ROOT / "models/gold/_dashboard__exposures.yml").read_text(encoding="utf-8")
    )["exposures"]
}
# One merchant's figures are those of all, with the one view in place of the other.
STAND_INS = {("merchants", "live_kpis_by_minute")}


def imported(path: Path, found: set[Path]) -> set[Path]:
    """A module and all of ours that it comes to import."""
    if path not in found:
        found.add(path)
        for name in names(ast.parse(path.read_text(encoding="utf-8"))):
            module = ROOT / f"{name.replace('.', '/')}.py"
            if name.startswith(("dashboard.", "infra.transform.")) and module.exists():
                imported(module, found)
    return found


def names(tree: ast.Module) -> Iterator[str]:
    """Modules that a module imports, and what may be one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{one.name}" for one in node.names)
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names)


def read(path: Path, pattern: str) -> set[str]:
    return set(re.findall(pattern, path.read_text(encoding="utf-8")))


def test_every_page_is_an_exposure() -> None:
    pages = {path.stem for path in (ROOT / "dashboard/app_pages").glob("[a-z]*.py")}
    assert EXPOSURES.keys() == pages


@pytest.mark.parametrize("page", sorted(EXPOSURES.keys() - {"alerts"}))
def test_an_exposure_depends_on_what_its_page_reads(page: str, nodes: dict[str, Any]) -> None:
    gold = {name for name, node in nodes.items() if node.get("schema") == "gold"}
    start = ROOT / f"dashboard/app_pages/{page}.py"
    queries = ROOT / f"dashboard/queries/{page}.py"
    named = read(start, r"\bgold\.(\w+)") | read(queries, r"\bgold\.(\w+)")
    named |= read(queries, r"\"((?:agg|dim|fct|live|pipeline)_\w+)\"")
    named -= {name for one, name in STAND_INS if one == page}
    assert (named & gold) - EXPOSURES[page] == set()
    # Some of it the page reads through the modules it shares with others.
    reached = set().union(*(read(path, r"\b\w+\b") for path in imported(start, set())))
    assert EXPOSURES[page] - reached == set()
