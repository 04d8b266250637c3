"""The how-to pages that can be followed without a stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.python import parsed
from tests.python.how_to import copy_of_the_project, follow

# What goes by lists of tables or models, and needs no server.
TESTS = [f"tests/python/unit/test_{name}.py" for name in ("connector", "oracles", "project")]
TESTS.append("tests/python/unit/test_reconcile.py")


def run(project: Path, tool: str, *arguments: str) -> None:
    """A tool of this environment in the copy; it must succeed."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name(tool)), *arguments],
        cwd=project,
        env={**os.environ, "FINHOUSE_CLICKHOUSE_PASSWORD": "unused"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.mark.timeout(900)  # lints, parses and tests a second project
def test_added_source_table_passes_what_ci_checks(tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path / "project")
    models = [f"models/silver/finance/silver_payouts_{name}" for name in ("deltas", "state")]
    assert follow("add-a-source-table.md", project) == [
        "ingestion/migrations/0100_payouts.sql",
        "models/bronze/finance/bronze_payouts.sql",
        "models/bronze/finance/bronze_payouts.yml",
        *(f"{model}.{ending}" for model in models for ending in ("sql", "yml")),
    ]
    parsed.take_along(project / "target")
    run(project, "dbt", "parse", "--quiet")
    manifest = json.loads((project / "target" / "manifest.json").read_text(encoding="utf-8"))
    parents = manifest["parent_map"]
    assert parents["model.finhouse.silver_payouts_state"] == ["model.finhouse.bronze_payouts"]
    assert parents["model.finhouse.silver_payouts_deltas"] == ["model.finhouse.bronze_payouts"]
    assert parents["model.finhouse.bronze_payouts"] == ["source.finhouse.kafka.payouts"]
    assert "model.finhouse.bronze_payouts" in parents["model.finhouse.bronze_quarantine"]
    run(project, "dbt-bouncer", "run")
    run(project, "sqlfluff", "lint", *(f"{model}.sql" for model in models))
    run(project, "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *TESTS)
