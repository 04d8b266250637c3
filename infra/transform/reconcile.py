"""Compares Postgres with silver and gold at one point of the log, exactly, while both go on.

A read-only snapshot of Postgres is opened, a marker is committed after it, and once the marker and
everything before it has arrived, the warehouse is compared as of that snapshot. All compared
figures are sums (of rows, amounts, checksums), so what the snapshot does not see is taken off them:

    figures as of the snapshot = figures now - figures of the unseen changes up to the watermark

A table and its watermark are read by one query, which sees one moment of both. The changes come
from the bronze log, which only grows, so they may be read later. Silver's states are compared with
Postgres (checksums of whole rows), deltas and gold with the states that were proved that way
(checksums of their keys, weighted by their measures). What differs is searched down to its key.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.external import ExternalData

from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform.arrival import LOGS, wait_for_arrival
from infra.transform.comparisons import FACTS, TABLES, Fact
from infra.transform.rows import (
    Source,
    as_of,
    corrections,
    current,
    is_time,
    position,
    postgres_checksum,
    postgres_group,
    postgres_label,
    postgres_shown,
    postgres_slice,
    unseen_changes,
    warehouse_checksum,
    warehouse_group,
    warehouse_label,
    warehouse_shown,
    warehouse_slice,
)
from infra.transform.snapshot import Connection, Snapshot, open_snapshot, unreachable
from infra.transform.warehouse import connect, positions

# Of one comparison at most so many groups, slices of them and keys are searched for the culprits.
NAMED_GROUPS = 64
NAMED_SLICES = 256
NAMED_KEYS = 1000
# One query sees one moment of a table, however often it reads it.
ONE_MOMENT = {"enable_shared_storage_snapshot_in_query": 1}
# ClickHouse adds up checksums in 128 bits and lets go of what is beyond.
CHECKSUM_RANGE = 2**128
MISSING, EXTRA, DIFFERS = "missing in the warehouse", "extra in the warehouse", "differs"

Group = tuple[str, ...]
# Checksums have more digits than a Decimal keeps in a sum.
Figure = int | Decimal
Figures = dict[Group, tuple[Figure, ...]]
Unequal = tuple[Group, tuple[Figure, ...] | None, tuple[Figure, ...] | None]
Row = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class KeyDifference:
    """One row that differs. `columns` are those that do: {name: (Postgres, warehouse)}."""

    key: Row
    problem: str
    columns: dict[str, tuple[str | None, str | None]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One group whose figures differ, and the rows at fault (all, unless they are very many).

    Figures are those named in `figures`, None where the group is missing.
    """

    comparison: str
    group: Group
    figures: tuple[str, ...]
    postgres: tuple[Figure, ...] | None
    warehouse: tuple[Figure, ...] | None
    keys: list[KeyDifference]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one comparison looked at: groups, rows in Postgres, groups that differ.

    `note` says why it could not be made; empty if it was.
    """

    name: str
    groups: int
    rows: int
    differences: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reconciliation found. `rows` is what Postgres holds in the compared tables."""

    snapshot: str
    seconds: float
    rows: int
    groups: int
    comparisons: list[Comparison]
    differences: list[Difference]

    @property
    def is_equal(self) -> bool:
        """Whether everything could be compared and nothing differs."""
        return not self.differences and not any(one.note for one in self.comparisons)


def reconcile(
    settings: Settings, progress: Callable[[str], None] = lambda _: None, *, threads: int = 2
) -> Outcome:
    """Compare every source table, its deltas and every additive fact with Postgres, exactly.

    `threads`: how many cores a query to the warehouse may use. Raises FinhouseError if a part does
    not answer or what was committed does not arrive within two minutes.
    """
    began = time.monotonic()
    client = connect(settings)
    results: list[tuple[Comparison, list[Difference]]] = []
    try:
        starts = positions(client, LOGS)
        with open_snapshot(settings) as (postgres, snapshot), ThreadPoolExecutor(1) as pool:
            run = _Run(client, postgres, snapshot, starts, threads)
            # Postgres counts while the changes are still on their way.
            counted = {
                name: pool.submit(run.count_in_postgres, source)
                for name, source in run.sources.items()
            }
            wait_for_arrival(settings, client, progress)
            for name, source in run.sources.items():
                progress(f"comparing {name}")
                results += run.compare(source, counted[name])
    except psycopg.OperationalError as error:
        raise unreachable(settings, error) from error
    finally:
        client.close()
    return Outcome(
        snapshot=str(snapshot),
        seconds=time.monotonic() - began,
        rows=sum(one.rows for one, _ in results if one.name.endswith("_state")),
        groups=sum(one.groups for one, _ in results),
        comparisons=[one for one, _ in results],
        differences=[difference for _, found in results for difference in found],
    )


@dataclass(frozen=True, slots=True)
class _Additive:
    """A table whose measures add up over a source table's rows.

    `keys` and `measures` say for its own expression what it is of a source row. `types` are those
    of its keys. `groups`: {index among the source table's groups: its own key}. `watermark` is the
    table whose highest offset says how far `relation` is.
    """

    name: str
    relation: str
    watermark: str
    keys: dict[str, str]
    measures: dict[str, str]
    types: dict[str, str]
    groups: dict[int, str]

    @property
    def grouping(self) -> list[str]:
        """Its own grouping expressions."""
        return [warehouse_group(key, self.types[key]) for key in self.groups.values()]

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of what is compared."""
        return (*self.measures, "checksum")

    def own_sums(self) -> list[str]:
        """Its figures from its own rows."""
        return self._sums(self.keys.keys(), self.measures.keys(), "1")

    def source_sums(self, sign: str) -> list[str]:
        """Its figures from rows of the source table that count `sign` times."""
        return self._sums(self.keys.values(), self.measures.values(), sign)

    def _sums(self, keys: Iterable[str], measures: Iterable[str], sign: str) -> list[str]:
        """Sums of the measures, and the checksum: each key's hash, weighted by its measures."""
        measures = list(measures)
        # The hash of anything with a NULL in it is the same number.
        hashed = ", ".join(
            f"ifNull(concat('=', toString({key})), '')" if "Nullable(" in self.types[name] else key
            for name, key in zip(self.keys, keys, strict=True)
        )
        weight = " + ".join(
            f"{1_000_003**index} * reinterpretAsInt128(toDecimal128({measure}, 6))"
            for index, measure in enumerate(measures)
        )
        return [
            *(f"sum({sign} * ({measure}))" for measure in measures),
            f"sum({sign} * toInt128(toUInt32(cityHash64({hashed}))) * ({weight}))",
        ]


class _Run:
    """One reconciliation: both ends, the snapshot, and what the tables look like."""

    def __init__(
        self,
        client: Client,
        postgres: Connection,
        snapshot: Snapshot,
        starts: Mapping[str, int],
        threads: int,
    ) -> None:
        self._client = client
        self._postgres = postgres
        self._snapshot = snapshot
        self._starts = starts
        self._settings = {**ONE_MOMENT, "max_threads": threads}
        types: dict[str, dict[str, str]] = {}
        for relation, name, type in client.query(
            "select concat(database, '.', table), name, type from system.columns"
            " where database in ('silver', 'gold') order by database, table, position"
        ).result_rows:
            if not name.startswith("_"):
                types.setdefault(relation, {})[name] = type
        addresses: dict[str, set[str]] = {name: set() for name in TABLES}
        for name, column in postgres.execute(
            "select table_name, column_name from information_schema.columns"
            " where table_schema = 'finance' and udt_name = 'inet' and table_name = any(%s)",
            [list(TABLES)],
        ):
            addresses[name].add(column)
        # The large tables first: Postgres takes its time for them.
        self.sources = {
            name: Source(name, table, types[f"silver.{name}_state"], frozenset(addresses[name]))
            for name, table in sorted(TABLES.items(), key=lambda one: not one[1].has_deltas)
        }
        self._additives = {
            name: [
                *([_deltas(source)] if source.table.has_deltas else []),
                *(
                    self._fact(relation, fact, source, types[relation])
                    for relation, fact in FACTS.items()
                    if fact.table == name
                ),
            ]
            for name, source in self.sources.items()
        }

    def _fact(self, name: str, fact: Fact, source: Source, types: dict[str, str]) -> _Additive:
        relation = name
        if fact.watermark:
            # Written out, a view reads at the same moment as the watermark beside it.
            definition = self._client.query(
                "select as_select from system.tables"
                " where concat(database, '.', name) = {name:String}",
                parameters={"name": name},
            ).result_rows[0][0]
            relation = f"({definition})"
        by_source = {expression: key for key, expression in fact.keys.items()}
        others = {
            index: by_source[column]
            for index, column in enumerate(source.table.groups)
            if column in by_source
        }
        return _Additive(
            name=name,
            relation=relation,
            watermark=fact.watermark or name,
            keys={key: f"cast({text} as {types[key]})" for key, text in fact.keys.items()},
            measures=fact.measures,
            types=types,
            groups={0: fact.day} | others,
        )

    def compare(
        self, source: Source, counted: Future[Figures]
    ) -> Iterator[tuple[Comparison, list[Difference]]]:
        """Compare what is made from one source table; `counted` is what Postgres has."""
        additives = self._additives[source.name]
        names = ("rows", *([source.table.amount] if source.table.amount else []), "checksum")

        def sums(sign: str) -> list[str]:
            """Figures of the state, then those every additive table should have."""
            expected = [figure for one in additives for figure in one.source_sums(sign)]
            return [*_state_sums(source, sign), *expected]

        state, applied = self._read(
            _grouping(source), sums("sign"), f"({current(source)})", position(source.state)
        )
        held = [
            self._read(one.grouping, one.own_sums(), one.relation, position(one.watermark))
            for one in additives
        ]
        # Parsed once for all; each takes off what it has applied.
        wanted = sums(_up_to(applied))
        width = len(wanted)
        for one, (_, until) in zip(additives, held, strict=True):
            wanted += one.source_sums(_up_to(until))
        changes = self._unseen(source, wanted, max(applied, *(until for _, until in held), -1))
        state = _combined(state, _part(changes, 0, width), -1)

        stored = counted.result()
        unequal = _unequal(stored, _part(state, 0, len(names)))
        rows, is_complete = self._differing_rows(source, unequal)
        yield _result(source.state, names, stored, unequal, [row.named() for row in rows])

        corrected = [correction for row in rows for correction in row.corrections()]
        at, change_at = len(names), width
        for one, (own, _) in zip(additives, held, strict=True):
            width = len(one.figures)
            reference = _part(state, at, width)
            if corrected:
                fix = self._corrections(source, one.source_sums("sign"), corrected)
                reference = _combined(reference, fix, 1)
            reference = _regrouped(reference, one.groups)
            unseen = _regrouped(_part(changes, change_at, width), one.groups)
            at, change_at = at + width, change_at + width
            if is_complete:
                unequal = _unequal(reference, _combined(own, unseen, -1))
                keys = self._differing_keys(source, one, unequal, corrected)
                yield _result(one.name, one.figures, reference, unequal, keys)
            else:
                note = f"not compared: not all wrong rows of {source.state} are known"
                yield Comparison(one.name, len(reference), 0, 0, note), []

    # Figures ------------------------------------------------------------------------------------

    def count_in_postgres(self, source: Source, within: Sequence[Group] | None = None) -> Figures:
        """Rows, amount and checksum per group; of the groups `within` per slice of their keys."""
        groups = _postgres_grouping(source)
        where, parameters = "", []
        if within is not None:
            where = f"where {postgres_label(groups)} = any(%s)"
            parameters.append([_label(group) for group in within])
            groups = [*groups, postgres_slice(source)]
        amount = [f"sum({source.table.amount})"] if source.table.amount else []
        sums = ["count(*)", *amount, f"sum({postgres_checksum(source)})"]
        query = f"""
            select array[{_postgres_texts(groups)}], array[{_postgres_texts(sums)}]
            from finance.{source.name}
            {where}
            group by {", ".join(groups)}
        """
        rows = self._postgres.execute(query.encode(), parameters)
        return _figures(rows)

    def _read(
        self, groups: Sequence[str], sums: Sequence[str], relation: str, watermark: str
    ) -> tuple[Figures, int]:
        """Figures of a relation per group, and its watermark at the same moment."""
        rows = self._query(
            f"""
            select [{_texts(groups)}], [{_texts(sums)}] from {relation} group by {", ".join(groups)}
            union all
            select [], [toString({watermark})]
            """
        )
        applied = next(int(values[0]) for group, values in rows if not group)
        return _figures(row for row in rows if row[0]), applied

    def _unseen(self, source: Source, sums: Sequence[str], until: int) -> Figures:
        """Figures of the changes the snapshot does not see, up to an offset."""
        changes = unseen_changes(source, self._snapshot, self._starts[source.name], str(until))
        groups = _grouping(source)
        return _figures(
            self._query(
                f"select [{_texts(groups)}], [{_texts(sums)}] from ({changes})"
                f" group by {', '.join(groups)}"
            )
        )

    def _corrections(
        self, source: Source, sums: Sequence[str], corrected: Sequence[tuple[int, Row]]
    ) -> Figures:
        """Figures of what the rows of a state table lack."""
        groups = _grouping(source)
        return _figures(
            self._query(
                f"select [{_texts(groups)}], [{_texts(sums)}] from ({corrections(source)})"
                f" group by {', '.join(groups)}",
                corrected=corrected,
            )
        )

    def _query(
        self,
        query: str,
        parameters: dict[str, Any] | None = None,
        corrected: Sequence[tuple[int, Row]] | None = None,
    ) -> Sequence[Sequence[Any]]:
        external = None
        if corrected is not None:
            lines = (json.dumps({"sign": n, "image": json.dumps(row)}) for n, row in corrected)
            external = ExternalData(
                file_name="corrections",
                fmt="JSONEachRow",
                structure=["sign Int8", "image String"],
                data="\n".join(lines).encode(),
            )
        return self._client.query(
            query, parameters=parameters, settings=self._settings, external_data=external
        ).result_rows

    # Keys ---------------------------------------------------------------------------------------

    def _differing_rows(
        self, source: Source, unequal: Sequence[Unequal]
    ) -> tuple[list[_Row], bool]:
        """Rows of a state table that are not as in Postgres, and whether these are all."""
        if not unequal:
            return [], True
        groups = [group for group, _, _ in unequal[:NAMED_GROUPS]]
        slices = _unequal(self.count_in_postgres(source, groups), self._count_as_of(source, groups))
        wanted = [group for group, _, _ in slices[:NAMED_SLICES]]
        stored = self._rows_in_postgres(source, wanted)
        held = self._rows_as_of(source, wanted)
        rows = [
            row
            for key in sorted({*stored, *held})
            if (row := _Row(source, stored.get(key), held.get(key, []))).is_wrong()
        ]
        # None at all: a newer version has replaced what was wrong.
        return rows, bool(rows) and len(groups) == len(unequal) and len(wanted) == len(slices)

    def _count_as_of(self, source: Source, groups: Sequence[Group]) -> Figures:
        by = [*_grouping(source), warehouse_slice(source)]
        return _figures(
            self._query_as_of(
                source,
                f"""
                select [{_texts(by)}] as labels, [{_texts(_state_sums(source, "sign"))}] as sums
                from ({self._as_of(source)})
                where {_label_of(_grouping(source))} in {{labels:Array(String)}}
                group by {", ".join(by)}
                """,
                groups,
            )
        )

    def _rows_in_postgres(self, source: Source, slices: Sequence[Group]) -> dict[Group, Row]:
        shown = ", ".join(postgres_shown(source, name) for name in source.columns)
        label = postgres_label([*_postgres_grouping(source), postgres_slice(source)])
        rows = self._postgres.execute(
            f"select {shown} from finance.{source.name} where {label} = any(%s)".encode(),
            [[_label(one) for one in slices]],
        )
        found = (dict(zip(source.columns, row, strict=True)) for row in rows)
        return {_key_of(source, row): row for row in found}

    def _rows_as_of(
        self, source: Source, slices: Sequence[Group]
    ) -> dict[Group, list[tuple[int, Row]]]:
        """Rows of silver as of the snapshot with their number, by key."""
        rows = self._query_as_of(
            source,
            f"""
            select [{_shown(source.columns)}] as labels, [toString(sum(sign))] as sums
            from ({self._as_of(source)})
            where {_label_of([*_grouping(source), warehouse_slice(source)])}
                in {{labels:Array(String)}}
            group by {", ".join(source.columns)}
            having sum(sign) != 0
            """,
            slices,
        )
        found: dict[Group, list[tuple[int, Row]]] = {}
        for values, (count,) in rows:
            row = dict(zip(source.columns, values, strict=True))
            found.setdefault(_key_of(source, row), []).append((int(count), row))
        return found

    def _differing_keys(
        self,
        source: Source,
        one: _Additive,
        unequal: Sequence[Unequal],
        corrected: Sequence[tuple[int, Row]],
    ) -> list[_Named]:
        """Keys of an additive table whose measures are not those of the rows Postgres has."""
        if not unequal:
            return []
        measures = [f"m{index}" for index in range(len(one.measures))]
        applied, shown = position(source.state), position(one.watermark)
        is_wanted = "in {labels:Array(String)}"
        of_source = _label_of(_grouping(source)[index] for index in one.groups)
        changes = unseen_changes(
            source, self._snapshot, self._starts[source.name], f"greatest({applied}, {shown})"
        )

        def values(keys: Iterable[str], figures: Iterable[str], times: str) -> str:
            """Select list, the same for every part: keys and measures, as often as they count."""
            return ", ".join(
                [f"{key} as k{index}" for index, key in enumerate(keys)]
                + [
                    f"toDecimal128({figure}, 6) * ({times}) as m{index}"
                    for index, figure in enumerate(figures)
                ]
            )

        expected = one.keys.values(), one.measures.values()
        sides = [f"sumIf({measure}, side = {side})" for side in (0, 1) for measure in measures]
        different = " or ".join(
            f"sumIf({measure}, side = 0) != sumIf({measure}, side = 1)" for measure in measures
        )
        by = [f"k{index}" for index in range(len(one.keys))]
        types = [one.types[key] for key in one.keys]
        rows = self._query_as_of(
            source,
            f"""
            select
                [{_shown(dict(zip(by, types, strict=True)))}] as labels,
                [{_texts(sides)}] as sums
            from (
                select toInt8(1) as side, {values(one.keys, one.measures, "1")}
                from {one.relation}
                where {_label_of(one.grouping)} {is_wanted}
                union all
                select toInt8(0) as side, {values(*expected, "sign")}
                from ({current(source)} union all {corrections(source)})
                where {of_source} {is_wanted}
                union all
                select toInt8(part) as side, {values(*expected, "-sign")}
                from ({changes})
                array join arrayConcat(
                    if(_offset <= {applied}, [0], []), if(_offset <= {shown}, [1], [])
                ) as part
                where {of_source} {is_wanted}
            )
            group by {", ".join(by)}
            having {different}
            order by {", ".join(by)}
            limit {NAMED_KEYS}
            """,
            [group for group, _, _ in unequal[:NAMED_GROUPS]],
            watermark=one.watermark,
            corrected=corrected,
        )
        found = [
            (dict(zip(one.keys, key, strict=True)), _numbers(figures)) for key, figures in rows
        ]
        if set(one.keys) == set(source.columns):  # whole rows, named like those of the state
            return _named_rows(source, found)
        return [_named_key(one, key, figures) for key, figures in found]

    def _as_of(self, source: Source) -> str:
        return as_of(source, self._snapshot, self._starts[source.name])

    def _query_as_of(
        self,
        source: Source,
        query: str,
        labels: Sequence[Group],
        *,
        watermark: str | None = None,
        corrected: Sequence[tuple[int, Row]] = (),
    ) -> list[Sequence[Any]]:
        """Rows of a query that reads tables and the log; again until the log was not behind."""
        ahead = f"greatest({position(source.state)}, {position(watermark or source.state)})"
        for _ in range(100):
            rows = self._query(
                f"select labels, sums from ({query}) union all"
                f" select [], [toString({ahead} > {position(source.log)})]",
                {"labels": [_label(label) for label in labels]},
                corrected,
            )
            if ([], ["0"]) in [(list(labels), list(sums)) for labels, sums in rows if not labels]:
                return [row for row in rows if row[0]]
        raise FinhouseError(
            f"{source.log} could not be read at one moment with what is made from it",
            why="a hundred attempts met a write in between",
            fix="./finhouse reconcile",
            exit_code=1,
        )


@dataclass(frozen=True, slots=True)
class _Row:
    """A key of a state table: its row in Postgres, and those of silver with their number."""

    source: Source
    stored: Row | None
    held: list[tuple[int, Row]]

    def is_wrong(self) -> bool:
        """Whether silver has anything but the one row Postgres has."""
        return self.held != ([(1, self.stored)] if self.stored else [])

    def corrections(self) -> list[tuple[int, Row]]:
        """The signed rows that make silver's rows those of Postgres."""
        stored = [(1, self.stored)] if self.stored else []
        return stored + [(-count, row) for count, row in self.held]

    def named(self) -> _Named:
        """What is wrong, in words."""
        return _named_row(
            self.source,
            [self.stored] if self.stored else [],
            [row for count, row in self.held for _ in range(count)],
        )


# A difference with the groups it shows in.
_Named = tuple[set[Group], KeyDifference]


def _named_rows(source: Source, found: Iterable[tuple[Row, Sequence[Figure]]]) -> list[_Named]:
    """Whole rows with their number in Postgres and in the warehouse, named by primary key."""
    lacking: dict[Group, list[Row]] = {}
    surplus: dict[Group, list[Row]] = {}
    for row, figures in found:
        stored, held = figures[0], figures[len(figures) // 2]
        (lacking if stored > held else surplus).setdefault(_key_of(source, row), []).append(row)
    return [
        _named_row(source, lacking.get(key, []), surplus.get(key, []))
        for key in sorted({*lacking, *surplus})
    ]


def _named_row(source: Source, stored: Sequence[Row], held: Sequence[Row]) -> _Named:
    """What is wrong with one key: rows that only Postgres has, and that only the warehouse has."""
    one = (stored or held)[0]
    columns: dict[str, tuple[str | None, str | None]] = {}
    problem = DIFFERS if stored and held else MISSING if stored else EXTRA
    if problem == DIFFERS:
        other = held[0]
        columns = {
            name: (value, other[name]) for name, value in one.items() if value != other[name]
        }
    groups = {_group_of(row, source.columns, source.table.groups) for row in (*stored, *held)}
    return groups, KeyDifference({name: one[name] for name in source.table.key}, problem, columns)


def _named_key(one: _Additive, key: Row, figures: Sequence[Figure]) -> _Named:
    """What is wrong with one key of a fact: its measures in Postgres, then in the warehouse."""
    half = len(figures) // 2
    stored, held = figures[:half], figures[half:]
    problem = DIFFERS if any(stored) and any(held) else MISSING if any(stored) else EXTRA
    columns: dict[str, tuple[str | None, str | None]] = {
        measure: (str(left), str(right))
        for measure, left, right in zip(one.measures, stored, held, strict=True)
        if left != right
    }
    return {_group_of(key, one.types, one.groups.values())}, KeyDifference(key, problem, columns)


def _group_of(row: Row, types: Mapping[str, str], columns: Iterable[str]) -> Group:
    """The group a row counts in: times are their day."""
    return tuple(
        str(row[column])[:10] if is_time(types[column]) else str(row[column]) for column in columns
    )


def _key_of(source: Source, row: Row) -> Group:
    return tuple(str(row[column]) for column in source.table.key)


def _deltas(source: Source) -> _Additive:
    """The signed changes of a table: whole rows that add up to its state."""
    relation = f"silver.{source.name}_deltas"
    return _Additive(
        name=relation,
        relation=relation,
        watermark=relation,
        keys={column: column for column in source.columns},
        measures={"sign": "1", f"sign * {source.table.amount}": f"{source.table.amount}"},
        types=source.columns,
        groups=dict(enumerate(source.table.groups)),
    )


def _state_sums(source: Source, sign: str) -> list[str]:
    """Rows, amount and checksum, as count_in_postgres() has them."""
    amount = [f"sum({sign} * {source.table.amount})"] if source.table.amount else []
    checksum = f"sum({sign} * toInt64({warehouse_checksum(source)}))"
    return [f"sum({sign})", *amount, checksum]


def _up_to(offset: int) -> str:
    """Sign of a change that counts up to an offset only."""
    return f"if(_offset <= {offset}, sign, 0)"


def _grouping(source: Source) -> list[str]:
    return [warehouse_group(column, source.columns[column]) for column in source.table.groups]


def _postgres_grouping(source: Source) -> list[str]:
    return [postgres_group(column, source.columns[column]) for column in source.table.groups]


def _texts(expressions: Iterable[str]) -> str:
    return ", ".join(f"toString({expression})" for expression in expressions)


def _postgres_texts(expressions: Iterable[str]) -> str:
    return ", ".join(f"({expression})::text" for expression in expressions)


def _shown(columns: Mapping[str, str]) -> str:
    return ", ".join(warehouse_shown(name, type) for name, type in columns.items())


def _label_of(expressions: Iterable[str]) -> str:
    return warehouse_label(f"toString({expression})" for expression in expressions)


def _label(group: Group) -> str:
    """A group as one text, as the label functions write it."""
    return "|".join(group)


def _numbers(texts: Iterable[str]) -> tuple[Figure, ...]:
    return tuple(Decimal(text) if "." in text else int(text) for text in texts)


def _figures(rows: Iterable[Sequence[Any]]) -> Figures:
    """Figures by group, from rows of (group, figures as text)."""
    return {tuple(group): _numbers(figures) for group, figures in rows}


def _combined(left: Figures, right: Figures, sign: int) -> Figures:
    """Left plus `sign` times right."""
    total = dict(left)
    for group, figures in right.items():
        before = total.get(group, (0,) * len(figures))
        total[group] = tuple(a + sign * b for a, b in zip(before, figures, strict=True))
    return total


def _part(figures: Figures, at: int, width: int) -> Figures:
    """Some of the figures of each group."""
    return {group: values[at : at + width] for group, values in figures.items()}


def _regrouped(figures: Figures, kept: Iterable[int]) -> Figures:
    """Added up by fewer of the grouping columns."""
    kept = list(kept)
    total: Figures = {}
    for group, values in figures.items():
        short = tuple(group[index] for index in kept)
        before = total.get(short, (0,) * len(values))
        total[short] = tuple(a + b for a, b in zip(before, values, strict=True))
    return total


def _unequal(left: Figures, right: Figures) -> list[Unequal]:
    """Groups whose figures are not the same, in order. A group of zeros is as good as none."""

    def known(figures: Figures, group: Group) -> tuple[Figure, ...] | None:
        values = figures.get(group, ())
        values = (*values[:-1], *(value % CHECKSUM_RANGE for value in values[-1:]))
        return values if any(values) else None

    pairs = ((group, known(left, group), known(right, group)) for group in sorted({*left, *right}))
    return [pair for pair in pairs if pair[1] != pair[2]]


def _result(
    name: str,
    figures: tuple[str, ...],
    stored: Figures,
    unequal: Sequence[Unequal],
    named: Sequence[_Named],
) -> tuple[Comparison, list[Difference]]:
    rows = sum(int(values[0]) for values in stored.values())
    differences = [
        Difference(
            name, group, figures, left, right, [key for groups, key in named if group in groups]
        )
        for group, left, right in unequal
    ]
    return Comparison(name, len(stored), rows, len(differences)), differences
