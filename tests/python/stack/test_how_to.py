"""docs/how-to/add-a-source-table.md on the running stack: a row of it arrives in silver."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest

from ingestion import source
from tests.python.how_to import copy_of_the_project, follow
from tests.python.stack.world import World, eventually, finhouse

pytestmark = pytest.mark.stack

VIEWS = ("pipeline_messages", "pipeline_topics")  # over all logs, as bronze_histories is


def run(project: Path, *arguments: str) -> str:
    """Output of a finhouse command of the changed copy, on the stack of this test run."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "infra.cli", *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture
def project(world: World, tmp_path: Path) -> Iterator[Path]:
    """A copy of the project that followed the page; the stack is as before afterwards."""
    changed = copy_of_the_project(tmp_path / "project")
    follow("add-a-source-table.md", changed)
    yield changed
    with source.connect(world.settings, admin=True, autocommit=True) as postgres:
        postgres.execute("alter publication finhouse drop table finance.payouts")
        postgres.execute("drop table finance.payouts")
        postgres.execute(
            "delete from finance_meta.schema_migrations where name like '%payouts.sql'"
        )
    finhouse("up", "--no-load")
    finhouse("dbt", "run", "--select", "bronze_quarantine", "bronze_histories", *VIEWS)
    for table in ("payouts_mv", "payouts_queue", "payouts"):
        world.client.command(f"drop table if exists bronze.{table} sync")
    for table in ("payouts_state", "payouts_deltas"):
        world.client.command(f"drop table if exists silver.{table} sync")


def test_a_row_of_the_new_table_arrives_in_silver_and_is_reconciled(
    world: World, project: Path
) -> None:
    run(project, "up", "--no-load")
    run(project, "dbt", "run", "--select", "bronze_payouts+")
    models = ["silver_payouts_state", "silver_payouts_deltas"]
    run(project, "dbt", "test", "--select", "bronze_histories", *VIEWS, *models)
    id = uuid4()
    world.write(
        "insert into finance.payouts values (%s, %s, 12.34, 'EUR', '2026-03-01 12:00Z')",
        id,
        uuid4(),
    )
    world.write("update finance.payouts set amount = 12.35 where payout_id = %s", id)
    eventually(lambda: world.one("select count() from bronze.payouts") == 2)
    run(project, "dbt", "build", "--select", *models)
    found = world.ask(
        "select amount, currency, toString(paid_at) from silver.payouts_state final"
        " where payout_id = {id:UUID} and _is_deleted = 0",
        id=id,
    )
    assert [tuple(row) for row in found] == [
        (Decimal("12.35"), "EUR", "2026-03-01 12:00:00.000000")
    ]
    assert world.one(
        "select sum(sign * amount) from silver.payouts_deltas where payout_id = {id:UUID}", id=id
    ) == Decimal("12.35")
    assert world.one("select count() from bronze.quarantine where source_table = 'payouts'") == 0
    outcome = run(project, "reconcile", "--json")
    compared = {one["name"]: one for one in json.loads(outcome)["comparisons"]}
    assert {"silver.payouts_state", "silver.payouts_deltas"} <= compared.keys()
    assert json.loads(outcome)["differences"] == []
