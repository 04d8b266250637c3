"""What the page SQL may do, asked of the real server: nothing but read gold and silver, in limits.

No statement is judged by its text here or in the page: each of these reaches ClickHouse.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

import pytest

from dashboard import workbench
from dashboard.queries import pipeline
from dashboard.queries import sql as queries
from dashboard.workbench import RefusedError
from infra.settings import Settings
from infra.transform.warehouse import connect
from tests.python.stack.world import eventually

pytestmark = pytest.mark.stack

TABLE = "gold.dim_merchants"

# What each kind of statement is refused for; a message of the page goes with it.
HOSTILE = {
    "definition": [
        "create table gold.x (a Int8) engine = Memory",
        "create temporary table x (a Int8)",
        "create or replace view gold.x as select 1",
        "create database x",
        "create function f as a -> a",
        "create dictionary gold.d (a Int8) primary key a source(null()) layout(flat()) lifetime(1)",
        "create named collection x as a = 1",
        f"alter table {TABLE} add column x Int8",
        f"alter table {TABLE} delete where 1",
        f"drop view {TABLE}",
        "drop database gold",
        f"rename table {TABLE} to gold.x",
        "exchange tables silver.accounts_state and silver.merchants_state",
        f"detach view {TABLE}",
        "attach table gold.x",
        "undrop table gold.x",
        "truncate table silver.accounts_state",
        "optimize table silver.accounts_state",
        "backup database gold to File('/nowhere/x')",
        "restore database gold from File('/nowhere/x')",
    ],
    "data": [
        "insert into silver.merchants_state select * from silver.merchants_state",
        "insert into silver.heartbeats values (1)",
        "insert into function file('/nowhere/x', 'CSV', 'a Int8') select 1",
        "delete from silver.merchants_state where 1",
        "update silver.merchants_state set country = 'XX' where 1",
    ],
    "access": [
        "grant select on *.* to analyst",
        "grant current grants on *.* to dbt with grant option",
        "revoke select on gold.* from dashboard",
        "create user intruder",
        "alter user analyst identified by 'x'",
        "drop user dbt",
        "create row policy p on gold.dim_dates to analyst",
        "set role dbt",
        "execute as dbt select 1",
        "show grants for dbt",
        "show create user dbt",
        "show access",
        "show users",
    ],
    "files and network": [
        "select * from url('http://127.0.0.1:1/', 'LineAsString')",
        "describe url('http://127.0.0.1:1/')",
        "select * from file('/etc/passwd', 'LineAsString')",
        "select file('/etc/passwd')",
        "select `file`('/proc/self/environ')",
        "select * from (select identity(file('/etc/passwd')) as a)",
        "show tables from gold where name = file('/etc/passwd')",
        "select * from filesystem('/')",
        "select * from remote('127.0.0.1', 'bronze', 'transactions')",
        "select * from remoteSecure('127.0.0.1', 'system', 'one')",
        "select * from cluster('default', system.one)",
        "select * from clusterAllReplicas('default', system.one)",
        "select * from s3('http://bucket.s3.amazonaws.com/key', 'CSV', 'a String')",
        "select * from gcs('http://storage.googleapis.com/bucket/key', 'CSV', 'a String')",
        "select * from azureBlobStorage('http://127.0.0.1:1/', 'a', 'b')",
        "select * from hdfs('hdfs://127.0.0.1:1/a', 'TSV', 'a String')",
        "select * from mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "select * from postgresql('127.0.0.1:5432', 'financial', 'accounts', 'a', 'b')",
        "select * from mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'a String')",
        "select * from redis('127.0.0.1:1', 'k', 'k String')",
        "select * from sqlite('/etc/passwd', 'a')",
        "select * from jdbc('a', 'b', 'c')",
        "select * from odbc('DSN=a', 'b', 'c')",
        "select * from executable('id', 'TSV', 'a String')",
        "select * from input('a String')",
        "select * from dictionary('x')",
        "select * from icebergLocal('/etc')",
        "select * from deltaLakeLocal('/etc')",
        "select * from postgresql(cdc_kafka)",
        "select * from python('os')",
        "select * from Python(sys)",
        "select * from eval('select 1')",
        "select dictGet('x', 'y', 1)",
        "select catboostEvaluate('/etc/passwd', 1)",
        "select * into outfile '/nowhere/x' from gold.dim_dates",
    ],
    "other layers": [
        "select count() from bronze.transactions",
        "select * from `bronze`.`quarantine`",
        "select * from ops.transform_runs",
        "select * from merge('bronze', 'transactions')",
        "select * from mergeTreeIndex('bronze', 'transactions')",
        "with x as (select * from bronze.transactions) select count() from x",
        "select 1 where exists (select 1 from bronze.transactions)",
        f"select 1 from {TABLE} where merchant_id in (select _key from bronze.transactions)",
        f"select count() from {TABLE} union all select count() from ops.reconciliations",
        "explain select * from bronze.transactions",
        "describe table bronze.transactions",
        "show create table bronze.transactions",
        "exists table bronze.transactions",
        "select hasColumnInTable('bronze', 'transactions', '_op')",
        "use bronze",
    ],
    "people": [
        "select email from gold.dim_accounts",
        "select * from gold.dim_accounts_history",
        "select 1 from silver.accounts_state where email like 'a%'",
        "select count() from silver.accounts_history group by user_name",
        "select account_id from silver.accounts_snapshot order by email",
    ],
    "system": [
        "select * from system.users",
        "select query from system.query_log",
        "select query from system.processes",
        "show processlist",
        "select * from system.named_collections",
        "select * from system.grants",
        "select * from system.server_settings",
        "select * from system.parts",
        "select * from system.part_log",
        "select * from system.kafka_consumers",
        "select * from system.disks",
        "select * from information_schema.tables",
        "select getServerSetting('max_server_memory_usage')",
        "select addressToLine(1)",
        "system shutdown",
        "system flush logs",
        "system drop mark cache",
        "system stop merges silver.accounts_state",
        "system reload users",
        "kill query where 1",
        "kill query where user = 'dbt' sync",
        "kill mutation where 1",
    ],
    "settings": [
        "set max_execution_time = 0",
        "set readonly = 0",
        "select 1 settings readonly = 0",
        "select 1 settings readonly = 2",
        "select 1 settings max_execution_time = 1000",
        "select 1 settings timeout_overflow_mode = 'break'",
        "select 1 settings max_memory_usage = 0",
        "select 1 settings max_memory_usage_for_user = 0",
        "select 1 settings max_rows_to_read = 0",
        "select 1 settings max_bytes_to_read = 0",
        "select 1 settings read_overflow_mode = 'break'",
        "select 1 settings max_result_rows = 0",
        "select 1 settings max_result_bytes = 0",
        "select 1 settings result_overflow_mode = 'break'",
        "select 1 settings max_concurrent_queries_for_user = 0",
        "select 1 settings max_threads = 64",
        "select 1 settings function_sleep_max_microseconds_per_block = 0",
        "select 1 settings allow_python_table_function = 1",
        "select 1 settings allow_experimental_eval_table_function = 1",
        "select 1 settings profile = 'default'",
        "select 1 union all (select 2 settings max_rows_to_read = 0)",
        "explain settings = 1, x = 2 select 1 settings max_memory_usage = 0",
    ],
    "limits": [
        "select count() from numbers(1000000000000)",
        "select count() from numbers_mt(1000000000000)",
        "select count() from system.numbers",
        "select number from numbers(30000)",
        "select repeat('x', 999000 + number) from numbers(30)",
        "select repeat('x', 1000000) from numbers(100)",
        "select * from (select number from numbers(30000) settings max_result_rows = 0)",
        "select count() from (select 1 from numbers(1e12::UInt64) settings max_rows_to_read = 0)",
        "select groupArray(number) from numbers(100000000)",
        "select sleep(1)",
        "select sleepEachRow(0.1) from numbers(3)",
        "select * from generateRandom('a UInt64')",
        "select * from loop(gold.dim_dates)",
    ],
    "disguise": [
        "select 1; drop view gold.dim_dates",
        "select 1; select 2",
        "/* select */ drop view gold.dim_dates",
        "-- select 1\ndrop view gold.dim_dates",
        "/*! select 1 */ drop view gold.dim_dates",
        "dRoP\tViEw\u00a0gold.dim_dates",
        "drop\u3000view gold.dim_dates",
        "\ufeffdrop view gold.dim_dates",
        "\uff24\uff32\uff2f\uff30 view gold.dim_dates",
        "d\u200brop view gold.dim_dates",
        "drop\x00view gold.dim_dates",
        "select 1\x00; drop view gold.dim_dates",
        "\ud800drop view gold.dim_dates",
        "explain drop view gold.dim_dates",
        "select 1 format Null",
        "select 1 format JSONCompactEachRow",
        "select 1 format Template",
        "select * from format('JSONEachRow', '{\"a\": 1}')",
        "select char(100, 114, 111, 112) as x from x",
        "parallel with drop view gold.dim_dates",
    ],
}
STATEMENTS = [
    pytest.param(kind, statement, id=f"{kind}: {statement[:60]!a}")
    for kind, statements in HOSTILE.items()
    for statement in statements
]

ALLOWED = [
    "select 1",
    "SELECT 1 -- with a comment",
    "/* and one before */ select 1;",
    f"select count() from {TABLE}",
    "select count() from silver.transactions_state final",
    "with x as (select 1 as a) select a from x union all select 2",
    "(select 1)",
    "from gold.dim_dates select count()",
    "show databases",
    "show tables from gold",
    f"show create view {TABLE}",
    "show grants",
    "explain select count() from silver.transactions_state",
    queries.explained(f"select count() from {TABLE}"),
    queries.limited("select number from numbers(100);", 10),
    f"describe {TABLE}",
    "exists gold.dim_dates",
    "select account_id, account_country from gold.dim_accounts",
    "select * except (user_name, email) from gold.dim_accounts",
    "select 'drop table gold.dim_dates; insert into' as text",
    "select count() from gold.live_kpis_by_minute where minute > now() - 60",
    "select name from system.columns where database = 'gold'",
    pipeline.about_a_topic("transactions"),
    *queries.EXAMPLES.values(),
]


@pytest.fixture(scope="module")
def admin(stack: Settings) -> Iterator[Any]:
    client = connect(stack)
    yield client
    client.close()


def names(admin: Any) -> Sequence[Any]:
    """Names of all that a statement could have made or dropped."""
    return [
        admin.query(f"select {columns} from system.{table} order by all").result_rows
        for table, columns in {
            "tables where database in ('gold', 'silver', 'default')": "database, name",
            "databases": "name",
            "users": "name",
            "functions where origin != 'System'": "name",
        }.items()
    ]


@pytest.fixture(scope="module")
def before(admin: Any) -> Sequence[Any]:
    return names(admin)


def test_there_are_many_of_them() -> None:
    statements = [statement for statements in HOSTILE.values() for statement in statements]
    assert len(statements) == len(set(statements)) >= 40


@pytest.mark.parametrize(("kind", "statement"), STATEMENTS)
def test_a_hostile_statement_is_refused_with_a_clear_message(
    before: Sequence[Any], kind: str, statement: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        workbench.run(statement)
    refused = caught.value
    assert refused.message != "ClickHouse does not answer", "it took the server down"
    assert refused.message != workbench.OTHER[0], f"no words for {refused.code}: {refused.why}"
    assert refused.why
    assert refused.fix
    assert "root:" not in refused.why, "it shows a file"


def test_none_of_them_left_a_trace(before: Sequence[Any], admin: Any) -> None:
    assert names(admin) == before


def test_explain_does_not_run_what_it_explains(stack: Settings) -> None:
    assert "root:" not in str(workbench.run("explain select file('/etc/passwd')").rows)


def test_settings_of_a_subquery_have_no_effect(stack: Settings) -> None:
    result = workbench.run(
        "select * from (select getSetting('readonly'), getSetting('max_result_rows')"
        " settings readonly = 0, max_result_rows = 0)"
    )
    assert [str(value) for value in result.rows[0]] == ["1", "20000"]


def test_merges_go_on_after_an_attempt_to_stop_all(stack: Settings, admin: Any) -> None:
    workbench.run("system stop merges")  # passes over each table it has no right to
    admin.command("create table silver.merge_me (a Int8) engine = MergeTree order by a")
    try:
        for _ in range(2):
            admin.command("insert into silver.merge_me values (1)")
        admin.command("optimize table silver.merge_me final")
    finally:
        admin.command("drop table silver.merge_me sync")


@pytest.mark.parametrize("statement", ALLOWED)
def test_reading_works(stack: Settings, statement: str) -> None:
    workbench.run(statement)


def test_a_result_tells_what_it_cost(stack: Settings) -> None:
    result = workbench.run("select number, toDecimal64(number, 2) as d from numbers(3)")
    assert [column.name for column in result.columns] == ["number", "d"]
    assert result.rows == (["0", "0.00"], ["1", "1.00"], ["2", "2.00"])
    assert result.rows_read == 3
    assert result.bytes_read == 24
    assert result.elapsed_ms > 0
    assert result.query_id


def test_a_subquery_may_be_larger_than_a_result_and_is_whole(stack: Settings) -> None:
    result = workbench.run("select count(), sum(n) from (select number as n from numbers(3000000))")
    assert result.rows == (["3000000", "4499998500000"],)


def test_a_url_lifts_no_limit(stack: Settings) -> None:
    for name, value in (("max_execution_time", 0), ("readonly", 0), ("max_result_rows", 0)):
        connection = http.client.HTTPConnection(stack.clickhouse_host, stack.clickhouse_port)
        user = {"user": stack.analyst_user, "password": stack.analyst_password}
        connection.request("POST", f"/?{urlencode({name: value, **user})}", body="select 1")
        answer = connection.getresponse()
        assert answer.headers["X-ClickHouse-Exception-Code"] == "164", answer.read()
        connection.close()


def test_a_cancelled_query_ends_on_the_server(stack: Settings, admin: Any) -> None:
    marker = "the one to cancel"
    running = workbench.Statement(
        f"select sum(sipHash64(number, a)), '{marker}' from numbers(150000000)"
        " array join range(50) as a"
    ).start()

    def count() -> int:
        rows = admin.query(
            "select count() from system.processes where user = 'analyst'"
            f" and position(query, '{marker}') > 0"
        ).result_rows
        return int(rows[0][0])

    eventually(lambda: count() == 1, 10)
    began = time.monotonic()
    running.cancel()
    assert running.wait(2)
    assert running.refusal and running.refusal.message == "You stopped the query"
    eventually(lambda: count() == 0, 5)
    assert time.monotonic() - began < 5


def test_limits_are_read_from_the_server(stack: Settings) -> None:
    limits = {name: int(value) for name, value in workbench.run(queries.limits().sql).rows}
    assert limits["max_execution_time"] == 20
    assert limits["max_result_rows"] == 20_000
    assert set(limits) == {
        "max_execution_time",
        "max_memory_usage",
        "max_result_rows",
        "max_rows_to_read",
    }


def test_the_schema_is_what_can_be_read(stack: Settings) -> None:
    rows = workbench.run(queries.columns().sql).rows
    assert {row[0] for row in rows} == {"gold", "silver"}
    names = {(row[0], row[1], row[3]) for row in rows}
    assert ("gold", "dim_accounts", "account_id") in names
    assert not [name for name in names if name[2] in ("email", "user_name")]


def test_the_dashboards_own_user_reads_no_file_either(stack: Settings) -> None:
    connection = http.client.HTTPConnection(stack.clickhouse_host, stack.clickhouse_port)
    user = {"user": stack.dashboard_user, "password": stack.dashboard_password}
    connection.request("POST", f"/?{urlencode(user)}", body="select file('/etc/passwd')")
    answer = connection.getresponse()
    assert answer.status != http.client.OK
    assert "root:" not in answer.read().decode()
    connection.close()
