"""Reconciliation while everything runs; planted errors are found and named; parity repairs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from dashboard.queries.pipeline import differences
from infra.embedded.supervisor import Supervisor
from infra.settings import Settings
from infra.transform import parity
from infra.transform.arrival import wait_for_logs
from infra.transform.comparisons import FACTS, TABLES, Fact
from infra.transform.figures import Warehouse
from infra.transform.parity import model_of
from infra.transform.reconcile import DIFFERS, EXTRA, MISSING, Difference
from infra.transform.rows import warehouse_shown
from infra.transform.snapshot import Snapshot
from ingestion.generator.control import configure, status
from tests.python.stack.world import World, attempt, eventually, finhouse, traffic

pytestmark = pytest.mark.stack

DELTAS = [f"silver.{name}_deltas" for name, table in TABLES.items() if table.has_deltas]
COMPARED = {*(f"silver.{name}_state" for name in TABLES), *DELTAS, *FACTS}
DAY = "2026-02-07"
MUTATION = {"mutations_sync": 2}
# A version that no change of the source has.
NEWEST = "bitOr(bitShiftLeft(toUInt128(1), 127), toUInt128(1))"


@pytest.fixture(scope="module")
def payments(stack: Settings) -> list[UUID]:
    """Three payments of one day, applied everywhere."""
    with World(stack) as world:
        made = [world.pay(f"{n}0.00", at=f"{DAY} 1{n}:00Z") for n in (1, 2, 3)]
        world.settle()
    return made


@contextmanager
def standing(world: World, *rebuilt: str) -> Iterator[None]:
    """The transform loop stands still: nothing mends what is planted before the end of this."""
    world.settle()
    supervisor = Supervisor(world.settings)
    supervisor.stop("transform")
    try:
        yield
    finally:
        if rebuilt:
            finhouse("dbt", "run", "--full-refresh", "-s", *rebuilt)
        supervisor.start("transform")


def test_no_differences_while_traffic_runs(world: World) -> None:
    configure(world.settings, {"rate": 24_000, "interval_seconds": 24.0, "updates": 0.3})
    with traffic(world.settings):
        before = status(world.settings).new_transactions
        outcome = json.loads(finhouse("reconcile", "--json"))
        assert outcome["differences"] == []
        assert {one["name"] for one in outcome["comparisons"]} == COMPARED
        assert not any(one["note"] for one in outcome["comparisons"])
        # It is only a proof if changes went on meanwhile, and did not wait for it.
        assert status(world.settings).new_transactions > before
        measured = json.loads(finhouse("lag", "--seconds", "2", "--json"))
        finhouse("gen", "--rate", "240", "--updates", "0")
        eventually(lambda: status(world.settings).target_rate == pytest.approx(10), 10)  # of 24 s
        finhouse("gen", "--pause")
        eventually(lambda: status(world.settings).state == "paused", 10)
        world.settle()
        silent = attempt("lag", "--seconds", "1")
        finhouse("gen", "--defaults", "--resume")
        eventually(lambda: status(world.settings).state == "running", 10)
    hops = {one["layer"]: one for one in measured}
    assert list(hops) == ["debezium", "kafka", "bronze", "live", "silver", "gold"]
    assert all(0 < hop["p50"] <= hop["p95"] <= hop["p99"] for hop in hops.values())
    on_the_way = [hops[name]["p50"] for name in ("debezium", "kafka", "bronze", "silver", "gold")]
    assert on_the_way == sorted(on_the_way)
    assert hops["gold"]["rows"] > 1000
    assert silent.returncode != 0 and "nothing was committed" in silent.stderr


def test_a_snapshot_sees_what_postgres_says_it_sees(world: World) -> None:
    """Ids have 64 bits in Postgres, 32 in the log; running transactions are not seen."""
    epoch = 2**32
    cases = {
        (100, (90, 95)): {89: True, 90: False, 91: True, 95: False, 99: True, 100: False},
        # just after the counter of 32 bits began anew
        (epoch + 5, (epoch - 2, epoch + 3)): {
            epoch - 1: True,
            epoch - 2: False,
            epoch + 2: True,
            epoch + 3: False,
            epoch + 5: False,
            epoch + 6: False,
        },
        # just before it does
        (epoch - 2, ()): {epoch - 3: True, epoch - 2: False, epoch + 4: False},
    }
    now = datetime.now(UTC)
    for (xmax, running), expected in cases.items():
        snapshot = Snapshot(min(running, default=xmax), xmax, running, now)
        found = world.ask(
            f"select number, {snapshot.unseen(0)} from (select arrayJoin({{ids:Array(UInt64)}})"
            " as number, number % 4294967296 as _tx_id, '' as _error, 'c' as _op, 1 as _offset,"
            " now64(6, 'UTC') as _committed_at)",
            ids=list(expected),
        )
        assert {number: not unseen for number, unseen in found} == expected


def test_what_commits_after_the_snapshot_is_no_difference(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes of every kind are applied everywhere before the warehouse is asked."""
    kept, gone = world.pay("5.00", at=f"{DAY} 09:00Z"), world.pay("6.00", at=f"{DAY} 09:00Z")
    merchants = [uuid4(), uuid4(), uuid4()]
    for id in merchants[:2]:
        world.write("insert into finance.merchants values (%s, 'A', 'travel', 'DE', 2)", id)
    counts: list[int] = []

    def after_changes(*arguments: Any) -> dict[str, int]:
        change = "update finance.transactions set amount = amount + 1, status = 'failed'"
        world.write(change + " where transaction_id = %s", kept)
        world.write(change + " where transaction_id = %s", kept)
        world.write("delete from finance.transactions where transaction_id = %s", gone)
        world.pay("9.00", id=gone, at="2026-02-08 09:00Z")
        world.pay("8.00", at=f"{DAY} 09:00Z")
        world.write(
            "update finance.merchants set risk_rating = 5 where merchant_id = %s", merchants[0]
        )
        world.write("delete from finance.merchants where merchant_id = %s", merchants[1])
        world.write(
            "insert into finance.merchants values (%s, 'B', 'travel', 'DE', 2)", merchants[2]
        )
        world.settle()
        counts.append(world.day(DAY)[("EUR", "failed")][0])
        return wait_for_logs(*arguments)

    monkeypatch.setattr("infra.transform.reconcile.wait_for_logs", after_changes)
    assert world.differences() == []
    assert counts == [1]  # they had been applied
    monkeypatch.undo()
    assert world.differences() == []


def test_what_is_not_applied_yet_is_no_difference(world: World) -> None:
    """The transform loop stands still, and changes of every kind wait in bronze."""
    kept, gone = world.pay("5.00", at=f"{DAY} 08:00Z"), world.pay("6.00", at=f"{DAY} 08:00Z")
    merchant = uuid4()
    world.write("insert into finance.merchants values (%s, 'C', 'travel', 'DE', 2)", merchant)
    with standing(world):
        before = world.day(DAY)
        world.write("update finance.transactions set amount = 7 where transaction_id = %s", kept)
        world.write("delete from finance.transactions where transaction_id = %s", gone)
        world.write("delete from finance.merchants where merchant_id = %s", merchant)
        assert world.differences() == []
        assert world.day(DAY) == before
    world.settle()
    assert world.differences() == []


Keys = dict[tuple[str, ...], str]
STATES = ("silver_transactions_state", "silver_merchants_state", "silver_accounts_state")


@dataclass(frozen=True)
class Wrong:
    """Errors of every kind, {comparison: {key: what is wrong}}, and what was said of them."""

    planted: dict[str, Keys]
    cent: UUID
    account: UUID
    found: dict[str, list[Difference]]
    printed: str
    page: list[dict[str, Any]]
    unequal: set[str]

    def keys(self, name: str) -> Keys:
        """What was found in one comparison."""
        columns = (
            FACTS[name].keys if name in FACTS else TABLES[name.split(".")[1].split("_")[0]].key
        )
        return {
            tuple(str(key.key[column]) for column in columns): key.problem
            for difference in self.found[name]
            for key in difference.keys
        }

    def columns(self, name: str) -> list[dict[str, tuple[str | None, str | None]]]:
        """What differs in each row that differs."""
        keys = [key for difference in self.found[name] for key in difference.keys]
        return [key.columns for key in keys if key.problem == DIFFERS]


@pytest.fixture(scope="module")
def wrong(stack: Settings, payments: list[UUID]) -> Wrong:
    """All of it at once: to stop the loop and to rebuild the tables is what takes the time."""
    facts = {name: fact for name, fact in FACTS.items() if not fact.watermarks}
    models = [*STATES, "silver_transactions_deltas", *map(model_of, facts)]
    merchant, account = uuid4(), uuid4()
    with World(stack) as world:
        world.write(
            "insert into finance.merchants values (%s, 'Right', 'travel', 'DE', 2)", merchant
        )
        world.write(
            "insert into finance.accounts values (%s, 'Right', 'right@example.com', 'DE', now())",
            account,
        )
        for reason in ("one", "two", "three"):  # so many keys of each fact at least
            payment = world.pay("9.00", at=f"{DAY} 14:00Z", device=reason, ip="192.0.2.1")
            world.write(
                "insert into finance.refunds values (%s, %s, 1, 'EUR', 'succeeded', %s, now())",
                uuid4(),
                payment,
                reason,
            )
            world.write(
                "insert into finance.disputes values (%s, %s, 1, 'EUR', 'opened', %s, now())",
                uuid4(),
                payment,
                reason,
            )
        with standing(world, *models):
            planted = {name: plant(world, name, fact) for name, fact in facts.items()}
            # The warehouse compares facts with deltas, which are right as yet.
            unequal = parity.check(Warehouse(world.client, 2), by_day=True)
            # A live view is made from its fact.
            planted["gold.live_payments_by_minute"] = planted["gold.fct_payments_by_minute"]
            planted["silver.transactions_state"] = plant_in_state(world, payments)
            planted["silver.transactions_deltas"] = plant_in_deltas(world, payments)
            for name, id, changed in (
                ("merchant", merchant, "'Wrong' as merchant_name"),
                ("account", account, "'Wrong' as user_name, 'AT' as country"),
            ):
                world.client.command(
                    f"insert into silver.{name}s_state select * replace ({changed},"
                    f" {NEWEST} as _version) from silver.{name}s_state final"
                    f" where {name}_id = {{id:UUID}}",
                    parameters={"id": id},
                )
                planted[f"silver.{name}s_state"] = {(str(id),): DIFFERS}
            found: dict[str, list[Difference]] = {}
            for difference in world.differences():
                found.setdefault(difference.comparison, []).append(difference)
            printed = finhouse("reconcile", code=1)
            call = differences(1000)
            rows = world.client.query(call.sql, parameters=dict(call.parameters)).named_results()
            page = [dict(row) for row in rows]
    return Wrong(
        planted, payments[0], account, found, printed, page, {one.model for one in unequal}
    )


def plant_in_state(world: World, payments: list[UUID]) -> Keys:
    """A cent too much, a lost payment, and one that Postgres does not have."""
    cent, lost, copied = payments
    extra = uuid4()
    one = "(select * from silver.transactions_state final where transaction_id = {id:UUID})"
    world.client.command(
        f"insert into silver.transactions_state select * replace ("
        f"amount + toDecimal64('0.01', 2) as amount, {NEWEST} as _version) from {one}",
        parameters={"id": cent},
    )
    world.client.command(
        f"insert into silver.transactions_state select * replace ("
        f"{{extra:UUID}} as transaction_id) from {one}",
        parameters={"id": copied, "extra": extra},
    )
    world.client.command(
        "alter table silver.transactions_state delete where transaction_id = {id:UUID}",
        parameters={"id": lost},
        settings=MUTATION,
    )
    return {(str(cent),): DIFFERS, (str(lost),): MISSING, (str(extra),): EXTRA}


def plant_in_deltas(world: World, payments: list[UUID]) -> Keys:
    """A cent too much, a lost payment, and one that is there twice."""
    cent, lost, twice = payments
    table = "silver.transactions_deltas"
    world.client.command(
        f"alter table {table} update amount = amount + toDecimal64('0.01', 2)"
        " where transaction_id = {id:UUID}",
        parameters={"id": cent},
        settings=MUTATION,
    )
    world.client.command(
        f"alter table {table} delete where transaction_id = {{id:UUID}}",
        parameters={"id": lost},
        settings=MUTATION,
    )
    world.client.command(
        f"insert into {table} select * from {table} where transaction_id = {{id:UUID}}",
        parameters={"id": twice},
    )
    return {(str(cent),): DIFFERS, (str(lost),): MISSING, (str(twice),): EXTRA}


def plant(world: World, relation: str, fact: Fact) -> dict[tuple[str, ...], str]:
    """One cent (or payment) too many, a lost row and an extra one: key -> what is wrong with it."""
    types: dict[str, str] = {
        name: type
        for name, type in world.ask(
            "select name, type from system.columns"
            " where concat(database, '.', table) = {relation:String}",
            relation=relation,
        )
    }
    shown = (f"assumeNotNull({warehouse_shown(name, types[name])})" for name in fact.keys)
    label = f"[{', '.join(shown)}]"
    is_there = " or ".join(f"sum({measure}) != 0" for measure in fact.measures)
    # Not the newest: without it the table would be behind, which is no difference.
    (wrong,), (lost,) = world.ask(
        f"select {label} as label from {relation} group by {', '.join(fact.keys)}"
        f" having {is_there} order by max(_offset), label limit 2"
    )
    nothing = {measure: "0" for measure in fact.measures}
    count = next(iter(fact.measures))
    cent = (
        {"total_amount": "toDecimal128('0.01', 2)"} if "total_amount" in nothing else {count: "1"}
    )
    other = next(name for name in ("merchant_id", "account_id", "reason") if name in fact.keys)
    id = str(uuid4())
    new = {other: f"toUUID('{id}')" if types[other] == "UUID" else f"'{id}'"}
    for values in (nothing | cent, nothing | {count: "1"} | new):
        replaced = ", ".join(f"{value} as {name}" for name, value in values.items())
        world.client.command(
            f"insert into {relation} select * replace ({replaced})"
            f" from (select * from {relation} where {label} = {{key:Array(String)}} limit 1)",
            parameters={"key": wrong},
        )
    world.client.command(
        f"alter table {relation} delete where {label} = {{key:Array(String)}}",
        parameters={"key": lost},
        settings=MUTATION,
    )
    extra = [id if name == other else text for name, text in zip(fact.keys, wrong, strict=True)]
    return {tuple(wrong): DIFFERS, tuple(lost): MISSING, tuple(extra): EXTRA}


def test_wrong_rows_are_named(wrong: Wrong) -> None:
    """Each is compared with what Postgres has, whatever it was made from: nothing else is wrong."""
    assert {name: wrong.keys(name) for name in wrong.found} == wrong.planted
    groups = {difference.group for difference in wrong.found["silver.transactions_state"]}
    assert groups == {(DAY, "EUR", "success")}


def test_what_differs_in_a_row_is_told_and_kept(world: World, wrong: Wrong) -> None:
    assert wrong.columns("silver.transactions_state") == [{"amount": ("10.00", "10.01")}]
    assert len(wrong.found["silver.merchants_state"]) == 1
    assert wrong.columns("silver.merchants_state") == [{"merchant_name": ("Right", "Wrong")}]
    assert f"{wrong.cent}: differs" in wrong.printed
    assert "amount: Postgres 10.00, warehouse 10.01" in wrong.printed
    stored = world.ask(
        "select row_key, problem, in_postgres, in_warehouse from ops.reconciliation_differences"
        " where comparison = 'silver.transactions_state' and column_name = 'amount'"
    )
    key = json.dumps({"transaction_id": str(wrong.cent)})
    assert (key, DIFFERS, "10.00", "10.01") in stored


def test_the_page_shows_that_a_name_differs_and_not_the_name(wrong: Wrong) -> None:
    shown = {
        row["column_name"]: (row["in_postgres"], row["in_warehouse"])
        for row in wrong.page
        if str(wrong.account) in row["row_key"]
    }
    assert shown == {"country": ("DE", "AT"), "user_name": ("(personal)", "(personal)")}


def test_the_warehouses_own_check_finds_each_fact(wrong: Wrong) -> None:
    facts = {name for name, fact in FACTS.items() if not fact.watermarks}
    assert wrong.unequal == set(map(model_of, facts))


def test_it_runs_by_itself_and_tells_status(world: World) -> None:
    since = datetime.now(UTC)

    def newest() -> list[Any]:
        return list(
            world.ask(
                "select comparison, status from ops.reconciliations"
                " where started_at > {since:DateTime64(3, 'UTC')}",
                since=since,
            )
        )

    rows = eventually(newest, 120)
    assert {row[0] for row in rows} >= COMPARED
    assert {row[1] for row in rows} == {"equal"}
    assert proofs() == {"reconciliation": "equal", "parity": "equal"}


def test_drift_is_repaired_and_told(world: World, payments: list[UUID]) -> None:
    supervisor = Supervisor(world.settings)
    supervisor.stop("transform")  # it looks at each day soon after its start, then rarely
    supervisor.start("transform")
    since = datetime.now(UTC)
    fact = "gold.fct_payments_by_day"
    right = world.day(DAY)
    world.client.command(
        f"insert into {fact} select * replace (1 as count_payments, toDecimal128('0.01', 2) as"
        f" total_amount) from {fact} where payment_date = {{day:Date}} limit 1",
        parameters={"day": DAY},
    )
    world.client.command(
        "alter table silver.transactions_state delete where transaction_id = {id:UUID}",
        parameters={"id": payments[0]},
        settings=MUTATION,
    )
    assert world.day(DAY) != right

    def repaired() -> set[str]:
        return {
            row[0]
            for row in world.ask(
                "select model from ops.parity_checks where status = 'repaired'"
                " and checked_at > {since:DateTime64(3, 'UTC')}",
                since=since,
            )
        }

    wanted = {"fct_payments_by_day", "silver_transactions_state"}
    eventually(lambda: repaired() == wanted, 300)
    assert world.day(DAY) == right
    assert world.state_of(payments[0]) is not None
    found = world.ask(
        "select distinct model from ops.parity_checks where status = 'differs'"
        " and checked_at > {since:DateTime64(3, 'UTC')}",
        since=since,
    )
    assert {"fct_payments_by_day"} <= {row[0] for row in found}
    # Each takes at most a twentieth of the time: the next one may be a while.
    eventually(lambda: proofs() == {x: "equal" for x in ("reconciliation", "parity")}, 240)
    assert "repaired" in attempt("status").stdout
    assert world.differences() == []


def proofs() -> dict[str, str]:
    """Status of the newest checks, as the command shows it."""
    found = json.loads(attempt("status", "--json").stdout)["proofs"]
    return {one["check"]: one["status"] for one in found if one["check"] != "repair"}
