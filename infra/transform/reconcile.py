"""Compares Postgres with silver and gold at one point of the log, exactly, while both go on.

A read-only snapshot of Postgres is opened, a marker is committed after it, and once the marker and
everything before it is in the bronze logs, the warehouse is compared as of that snapshot. What is
compared are sums (of rows, amounts, checksums), so a table is brought to the snapshot by its sums:

    figures as of the snapshot = figures of the table now
        - what it has applied of the changes the snapshot does not see
        + what it has not applied yet of the changes the snapshot sees

A table and its watermark are read by one query, which sees one moment of both. The changes come
from the bronze log, which only grows, so they may be read later. Silver's states are compared with
Postgres (checksums of whole rows), deltas and gold with the states that were proved that way
(checksums of their keys, weighted by their measures). What differs is searched down to its key.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from clickhouse_connect.driver.client import Client

from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform.arrival import LOGS, wait_for_logs, wait_until_none_is_void
from infra.transform.comparisons import TABLES
from infra.transform.figures import (
    Additive,
    Figure,
    Figures,
    Group,
    Unequal,
    Warehouse,
    added,
    figures_of,
    grouping_of,
    numbers,
    part,
    regrouped,
    select_figures,
    state_sums,
    texts,
    unequal_groups,
)
from infra.transform.rows import (
    Log,
    Row,
    Source,
    as_of,
    changes,
    corrections,
    current,
    is_time,
    position,
    postgres_checksum,
    postgres_group,
    postgres_label,
    postgres_shown,
    postgres_slice,
    step_to_snapshot,
    warehouse_label,
    warehouse_shown,
    warehouse_slice,
)
from infra.transform.snapshot import (
    LOOKBACK_EVENTS,
    Connection,
    Snapshot,
    open_snapshot,
    unreachable,
)
from infra.transform.warehouse import connect, positions

# Of one comparison at most so many groups, slices of them and keys are searched for the culprits.
NAMED_GROUPS = 64
NAMED_SLICES = 256
NAMED_KEYS = 1000
# fmt: off
RUN_COLUMNS = [
    "run_id", "started_at", "finished_at", "comparison", "status", "count_groups", "count_rows",
    "count_differences", "message",
]
DIFFERENCE_COLUMNS = [
    "run_id", "started_at", "comparison", "group_key", "row_key", "problem", "column_name",
    "in_postgres", "in_warehouse",
]
# fmt: on
MISSING, EXTRA, DIFFERS = "missing in the warehouse", "extra in the warehouse", "differs"


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

    `threads`: how many cores Postgres and the warehouse may each use. Raises FinhouseError if a
    part does not answer, what was committed does not arrive within two minutes, or a table was
    emptied (TRUNCATE) or copied anew meanwhile.
    """
    began = time.monotonic()
    client = connect(settings)
    results: list[tuple[Comparison, list[Difference]]] = []
    try:
        starts = positions(client, LOGS)
        histories = _histories(client)
        with (
            open_snapshot(settings, threads) as (postgres, snapshot),
            ThreadPoolExecutor(1) as pool,
        ):
            warehouse = Warehouse(client, threads, _addresses(postgres))
            logs = {name: Log(starts[name], histories[name]) for name in TABLES}
            run = _Run(warehouse, postgres, snapshot, logs)
            # Postgres counts while the changes are still on their way.
            counted = {
                name: pool.submit(run.count_in_postgres, source)
                for name, source in warehouse.sources.items()
            }
            ends = wait_for_logs(settings, client, progress)
            wait_until_none_is_void(client, progress)
            for name, source in warehouse.sources.items():
                progress(f"comparing {name}")
                results += run.compare(source, counted[name], ends[name])
            if _histories(client) != histories:
                raise FinhouseError(
                    "a table was emptied or copied anew meanwhile",
                    why="what it held at the time of the snapshot of Postgres is void by now",
                    fix="run the command again",
                    exit_code=1,
                )
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


class _Run:
    """One reconciliation: both ends, the snapshot, and what the tables look like."""

    def __init__(
        self,
        warehouse: Warehouse,
        postgres: Connection,
        snapshot: Snapshot,
        logs: Mapping[str, Log],
    ) -> None:
        self._warehouse = warehouse
        self._postgres = postgres
        self._snapshot = snapshot
        self._logs = logs

    def compare(
        self, source: Source, counted: Future[Figures], end: int
    ) -> Iterator[tuple[Comparison, list[Difference]]]:
        """Compare what is made from one source table.

        `counted` is what Postgres has, `end` the offset of the last change to count with.
        """
        additives = self._warehouse.additives[source.name]
        names = ("rows", *([source.table.amount] if source.table.amount else []), "checksum")

        def sums(sign: str) -> list[str]:
            """Figures of the state, then those every additive table should have."""
            expected = [figure for one in additives for figure in one.source_sums(sign)]
            return [*state_sums(source, sign), *expected]

        state, applied = self._warehouse.read(
            grouping_of(source), sums("sign"), f"({current(source)})", source.state
        )
        held = [
            self._warehouse.read(one.grouping, one.own_sums(), one.relation, one.watermark)
            for one in additives
        ]
        # What is void has been taken off by rebuilding the table.
        begins = self._logs[source.name].begins
        offsets = [max(at, begins - 1) for at in (applied, *(at for _, at in held))]
        if end - min(offsets) > LOOKBACK_EVENTS:
            note = f"not compared: more than {LOOKBACK_EVENTS:,} changes are not applied yet"
            yield Comparison(source.state, 0, 0, 0, note), []
            yield from ((Comparison(one.name, 0, 0, 0, note), []) for one in additives)
            return
        # Parsed once for all; each takes the step from its own offset.
        wanted = sums(step_to_snapshot(offsets[0]))
        width = len(wanted)
        for one, at in zip(additives, offsets[1:], strict=True):
            wanted += one.source_sums(step_to_snapshot(at))
        steps = self._steps(source, wanted, min(offsets), max(offsets))
        state = added(state, part(steps, 0, width))

        stored = counted.result()
        unequal = unequal_groups(stored, part(state, 0, len(names)))
        rows, is_complete = self._differing_rows(source, unequal)
        yield _result(source.state, names, stored, unequal, [row.named() for row in rows])

        corrected = [correction for row in rows for correction in row.corrections()]
        position, step = len(names), width
        for one, (own, _) in zip(additives, held, strict=True):
            width = len(one.figures)
            reference = part(state, position, width)
            if corrected:
                missing = self._corrections(source, one.source_sums("sign"), corrected)
                reference = added(reference, missing)
            reference = regrouped(reference, one.groups)
            own = added(own, regrouped(part(steps, step, width), one.groups))
            position, step = position + width, step + width
            if is_complete:
                unequal = unequal_groups(reference, own)
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
        return figures_of(rows)

    def _steps(self, source: Source, sums: Sequence[str], since: int, until: int) -> Figures:
        """Figures of the changes between tables at some offsets and the snapshot."""
        rows = changes(source, self._snapshot, self._logs[source.name], since, until)
        query = select_figures(grouping_of(source), sums, f"({rows})")
        return figures_of(self._warehouse.query(query))

    def _corrections(
        self, source: Source, sums: Sequence[str], corrected: Sequence[tuple[int, Row]]
    ) -> Figures:
        """Figures of what the rows of a state table lack."""
        query = select_figures(grouping_of(source), sums, f"({corrections(source)})")
        return figures_of(self._warehouse.query(query, corrected=corrected))

    # Keys ---------------------------------------------------------------------------------------

    def _differing_rows(
        self, source: Source, unequal: Sequence[Unequal]
    ) -> tuple[list[_Row], bool]:
        """Rows of a state table that are not as in Postgres, and whether these are all."""
        if not unequal:
            return [], True
        groups = [group for group, _, _ in unequal[:NAMED_GROUPS]]
        slices = unequal_groups(
            self.count_in_postgres(source, groups), self._count_as_of(source, groups)
        )
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
        by = [*grouping_of(source), warehouse_slice(source)]
        return figures_of(
            self._query_as_of(
                source,
                f"""
                select [{texts(by)}] as labels, [{texts(state_sums(source, "sign"))}] as sums
                from ({self._as_of(source)})
                where {_label_of(grouping_of(source))} in {{labels:Array(String)}}
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
            where {_label_of([*grouping_of(source), warehouse_slice(source)])}
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
        one: Additive,
        unequal: Sequence[Unequal],
        corrected: Sequence[tuple[int, Row]],
    ) -> list[_Named]:
        """Keys of an additive table whose measures are not those of the rows Postgres has."""
        if not unequal:
            return []
        measures = [f"m{index}" for index in range(len(one.measures))]
        log = self._logs[source.name]
        applied = log.applied(position(source.state))
        shown = log.applied(position(one.watermark))
        steps = changes(
            source,
            self._snapshot,
            log,
            f"least({applied}, {shown})",
            f"greatest({applied}, {shown})",
        )
        is_wanted = "in {labels:Array(String)}"
        of_source = _label_of(grouping_of(source)[index] for index in one.groups)

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
                [{texts(sides)}] as sums
            from (
                select toInt8(1) as side, {values(one.keys, one.measures, "1")}
                from {one.relation}
                where {_label_of(one.grouping)} {is_wanted}
                union all
                select toInt8(0) as side, {values(*expected, "sign")}
                from ({current(source)} union all {corrections(source)})
                where {of_source} {is_wanted}
                union all
                select toInt8(1) as side, {values(*expected, step_to_snapshot(shown))}
                from ({steps})
                where {of_source} {is_wanted}
                union all
                select toInt8(0) as side, {values(*expected, step_to_snapshot(applied))}
                from ({steps})
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
        found = [(dict(zip(one.keys, key, strict=True)), numbers(figures)) for key, figures in rows]
        if set(one.keys) == set(source.columns):  # whole rows, named like those of the state
            return _named_rows(source, found)
        return [_named_key(one, key, figures) for key, figures in found]

    def _as_of(self, source: Source) -> str:
        return as_of(source, self._snapshot, self._logs[source.name])

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
            rows = self._warehouse.query(
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


def record(client: Client, started_at: datetime, result: Outcome | FinhouseError) -> None:
    """Append what a reconciliation found, or why it found nothing, to database ops.

    Raises ClickHouseError if the server is away.
    """
    run_id, finished_at = uuid.uuid4(), datetime.now(UTC)
    if isinstance(result, FinhouseError):
        message = ": ".join(text for text in (result.message, result.why) if text)
        found = [("all", "failed", 0, 0, 0, message)]
    else:
        found = [
            (
                one.name,
                "failed" if one.note else "differs" if one.differences else "equal",
                one.groups,
                one.rows,
                one.differences,
                one.note,
            )
            for one in result.comparisons
        ]
        lines = [
            (run_id, started_at, difference.comparison, "|".join(difference.group), *line)
            for difference in result.differences
            for line in _lines(difference)
        ]
        # The outcome comes last: who sees it sees its differences.
        if lines:
            client.insert("ops.reconciliation_differences", lines, column_names=DIFFERENCE_COLUMNS)
    rows = [(run_id, started_at, finished_at, *one) for one in found]
    client.insert("ops.reconciliations", rows, column_names=RUN_COLUMNS)


def _lines(difference: Difference) -> Iterator[tuple[str, str, str, str | None, str | None]]:
    """Key, problem, column, value in Postgres, value in the warehouse."""
    for key in difference.keys:
        columns = key.columns or {"": (None, None)}
        for column, (stored, held) in columns.items():
            yield json.dumps(key.key), key.problem, column, stored, held
    if not difference.keys:
        nothing = (0,) * len(difference.figures)
        sides = difference.postgres or nothing, difference.warehouse or nothing
        for name, left, right in zip(difference.figures, *sides, strict=True):
            if left != right:
                yield "", DIFFERS, name, str(left), str(right)


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


def _named_key(one: Additive, key: Row, figures: Sequence[Figure]) -> _Named:
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


def _histories(client: Client) -> dict[str, int]:
    """The offset at which the history of each log begins."""
    rows = client.query("select source_table, history_start from bronze.histories").result_rows
    return {str(table): int(start) for table, start in rows}


def _addresses(postgres: Connection) -> list[tuple[str, str]]:
    """(table, column) of every address in Postgres."""
    return postgres.execute(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'finance' and udt_name = 'inet'"
    ).fetchall()


def _postgres_grouping(source: Source) -> list[str]:
    return [postgres_group(column, source.columns[column]) for column in source.table.groups]


def _postgres_texts(expressions: Iterable[str]) -> str:
    return ", ".join(f"({expression})::text" for expression in expressions)


def _shown(columns: Mapping[str, str]) -> str:
    return ", ".join(warehouse_shown(name, type) for name, type in columns.items())


def _label_of(expressions: Iterable[str]) -> str:
    return warehouse_label(f"toString({expression})" for expression in expressions)


def _label(group: Group) -> str:
    """A group as one text, as the label functions write it."""
    return "|".join(group)


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
