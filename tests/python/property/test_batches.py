"""The batch rule, read from ClickHouse: one batch is one INSERT is one part, whatever it holds.

And what follows from it: rebuilding, building again and building from another source of truth all
give the same tables, checksum by checksum.
"""

from __future__ import annotations

import re
import shutil
from typing import Any

import pytest

from infra.transform.batches import IGNORED
from infra.transform.project import IDLE
from infra.transform.warehouse import positions
from tests.python.property.histories import History
from tests.python.property.warehouse import Warehouse, last_insert

# What a cap of so many events per batch has to split.
SMALL = 50
PARTS = """
    select database || '.' || table as relation, query_id, count(), sum(rows)
    from system.part_log
    where event_type = 'NewPart' and database in ('silver', 'gold') and query_id != ''
    group by relation, query_id
"""

TABLE_UUID = "select uuid from system.tables where concat(database, '.', name) = {name:String}"


@pytest.fixture(scope="module")
def loaded(warehouse: Warehouse, seed: int) -> Warehouse:
    """A warehouse with some histories of these tests' own, all applied."""
    add_histories(warehouse, seed, range(10_000, 10_030))
    warehouse.settle()
    return warehouse


def add_histories(warehouse: Warehouse, seed: int, numbers: range) -> None:
    """Commit whole histories, one after another; nothing arrives yet."""
    for number in numbers:
        history = History(warehouse.source, seed, number)
        for _ in range(history.steps):
            history.step()


def parts(warehouse: Warehouse) -> dict[tuple[str, str], tuple[int, int]]:
    """(relation, query id) -> parts and rows that the query wrote."""
    warehouse.client.command("system flush logs")
    return {(row[0], row[1]): (row[2], row[3]) for row in warehouse.ask(PARTS)}


def new_parts(
    warehouse: Warehouse, before: dict[tuple[str, str], tuple[int, int]]
) -> dict[str, list[tuple[int, int]]]:
    """By relation: parts and rows of each INSERT since `before`."""
    found: dict[str, list[tuple[int, int]]] = {}
    for (relation, query), counts in parts(warehouse).items():
        if (relation, query) not in before:
            found.setdefault(relation, []).append(counts)
    return found


def test_each_insert_wrote_one_part(loaded: Warehouse) -> None:
    """Every INSERT into an incremental model since the server last started, rebuilds too."""
    loaded.run("--full-refresh", "--select", "config.materialized:offset_append")
    found = parts(loaded)
    incremental = set(loaded.incremental())
    assert {key[0].removesuffix("__rebuild") for key in found} >= incremental
    wrong = {
        key: counts
        for key, counts in found.items()
        if key[0].removesuffix("__rebuild") in incremental and counts[0] != 1
    }
    assert wrong == {}


def test_no_incremental_table_is_partitioned_and_watermarks_survive_merges(
    loaded: Warehouse,
) -> None:
    """As the server has it: an unpartitioned table, and a watermark that keeps its maximum."""
    engines = {
        row[0]: row[1:]
        for row in loaded.ask(
            "select database || '.' || name, engine, partition_key from system.tables"
            " where database in ('silver', 'gold')"
        )
    }
    types = {
        row[0]: row[1]
        for row in loaded.ask(
            "select database || '.' || table, type from system.columns where name = '_offset'"
        )
    }
    for relation in loaded.incremental():
        engine, partition_key = engines[relation]
        assert partition_key == "", relation
        if engine in ("MergeTree", "ReplacingMergeTree"):
            assert types[relation] == "UInt64", relation
        else:
            assert engine == "AggregatingMergeTree", relation
            assert types[relation] == "SimpleAggregateFunction(max, UInt64)", relation
        position = f"select max(_offset) from {relation}"
        before = loaded.one(position)
        loaded.client.command(f"optimize table {relation} final")
        assert loaded.one(position) == before, relation


def test_what_has_not_moved_is_left_alone(loaded: Warehouse, seed: int) -> None:
    add_histories(loaded, seed, range(10_200, 10_210))
    for _ in range(3):  # until each has been seen to stand still
        loaded.run_tier("slow")
    assert {run.model for run in loaded.run_tier("slow") if not run.is_idle} == set()
    arrived = len(loaded.source.topics["accounts"])
    assert arrived > loaded.delivered["accounts"]
    loaded.deliver("accounts", arrived)
    ran = {run.model for run in loaded.run_tier("slow") if not run.is_idle}
    assert "silver_accounts_state" in ran
    assert not ran & {"silver_transactions_deltas", "silver_refunds_state", "fct_payments_by_day"}
    loaded.settle()


def test_a_batch_over_the_cap_is_split(loaded: Warehouse, seed: int) -> None:
    add_histories(loaded, seed, range(10_100, 10_120))
    waiting = len(loaded.source.topics["transactions"]) - loaded.delivered["transactions"]
    assert waiting > 3 * SMALL
    loaded.deliver_all()
    before = parts(loaded)
    loaded.run("--select", "tag:live", "--vars", f"{{max_batch_events: {SMALL}}}")
    written = new_parts(loaded, before)
    for relation in ("silver.transactions_deltas", "gold.fct_payments_by_minute"):
        assert len(written[relation]) > 3, relation
        assert all(count == 1 for count, _ in written[relation]), relation
        # An event is two rows at most; a batch of deltas may end with the second one.
        assert all(rows <= 2 * SMALL for _, rows in written[relation]), relation
    loaded.settle()


def test_a_writer_that_was_stopped_for_long_writes_nothing(loaded: Warehouse, seed: int) -> None:
    """Its INSERT arrives when the server has forgotten that the batch was already written."""
    table = "gold.fct_payments_by_minute"
    late = last_insert(loaded, table)
    forgotten, count = re.subn("(insert_deduplication_token = ')", r"\1forgotten ", late)
    assert count == 1
    add_histories(loaded, seed, range(10_200, 10_205))
    loaded.deliver_all()
    loaded.run("--select", "silver_transactions_deltas")
    before = loaded.one(f"select count() from {table}")
    loaded.client.command(forgotten)
    assert loaded.one(f"select count() from {table}") == before
    loaded.settle()


@pytest.mark.parametrize("bucket", ["minute", "hour", "day"])
def test_a_live_view_may_read_the_deltas_before_the_fact(loaded: Warehouse, bucket: str) -> None:
    """A query takes each table as it is when it comes to it: here, deltas from before a cycle."""
    deltas, earlier = "silver.transactions_deltas", "silver.transactions_deltas_earlier"
    figures = f"select sum(count_payments), sum(total_amount) from gold.live_payments_by_{bucket}"
    expected = loaded.ask(figures)
    loaded.client.command(f"create table {earlier} as {deltas}")
    try:
        loaded.client.command(
            f"insert into {earlier} select * from {deltas}"
            f" where _offset + 50 < (select max(_offset) from {deltas})"
        )
        loaded.client.command(f"exchange tables {deltas} and {earlier}")
        try:
            assert loaded.ask(figures) == expected
        finally:
            loaded.client.command(f"exchange tables {deltas} and {earlier}")
    finally:
        loaded.client.command(f"drop table {earlier} sync")


def test_full_refresh_gives_the_same(loaded: Warehouse) -> None:
    before = loaded.contents()
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    loaded.run("--full-refresh")
    after = loaded.contents()
    assert [name for name in before if before[name] != after[name]] == []


def test_building_twice_changes_nothing(loaded: Warehouse) -> None:
    before = (loaded.contents(), parts(loaded), _raw_counts(loaded))
    for _ in range(2):
        loaded.run_tier("build")
    # A seed is written anew each time, and a snapshot by way of tables of its own; nothing else is.
    new = {name for name in new_parts(loaded, before[1]) if "_snapshot__" not in name}
    assert new <= loaded.seeds
    assert (loaded.contents(), _raw_counts(loaded)) == (before[0], before[2])


def _raw_counts(warehouse: Warehouse) -> dict[str, int]:
    """Stored rows, before any merge resolves them."""
    return {
        relation: warehouse.one(f"select count() from {relation}")
        for relation in (*warehouse.incremental(), "bronze.transactions", *warehouse.seeds)
    }


def test_gold_from_deltas_is_gold_from_state(loaded: Warehouse) -> None:
    """Each fact's own SQL over the current rows, instead of over all changes, gives the fact."""
    facts = {
        relation: node
        for relation, node in loaded.models(materialized="offset_append").items()
        if relation not in loaded.recomputed()
        and any(parent.endswith("_deltas") for parent in node["depends_on"]["nodes"])
    }
    assert len(facts) >= 3
    loaded.client.command("create database if not exists from_state")
    names = [node["name"] for node in facts.values()]
    loaded.project.run("compile", "--select", *names, "--vars", "{max_batch_events: 0}")
    for relation, node in facts.items():
        empty = f"from_state.{node['alias']}"
        loaded.client.command(f"create or replace table {empty} as {relation}")
    # A fact that reads another one comes after it.
    for relation, node in sorted(facts.items(), key=lambda fact: _parents(facts, fact[1])):
        path = loaded.target / "compiled" / "finhouse" / node["original_file_path"]
        query = path.read_text(encoding="utf-8")
        for parent in node["depends_on"]["nodes"]:
            if parent.endswith("_deltas"):
                deltas = loaded.nodes[parent]["alias"]
                state = deltas.removesuffix("_deltas") + "_state"
                _deltas_from_state(loaded, deltas, state)
                query = query.replace(f"`silver`.`{deltas}`", f"from_state.{deltas}")
        for fact in facts.values():
            query = query.replace(f"`gold`.`{fact['alias']}`", f"from_state.{fact['alias']}")
        assert "from_state" in query
        columns = [name for name in node["columns"] if name != "sign" and not name.startswith("_")]
        expected = loaded.rows(relation, columns)
        filled = f"from_state.{node['alias']}"
        loaded.client.command(f"insert into {filled} ({', '.join(node['columns'])}) {query}")
        assert loaded.rows(relation, columns, stored_in=filled) == expected, relation
    loaded.client.command("drop database from_state sync")


def _parents(facts: dict[str, dict[str, Any]], node: dict[str, Any]) -> int:
    """How many of these facts a fact reads."""
    return len({fact["unique_id"] for fact in facts.values()} & {*node["depends_on"]["nodes"]})


def _deltas_from_state(warehouse: Warehouse, deltas: str, state: str) -> None:
    """A deltas table that says: each row that exists now was inserted, once."""
    told = {"sign": "toInt8(1)", "_op": "'r'", "_applied_at": "now64(3)"}
    columns = warehouse.models()[f"silver.{deltas}"]["columns"]
    values = ", ".join(told.get(name, name) for name in columns)
    warehouse.client.command(f"create or replace table from_state.{deltas} as silver.{deltas}")
    warehouse.client.command(
        f"insert into from_state.{deltas} ({', '.join(columns)})"
        f" select {values} from silver.{state} final where _is_deleted = 0"
    )


def test_a_changed_description_reaches_the_comments_and_an_unchanged_one_alters_nothing(
    loaded: Warehouse,
) -> None:
    columns = {"silver.refunds_state": "amount", "bronze.refunds": "_lsn"}
    said = {}
    for relation, column in columns.items():
        node = loaded.models()[relation]
        said[relation] = [node["description"], node["columns"][column]["description"]]
        loaded.client.command(
            f"alter table {relation} modify comment 'old', comment column {column} 'old'"
        )

    def comments(relation: str) -> list[str]:
        database, _, table = relation.partition(".")
        return [
            loaded.one(
                f"select comment from system.{what} where database = {{database:String}}"
                f" and {of} = {{table:String}} and name = {{name:String}}",
                database=database,
                table=table,
                name=name,
            )
            for what, of, name in (
                ("tables", "name", table),
                ("columns", "table", columns[relation]),
            )
        ]

    def count_alters() -> int:
        loaded.client.command("system flush logs")
        return int(
            loaded.one(
                "select count() from system.query_log"
                " where type = 'QueryFinish' and query_kind = 'Alter'"
            )
        )

    before = count_alters()
    loaded.run("--select", "silver_refunds_state", "bronze_refunds")
    assert {relation: comments(relation) for relation in columns} == said
    assert count_alters() == before + 2
    loaded.run("--select", "config.materialized:offset_append", "config.materialized:kafka_log")
    assert count_alters() == before + 2


def test_a_table_of_other_columns_is_made_anew(loaded: Warehouse) -> None:
    """As after an upgrade: the loop's own batch fails, and dbt rebuilds the table, once."""
    table, model = "gold.fct_refunds_by_day", "fct_refunds_by_day"
    before = loaded.contents()[table]
    for change in ("drop column total_amount", "add column obsolete String"):
        loaded.client.command(f"alter table {table} {change}", settings={"mutations_sync": 2})
        uuid = loaded.one(TABLE_UUID, name=table)
        loaded.run("--select", model)
        rebuilt = loaded.one(TABLE_UUID, name=table)
        assert rebuilt != uuid
        assert loaded.contents()[table] == before
        loaded.run("--select", model)
        assert loaded.one(TABLE_UUID, name=table) == rebuilt
    loaded.settle()


def test_a_batch_that_is_taken_for_a_duplicate_is_told_of(loaded: Warehouse, seed: int) -> None:
    """Its token is known, and no part of it is there: an older row has it here."""
    table = "silver.accounts_state"
    for _ in range(3):  # it has been seen to stand still
        loaded.run_tier("slow")
    statement = last_insert(loaded, table)
    next_position = positions(loaded.client, {table: table})[table] + 1
    settings = re.sub(
        r"(insert_deduplication_token = ')\d+",
        rf"\g<1>{next_position}",
        statement[statement.rindex("settings") :],
    )
    loaded.client.command(
        f"insert into {table} select * from (select * from {table} limit 1) order by all {settings}"
    )
    numbers = iter(range(10_310, 10_400))
    while len(loaded.source.topics["accounts"]) < loaded.delivered["accounts"] + 5:
        number = next(numbers)
        add_histories(loaded, seed, range(number, number + 1))
    loaded.deliver_all()
    loaded.run_tier("slow")
    for _ in range(2):  # as long as it lasts
        runs = {run.model: (run.status, run.message) for run in loaded.cycle("slow")}
        assert runs.pop("silver_accounts_state") == ("error", IGNORED)
        assert {status for status, _ in runs.values()} <= {"success", IDLE}
    loaded.kill()
    loaded.settle()


def test_a_batch_whose_part_never_came_is_written_again(loaded: Warehouse, seed: int) -> None:
    """What a kill leaves between the token of an INSERT and its part; of the lease, too."""
    table = "silver.transactions_deltas"
    add_histories(loaded, seed, range(10_300, 10_305))
    loaded.deliver_all()
    loaded.client.command("system stop merges")
    loaded.run("--select", "silver_transactions_deltas")
    written = positions(loaded.client, {table: table})
    newest = [
        loaded.one(
            "select argMax(path, max_block_number) from system.parts"
            " where active and concat(database, '.', table) = {name:String}",
            name=name,
        )
        for name in (table, "ops.writer_lease")
    ]
    with loaded.down():
        for path in newest:
            shutil.rmtree(path)
    assert positions(loaded.client, {table: table}) != written
    loaded.restart_loop()
    loaded.settle()
