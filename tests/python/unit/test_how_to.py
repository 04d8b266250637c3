"""The how-to pages that can be followed without a stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.python.how_to import copy_of_the_project, follow


def test_added_source_table_parses_and_its_models_are_there(tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path / "project")
    assert follow("add-a-source-table.md", project) == [
        "ingestion/migrations/0100_payouts.sql",
        "models/bronze/finance/bronze_payouts.sql",
        "models/bronze/finance/bronze_payouts.yml",
        "models/silver/finance/silver_payouts_state.sql",
        "models/silver/finance/silver_payouts_state.yml",
    ]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), "parse", "--no-partial-parse", "--quiet"],
        cwd=project,
        env={**os.environ, "FINHOUSE_CLICKHOUSE_PASSWORD": "unused"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    manifest = json.loads((project / "target" / "manifest.json").read_text(encoding="utf-8"))
    parents = manifest["parent_map"]
    assert parents["model.finhouse.silver_payouts_state"] == ["model.finhouse.bronze_payouts"]
    assert parents["model.finhouse.bronze_payouts"] == ["source.finhouse.kafka.payouts"]
    assert "model.finhouse.bronze_payouts" in parents["model.finhouse.bronze_quarantine"]
