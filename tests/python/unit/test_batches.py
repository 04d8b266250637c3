"""The statements of incremental models, as dbt renders them: no server is asked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.settings import ROOT
from infra.transform.batches import VOID_CONDITION, Batches
from infra.transform.project import Project
from tests.python import parsed


@pytest.fixture(scope="module")
def batches() -> Batches:
    project = Project()
    project.read()
    return Batches(project, {"live", "slow", "background"}, "--vars", "{max_batch_events: 50}")


def test_each_model_has_a_batch_after_those_that_it_reads(
    batches: Batches, nodes: dict[str, Any]
) -> None:
    expected = {
        node["name"]: {name.rsplit(".", 1)[-1] for name in node["depends_on"]["nodes"]}
        for node in nodes.values()
        if node["config"]["materialized"] == "offset_append"
    }
    found = [batch.model for batch in batches.batches]
    assert sorted(found) == sorted(expected)
    for place, name in enumerate(found):
        assert expected[name].intersection(expected) <= set(found[:place])


def test_inputs_are_what_moves_a_model_through_views_too(
    batches: Batches, nodes: dict[str, Any]
) -> None:
    inputs = {batch.model: batch.inputs for batch in batches.batches}
    assert inputs["silver_transactions_deltas"] == {"bronze_transactions"}
    assert inputs["fct_payments_by_day"] == {"silver_transactions_deltas"}
    for model, names in inputs.items():
        kinds = {nodes[name]["config"]["materialized"] for name in names}
        assert kinds and kinds <= {"kafka_log", "offset_append"}, model


def test_no_model_reads_what_has_no_position(nodes: dict[str, Any]) -> None:
    """A table without offsets could move unseen, and the model would be left alone."""
    by_id = {node["unique_id"]: node for node in nodes.values()}
    moves_unseen = {"table", "incremental", "snapshot", "materialized_view"}
    waiting = [n for n in nodes.values() if n["config"]["materialized"] == "offset_append"]
    seen = set()
    while waiting:
        for id in waiting.pop()["depends_on"]["nodes"]:
            if id in by_id and id not in seen:
                seen.add(id)
                waiting.append(by_id[id])
    assert seen
    assert {id for id in seen if by_id[id]["config"]["materialized"] in moves_unseen} == set()


def test_a_batch_is_whole_and_looks_its_position_up_once(batches: Batches) -> None:
    for batch in batches.batches:
        names = set(re.findall(r"__[A-Z]+__", f"{batch}"))
        assert names == {"__POSITION__"}
        assert batch.insert.count(batch.position) == 1
        assert "insert_deduplication_token = '__POSITION__'" in batch.insert


def test_the_mark_of_a_void_table_is_what_the_macro_writes(batches: Batches) -> None:
    macro = (ROOT / "macros" / "cdc" / "void_if.sql").read_text(encoding="utf-8")
    written = macro.split("-%}")[-1].split("{%-")[0].strip()
    assert VOID_CONDITION.findall(written) == ["{{ condition }}"]
    assert all("> 0 and" in batch.is_void for batch in batches.batches)


AGAIN = """
import json, sys
from pathlib import Path
from infra.transform.batches import Batches
from infra.transform.project import Project

project = Project(Path(sys.argv[1]))
has_parsed = project.read()
found = Batches(project, {"live", "slow"})
batches = [[one.model, sorted(one.inputs), one.is_void, one.insert] for one in found.batches]
print(json.dumps([has_parsed, "dbt" in sys.modules, batches]))
"""


def test_a_process_that_starts_again_needs_no_dbt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "answers.json"
    parsed.take_along(tmp_path)

    def run(**settings: str) -> tuple[bool, bool, list[Any]]:
        done = subprocess.run(
            [sys.executable, "-c", AGAIN, str(memory)],
            cwd=ROOT,
            env={**os.environ, "DBT_TARGET_PATH": str(tmp_path), **settings},
            capture_output=True,
            text=True,
            check=True,
        )
        has_parsed, has_dbt, batches = json.loads(done.stdout)
        return has_parsed, has_dbt, batches

    monkeypatch.setenv("FINHOUSE_CLICKHOUSE_PASSWORD", "unused")
    first = run()
    assert first[:2] == (True, True)
    assert len(first[2]) > 10
    assert run() == (False, False, first[2])
    # Other settings may be another warehouse; the rest is as it was.
    assert run(FINHOUSE_WRITER="another")[:2] == (True, True)


@pytest.mark.parametrize("said", ["", "[]", '{"of": 1}'])
def test_what_is_not_remembered_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    class AskedError(Exception):
        pass

    def ask() -> None:
        raise AskedError

    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path))
    monkeypatch.setattr("infra.transform.parsed.Parsed", ask)
    (tmp_path / "manifest.json").touch()
    (tmp_path / "answers.json").write_text(said, encoding="utf-8")
    with pytest.raises(AskedError):
        Project(tmp_path / "answers.json").read()
