"""The commands on a running stack, and dbt run by hand beside the loop."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from infra.settings import ROOT
from tests.python.stack.world import World, finhouse

pytestmark = pytest.mark.stack

CHECKSUMS = """
    select 'minute', sum(cityHash64(*)) from (select * except _offset from (
        select minute, merchant_id, currency_code, status, decline_code, sum(count_payments) as n,
            sum(total_amount) as total, max(_offset) as _offset
        from gold.fct_payments_by_minute group by all))
    union all select 'day', sum(cityHash64(*)) from (select * except _offset from (
        select payment_date, merchant_id, currency_code, status, decline_code,
            sum(count_payments) as n, sum(total_amount) as total, max(_offset) as _offset
        from gold.fct_payments_by_day group by all))
    union all select 'account', sum(cityHash64(*)) from (
        select activity_date, account_id, currency_code, status, sum(count_payments) as n,
            sum(total_amount) as total from gold.fct_account_activity_by_day group by all)
    order by 1
"""


def test_up_again_changes_nothing(world: World) -> None:
    before = json.loads(finhouse("status", "--json"))
    assert "http://127.0.0.1:" in finhouse("up", "--no-load")
    after = json.loads(finhouse("status", "--json"))
    pids = [
        {part["component"]: part["pid"] for part in seen["components"]} for seen in (before, after)
    ]
    assert pids[0] == pids[1]


def test_sql_is_read_only_and_sees_gold(world: World) -> None:
    assert json.loads(finhouse("sql", "select 1 as x", "--json")) == [{"x": 1}]
    finhouse("sql", "select count() from gold.agg_kpis_daily")
    finhouse("sql", "select count() from bronze.transactions", code=1)
    finhouse("sql", "insert into gold.currencies values ('XXX', 'x', 2)", code=1)


def test_peek_shows_messages_and_rows(world: World) -> None:
    world.pay("1.00", at="2026-02-15 10:00Z", device="peeked")
    world.settle()
    assert "peeked" in finhouse("peek", "finhouse.finance.transactions", "-n", "1")
    assert "count_attempted" in finhouse("peek", "gold.agg_kpis_daily", "-n", "1")
    finhouse("peek", "no_such_thing", code=2)


def test_trace_tells_a_payments_life_and_that_all_layers_agree(world: World) -> None:
    id = world.pay("12.34", at="2026-02-15 10:00Z", status="pending", currency="USD")
    world.write(
        "update finance.transactions set status = 'success', amount = 12.30"
        " where transaction_id = %s",
        id,
    )
    world.settle()
    told = json.loads(finhouse("trace", str(id), "--json"))
    assert [change["operation"] for change in told["changes"]] == ["c", "u"]
    changed = {field: (old, new) for field, old, new in told["changes"][1]["changes"]}
    assert changed == {"status": ("pending", "success"), "amount": ("12.34", "12.30")}
    hops = ("captured_ms", "published_ms", "ingested_ms", "silver_ms", "gold_ms")
    for change in told["changes"]:
        assert all(change[hop] >= 0 for hop in hops), change
        assert change["is_in_gold"]
    first, second = told["changes"]
    assert first["_lsn"] < second["_lsn"] and first["_offset"] < second["_offset"]
    assert {layer["verdict"] for layer in told["layers"]} <= {"equal", "behind"}
    assert told["layers"][1]["verdict"] == "equal"
    assert (told["postgres"]["status"], told["postgres"]["amount"]) == ("success", "12.30")
    assert second["status"] == "success" and float(second["amount"]) == 12.3
    assert {one["fact"] for one in told["counted_in"]} == {
        "fct_payments_by_day",
        "fct_payments_by_minute",
    }
    assert "status pending → success" in finhouse("trace", str(id))
    world.write("delete from finance.transactions where transaction_id = %s", id)
    world.settle()
    gone = json.loads(finhouse("trace", str(id), "--json"))
    assert (gone["postgres"], gone["counted_in"]) == (None, [])
    assert gone["changes"][-1]["operation"] == "d"
    finhouse("trace", "00000000-0000-0000-0000-00000000dead", code=1)
    finhouse("trace", "nope", code=2)


def test_env_is_enough_for_a_plain_dbt_build_which_changes_nothing(
    world: World,
) -> None:
    world.pay("1.00", at="2026-02-16 10:00Z")
    world.settle()
    exported = json.loads(finhouse("env", "--format", "json"))
    environment = {**os.environ, **exported}
    before = world.ask(CHECKSUMS)
    done = subprocess.run(
        # The quarantine is filled on purpose by another test.
        [str(ROOT / ".venv/bin/dbt"), "build", "--exclude", "assert_quarantine_is_empty"]
        + ["--exclude-resource-type", "exposure"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert world.ask(CHECKSUMS) == before


def test_full_refresh_of_everything_gives_the_same(world: World) -> None:
    world.pay("1.00", at="2026-02-17 10:00Z")
    world.settle()
    logs = world.one("select count() from bronze.transactions")
    before = world.ask(CHECKSUMS)
    output = finhouse("dbt", "run", "--full-refresh", timeout=240)
    assert "kept `bronze`.`transactions`" in output
    assert world.one("select count() from bronze.transactions") >= logs
    world.settle()
    assert world.ask(CHECKSUMS) == before
    assert world.differences() == []


def test_two_builds_and_the_loop_at_once_count_nothing_twice(world: World) -> None:
    for _ in range(50):
        world.pay("2.00", at="2026-02-18 10:00Z")
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(finhouse, "dbt", "run", timeout=300) for _ in range(2)]
        world.write("update finance.transactions set amount = 3.00 where amount = 2.00")
        for run in runs:
            run.result()
    world.settle()
    assert world.day("2026-02-18") == {("EUR", "success"): (50, 150)}
    assert world.differences() == []


def test_docs_show_the_servers_types_and_sources_are_fresh(world: World) -> None:
    output = finhouse("docs", timeout=240)
    assert "types from ClickHouse" in output
    assert "offline" in output
    finhouse("dbt", "source", "freshness")


def test_capture_reads_the_tables_and_nothing_of_the_generator(world: World) -> None:
    """Above all not the labels of planted fraud: the warehouse has to find it itself."""
    with psycopg.connect(
        host=world.settings.postgres_host,
        port=world.settings.postgres_port,
        dbname=world.settings.postgres_database,
        user="finhouse_cdc",
        password=world.settings.cdc_password,
        autocommit=True,
    ) as capture:
        capture.execute("select 1 from finance.transactions limit 1")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            capture.execute("select 1 from finance_meta.fraud_labels limit 1")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            capture.execute("update finance.merchants set risk_rating = 1")
    rows = world.postgres.execute(
        "select schemaname, tablename from pg_publication_tables where pubname = 'finhouse'"
    ).fetchall()
    assert {schema for schema, _ in rows} == {"finance"} and len(rows) == 8
