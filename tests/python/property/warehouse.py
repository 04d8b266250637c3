"""A real ClickHouse with the real dbt project, fed with messages and compared with the oracles.

Kafka is the one part that is not there. In its place each `bronze.<table>_queue` is a table of
engine Null with the columns that a Kafka table has, so that a test decides which message arrives
when, and how often. The view behind it, which parses and checks, and all below are the project's.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.embedded.supervisor import Supervisor
from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform import figures, parity
from infra.transform.batches import Batches
from infra.transform.loop import run_tier
from infra.transform.parity import Mismatch
from infra.transform.project import ModelRun, Project
from infra.transform.warehouse import connect, positions
from ingestion.kafka import topic_of
from tests.python.property.oracles import ORACLES
from tests.python.property.source import KEYS, Event, Row, Source, replayed
from tests.python.stack.world import eventually

Counted = Counter[tuple[Any, ...]]
# Columns that say when the warehouse did something: no two runs agree on them.
CLOCKS = ("_applied_at", "silver_at", "gold_at", "_ingested_at", "ingested_at")

# Facts whose rows carry the offset of the batch that wrote them, and not one of their own changes.
OFFSETS_OF_BATCHES = ("gold.fct_intents_by_day",)


class UndeterminedError(Exception):
    """A model's inputs have seen different parts of one log: it promises nothing just now."""


class Warehouse:
    """ClickHouse, the project in this process, and the source whose messages arrive here."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings = settings
        self.client = connect(settings)
        self.project = Project()
        self.project.read()
        self._batches: dict[str, Batches] = {}
        self.target = Path(os.environ["DBT_TARGET_PATH"])
        manifest = json.loads((self.target / "manifest.json").read_text(encoding="utf-8"))
        self.nodes: dict[str, dict[str, Any]] = {
            id: node
            for id, node in manifest["nodes"].items()
            if node["resource_type"] in ("model", "snapshot")
        }
        self.seeds = {
            relation_of(node)
            for node in manifest["nodes"].values()
            if node["resource_type"] == "seed"
        }
        self.source = Source(seed)
        self.delivered = dict.fromkeys(KEYS, 0)
        self.run_tier("build")
        for table in KEYS:
            self._replace_queue(table)

    def _replace_queue(self, table: str) -> None:
        """A Null table in place of the Kafka one, known to dbt as unchanged (by its comment)."""
        queue, view = f"{table}_queue", f"{table}_mv"
        found = {
            name: (comment, ddl)
            for name, comment, ddl in self.ask(
                "select name, comment, create_table_query from system.tables"
                " where database = 'bronze' and name in ({queue:String}, {view:String})",
                queue=queue,
                view=view,
            )
        }
        columns = self.ask(
            f"describe table bronze.{queue} settings describe_include_virtual_columns = 1"
        )
        wanted = ("raw", "_topic", "_partition", "_offset", "_key", "_timestamp_ms")
        typed = ", ".join(f"{row[0]} {row[1]}" for row in columns if row[0] in wanted)
        self.client.command(f"drop table bronze.{view} sync")
        self.client.command(f"drop table bronze.{queue} sync")
        comment = found[queue][0]
        self.client.command(
            f"create table bronze.{queue} ({typed}) engine = Null comment '{comment}'"
        )
        self.client.command(found[view][1])

    # Messages.

    def deliver(self, table: str, until: int, *, again: int = 0) -> None:
        """Let the messages of a topic up to index `until` arrive, as one block. `again`: how many
        of those that are there already come before them once more."""
        begin = max(0, self.delivered[table] - again)
        events = self.source.topics[table][begin:until]
        if events:
            self.client.insert(
                f"bronze.{table}_queue",
                [
                    (
                        event.message.decode(),
                        topic_of(table),
                        0,
                        event.offset,
                        event.message_key.decode(),
                        event.published_at,
                    )
                    for event in events
                ],
                column_names=["raw", "_topic", "_partition", "_offset", "_key", "_timestamp_ms"],
            )
        self.delivered[table] = max(self.delivered[table], until)

    def deliver_all(self) -> None:
        """Let everything arrive."""
        for table, topic in self.source.topics.items():
            self.deliver(table, len(topic))

    # dbt.

    def run(self, *flags: str) -> list[ModelRun]:
        """`dbt run` with these flags; every node must succeed."""
        return self._succeeded(self.project.run("run", "--threads", "2", *flags))

    def run_tier(self, tier: str) -> list[ModelRun]:
        """One cycle of the transform loop; every node must succeed."""
        return self._succeeded(self.cycle(tier))

    def cycle(self, tier: str) -> list[ModelRun]:
        """The same, whatever comes of it."""
        dbt = partial(run_tier, self.project, tier)
        if tier == "build":
            return dbt()
        if tier not in self._batches:
            # The slow tier as the background runs it, with the facts of the live one.
            is_slow = tier == "slow"
            tiers = {"live", "slow", "background"} if is_slow else {"live"}
            self._batches[tier] = Batches(self.project, tiers, beside_the_loop=is_slow)
        return self._batches[tier].run_or(dbt, self.client)

    def restart_loop(self) -> None:
        """What a loop remembers from cycle to cycle is forgotten, as after its death."""
        self._batches.clear()

    def _succeeded(self, runs: list[ModelRun]) -> list[ModelRun]:
        # An exposure is a node with nothing to do.
        done = ("success", "no-op")
        failed = [(run.model, run.message) for run in runs if run.status not in done]
        assert not failed, failed
        return runs

    def settle(self) -> None:
        """Let everything arrive and be applied, then compare all of it."""
        self.deliver_all()
        self.run_tier("slow")
        self.check(settled=True)

    # ClickHouse.

    def ask(self, query: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        """Rows of a query."""
        return self.client.query(query, parameters=parameters).result_rows

    def one(self, query: str, **parameters: Any) -> Any:
        """The single value of a query."""
        return self.ask(query, **parameters)[0][0]

    def kill(self) -> None:
        """`kill -9` of ClickHouse; returns once it answers again."""
        supervisor = Supervisor(self.settings)
        victim = supervisor.processes()["clickhouse"]["pid"]
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: supervisor.processes()["clickhouse"]["pid"] not in (0, victim))
        eventually(self._answers)

    @contextmanager
    def down(self) -> Iterator[None]:
        """ClickHouse does not run meanwhile."""
        supervisor = Supervisor(self.settings)
        supervisor.stop("clickhouse")
        try:
            yield
        finally:
            supervisor.start("clickhouse")
            eventually(self._answers)

    def _answers(self) -> bool:
        try:
            self.client = connect(self.settings)
            return bool(self.client.ping())
        except (ClickHouseError, FinhouseError, OSError):
            return False

    def kill_while_running(self, tier: str, seconds: float) -> None:
        """Start a cycle and kill ClickHouse after so many seconds; the cycle may fail."""

        def cycle() -> None:
            # What it raises or reports is dbt's; what counts is what it leaves behind.
            try:
                self.cycle(tier)
            except Exception as error:
                failures.append(error)

        failures: list[Exception] = []
        running = threading.Thread(target=cycle)
        running.start()
        time.sleep(seconds)
        self.kill()
        running.join()

    # Relations.

    def models(self, *, materialized: str | None = None) -> dict[str, dict[str, Any]]:
        """Models by `database.table`, all or those of one materialization."""
        return {
            relation_of(node): node
            for node in self.nodes.values()
            if materialized in (None, node["config"]["materialized"])
        }

    def incremental(self) -> list[str]:
        """`database.table` of every offset_append model."""
        return sorted(self.models(materialized="offset_append"))

    def incremental_in_order(self) -> list[str]:
        """The same, each after those it reads."""
        parents = {
            id: {parent for parent in node["depends_on"]["nodes"] if parent in self.nodes}
            for id, node in self.nodes.items()
        }
        incremental = set(self.incremental())
        ordered = (relation_of(self.nodes[id]) for id in TopologicalSorter(parents).static_order())
        return [relation for relation in ordered if relation in incremental]

    def incremental_models(self) -> list[str]:
        """Names of all offset_append models."""
        return sorted(node["name"] for node in self.models(materialized="offset_append").values())

    def rows(
        self, relation: str, columns: Iterable[str], *, stored_in: str = "", where: str = ""
    ) -> Counted:
        """What a relation holds, by how often: versions resolved, measures summed, and signed rows
        too, unless their sign is asked for. `stored_in`: read a table of the same shape.
        `where`: leave out other rows."""
        node = self.models()[relation]
        types = {column["name"]: column["data_type"] for column in node["columns"].values()}
        engine = node["config"].get("engine") or ""
        names = list(columns)
        relation = stored_in or relation
        measures = {
            name: found.group(1)
            for name in names
            if (found := re.match(r"SimpleAggregateFunction\((\w+),", types[name]))
        }
        keys = [name for name in names if name not in measures]
        query = f"select {', '.join(names)} from {relation}"
        is_signed = "sign" in types and "sign" not in names
        if is_signed:
            query = (
                f"select {', '.join(names)}, sum(sign) as n from {relation}"
                f" group by {', '.join(names)} having n != 0"
            )
        elif measures:
            outer = ", ".join(f"{f}(facts.{m}) as {m}" for m, f in measures.items())
            query = f"select {', '.join(keys)}, {outer} from {relation} as facts"
            query += f" group by {', '.join(keys)}"
            sums = [name for name, function in measures.items() if function == "sum"]
            if sums:
                query = f"select {', '.join(names)} from ({query}) where " + " or ".join(
                    f"{name} != 0" for name in sums
                )
        elif "Replacing" in engine:
            query += " final"
            if "_is_deleted" in types:
                query += " where _is_deleted = 0"
        if where:
            query = f"select * from ({query}) where {where}"
        counted: Counted = Counter()
        for row in self.ask(query):
            values = tuple(canonical(value) for value in row)
            if is_signed:
                counted[values[:-1]] += values[-1]
            else:
                counted[values] += 1
        return counted

    def contents(self) -> dict[str, Counted]:
        """Every incremental table, clocks left out: what a rebuild must give again. Of recomputed
        rows only what they say counts, not with which batch they came."""
        found: dict[str, Counted] = {}
        for relation, node in self.models(materialized="offset_append").items():
            columns = [name for name in node["columns"] if name not in CLOCKS]
            where = ""
            if relation in self.recomputed() or relation in OFFSETS_OF_BATCHES:
                columns = [name for name in columns if not name.startswith("_")]
                where = ORACLES[node["name"]].where
            found[relation] = self.rows(relation, columns, where=where)
        return found

    def inputs(self, id: str) -> dict[str, set[str]]:
        """For each source table, the relations that decide how much of it a model has seen."""
        node = self.nodes[id]
        if node["config"]["materialized"] in ("offset_append", "kafka_log"):
            return {table: {relation_of(node)} for table in self._origins(id)}
        found: dict[str, set[str]] = {}
        for parent in node["depends_on"]["nodes"]:
            if parent in self.nodes:
                for table, relations in self.inputs(parent).items():
                    found.setdefault(table, set()).update(relations)
        # A live view reads the log itself: it is as far as the log is, whatever else it reads.
        return {
            table: bronze if (bronze := {f"bronze.{table}"} & relations) else relations
            for table, relations in found.items()
        }

    def _origins(self, id: str) -> set[str]:
        node = self.nodes.get(id)
        if node is None:
            return set()
        if node["config"]["materialized"] == "kafka_log":
            return {node["alias"]}
        return {table for parent in node["depends_on"]["nodes"] for table in self._origins(parent)}

    def recomputed(self) -> list[str]:
        """Tables of rows computed anew from several logs, with one `_<table>_offset` for each."""
        return [
            relation
            for relation, node in self.models(materialized="offset_append").items()
            if any(f"_{table}_offset" in node["columns"] for table in KEYS)
        ]

    # Comparison.

    def check(self, *, settled: bool = False) -> None:
        """Compare every relation that has an oracle with it.

        A model whose inputs have seen different parts of one log is left out, unless all is
        `settled`: then each must hold everything there is.
        """
        logs = [f"bronze.{table}" for table in KEYS]
        seen = positions(self.client, {name: name for name in (*logs, *self.incremental())})
        history = Prefixes(self.source, seen, self.recomputed(), settled=settled)
        wrong: list[str] = []
        for id, node in self.nodes.items():
            expectation = ORACLES.get(node["name"])
            if expectation is None:
                continue
            view = View(history, self.inputs(id))
            try:
                expected = list(expectation.rows(view))
            except UndeterminedError:
                continue
            columns = [
                name
                for name in node["columns"]
                if name not in (*expectation.ignore, "sign") and not name.startswith("_")
            ]
            for row in expected:
                if row.keys() != set(columns):
                    raise AssertionError(
                        f"the oracle of {node['name']} gives the columns {sorted(row)},"
                        f" the model has {sorted(columns)}"
                    )
            wanted = Counter(tuple(canonical(row[name]) for name in columns) for row in expected)
            found = self.rows(relation_of(node), columns, where=expectation.where)
            if wanted != found:
                wrong.append(describe(node["name"], columns, wanted, found))
        assert not wrong, "\n".join(wrong)

    def mismatches(self) -> list[Mismatch]:
        """What the warehouse's own thorough check finds."""
        return parity.check(figures.Warehouse(self.client, threads=1), by_day=True)


class Prefixes:
    """The rows of the source as of any offset, worked out once each."""

    def __init__(
        self, source: Source, seen: dict[str, int], unknown: Sequence[str], *, settled: bool
    ) -> None:
        self.seen = seen
        self.unknown = unknown
        self.settled = settled
        self.now = source.now
        self._source = source
        self._latest: dict[tuple[str, int], list[Event]] = {}
        self._events: dict[tuple[str, int], list[Event]] = {}

    def events(self, table: str, offset: int) -> list[Event]:
        if (table, offset) not in self._events:
            self._events[table, offset] = self._source.events_up_to(table, offset)
        return self._events[table, offset]

    def refused(self, table: str, offset: int) -> list[Event]:
        return self._source.refused_up_to(table, offset)

    def latest(self, table: str, offset: int) -> list[Event]:
        if (table, offset) not in self._latest:
            events = replayed(self.events(table, offset))
            self._latest[table, offset] = list(events.values())
        return self._latest[table, offset]


class View:
    """See oracles.Seen."""

    def __init__(
        self, history: Prefixes, inputs: dict[str, set[str]], relation: str | None = None
    ) -> None:
        self._history = history
        self._inputs = inputs
        self._relation = relation

    @property
    def now(self) -> datetime:
        return self._history.now

    def _offset(self, table: str) -> int:
        relations = {self._relation} if self._relation else self._inputs[table]
        if self._history.settled:
            return 2**62
        for relation in relations:
            if relation in self._history.unknown:
                raise UndeterminedError(f"{relation} does not say how much of {table} it saw")
        offsets = {self._history.seen[relation]: relation for relation in relations}
        lengths = {len(self._history.events(table, offset)): offset for offset in offsets}
        if len(lengths) > 1:
            raise UndeterminedError(
                f"{sorted(offsets.values())} differ in how much of {table} they saw"
            )
        return next(iter(lengths.values()))

    def rows(self, table: str) -> list[Row]:
        return [event.after for event in self.latest(table) if event.after is not None]

    def latest(self, table: str) -> list[Event]:
        return self._history.latest(table, self._offset(table))

    def events(self, table: str) -> list[Event]:
        return self._history.events(table, self._offset(table))

    def refused(self, table: str) -> list[Event]:
        return self._history.refused(table, self._offset(table))

    def at(self, relation: str) -> View:
        return View(self._history, self._inputs, relation)

    def next_offset(self, relation: str) -> int:
        return self._history.seen[relation] + 1


def relation_of(node: dict[str, Any]) -> str:
    """`database.table` of a node."""
    return f"{node['schema']}.{node['alias']}"


def last_insert(warehouse: Warehouse, relation: str) -> str:
    """The newest INSERT of dbt into a relation, as it was sent."""
    database, _, table = relation.partition(".")
    warehouse.client.command("system flush logs")
    return str(
        warehouse.one(
            "select query from system.query_log where type = 'QueryFinish' and written_rows > 0"
            " and query_kind = 'Insert' and position(query, {start:String}) > 0"
            " order by event_time_microseconds desc limit 1",
            start=f"insert into `{database}`.`{table}`",
        )
    )


def canonical(value: Any) -> Any:
    """A value as it is compared: moments in UTC, floats to 12 digits."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, float):
        return float(f"{value:.12g}")
    return value


def describe(name: str, columns: list[str], wanted: Counted, found: Counted) -> str:
    """How two sets of rows differ, a few rows of each side."""

    def lines(title: str, rows: Counted) -> list[str]:
        shown = sorted(rows.items(), key=str)[:5]
        more = [f"    … {len(rows) - 5} more"] if len(rows) > 5 else []
        return [
            f"  {title}:",
            *(
                f"    {times} x " + ", ".join(f"{c}={v}" for c, v in zip(columns, row, strict=True))
                for row, times in shown
            ),
            *more,
        ]

    missing, extra = Counter(wanted), Counter(found)
    missing.subtract(found)
    extra.subtract(wanted)
    return "\n".join(
        [
            f"{name} differs from its oracle ({sum(wanted.values())} rows)",
            *lines("must be there", Counter({k: n for k, n in missing.items() if n > 0})),
            *lines("must not be there", Counter({k: n for k, n in extra.items() if n > 0})),
        ]
    )
