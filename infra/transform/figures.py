"""Figures of the warehouse: sums per group, of whole tables and of what is made from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.external import ExternalData

from infra.transform.comparisons import DERIVED, FACTS, STATUS_CHANGES, TABLES, Fact
from infra.transform.rows import Row, Source, position, warehouse_checksum, warehouse_group
from infra.transform.warehouse import BACKGROUND

Group = tuple[str, ...]
# Checksums have more digits than a Decimal keeps in a sum.
Figure = int | Decimal
Figures = dict[Group, tuple[Figure, ...]]
# A group with its figures on both sides, None where it is missing.
Unequal = tuple[Group, tuple[Figure, ...] | None, tuple[Figure, ...] | None]

# One query sees one moment of a table, however often it reads it.
ONE_MOMENT = {"enable_shared_storage_snapshot_in_query": 1}
# ClickHouse adds up checksums in 64 bits and lets go of what is beyond.
CHECKSUM_RANGE = 2**64


@dataclass(frozen=True, slots=True)
class Additive:
    """A table whose measures add up over a source table's rows.

    `keys` and `measures` say for its own expression what it is of a source row. `types` are those
    of its keys. `groups`: {index among the source table's groups: its own key}. `watermark` is the
    table (or a subquery in its place) whose highest offset says how far `relation` is.
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
        """Sums of the measures, and the checksum: each key's hash, weighted by its measures.

        The hash is a product of the columns' own, so that tables with the same columns share them.
        All of it is arithmetic modulo 2^64, several times as fast as in 128 bits.
        """
        measures = list(measures)
        # The hash of a NULL would be NULL.
        hashes = [
            f"cityHash64(ifNull(concat('=', toString({key})), ''))"
            if "Nullable(" in self.types[name]
            else f"cityHash64({key})"
            for name, key in zip(self.keys, keys, strict=True)
        ]
        hashed = " * ".join(f"bitOr({one}, 1)" for one in hashes)
        weight = " + ".join(
            f"{pow(1_000_003, index, 2**64)} * reinterpretAsUInt64(toDecimal128({measure}, 6))"
            for index, measure in enumerate(measures)
        )
        return [
            *(f"sum({sign} * ({measure}))" for measure in measures),
            f"sum(toUInt64({sign}) * {hashed} * ({weight}))",
        ]


class Warehouse:
    """The tables to compare as they are in ClickHouse, and how to read their figures.

    `addresses`: columns that Postgres holds as inet, by source table.
    """

    def __init__(
        self, client: Client, threads: int, addresses: Iterable[tuple[str, str]] = ()
    ) -> None:
        self._client = client
        # With one thread, they give way to the live tier as the background's do.
        limits = BACKGROUND if threads == 1 else {"max_threads": threads}
        self._settings = {**ONE_MOMENT, **limits}
        types: dict[str, dict[str, str]] = {}
        for relation, name, type in client.query(
            "select concat(database, '.', table), name, type from system.columns"
            " where database in ('silver', 'gold') order by database, table, position"
        ).result_rows:
            if not name.startswith("_"):
                types.setdefault(relation, {})[name] = type
        addresses = list(addresses)
        # The large tables first: Postgres takes its time for them.
        self.sources = {
            name: Source(
                name,
                table,
                types[f"silver.{name}_state"],
                frozenset(column for other, column in addresses if other == name),
            )
            for name, table in sorted(TABLES.items(), key=lambda one: not one[1].has_deltas)
        }
        self.additives = {
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
        transactions = self.sources["transactions"]
        self.derived, self.status_changes = (
            [self._fact(one, fact, transactions, types[one]) for one, fact in facts.items()]
            for facts in (DERIVED, STATUS_CHANGES)
        )

    def _fact(self, name: str, fact: Fact, source: Source, types: dict[str, str]) -> Additive:
        relation = f"({fact.rows})" if fact.rows else name
        types = source.columns | types
        watermark = name
        if fact.watermarks:
            # Written out, a view reads each table at the same moment as the watermark beside it
            # does, but not all of them at one: the log may be read before the deltas.
            watermark = furthest(fact.watermarks)
            database, view = name.split(".")
            definition = self._client.query(
                "select as_select from system.tables"
                " where database = {database:String} and name = {view:String}",
                parameters={"database": database, "view": view},
            ).result_rows[0][0]
            relation = f"({definition})"
        by_source = {expression: key for key, expression in fact.keys.items()}
        others = {
            index: by_source[column]
            for index, column in enumerate(source.table.groups)
            if column in by_source
        }
        return Additive(
            name=name,
            relation=relation,
            watermark=watermark,
            keys={key: f"cast({text} as {types[key]})" for key, text in fact.keys.items()},
            measures=fact.measures,
            types=types,
            groups=({0: fact.day} if fact.day else {}) | others,
        )

    def read(
        self, groups: Sequence[str], sums: Sequence[str], relation: str, watermark: str
    ) -> tuple[Figures, int]:
        """Figures of a relation per group, and the offset `watermark` is at, at the same moment."""
        at = f"select [], [toString({position(watermark)})]"
        rows = self.query(f"{select_figures(groups, sums, relation)} union all {at}")
        applied = next(int(values[0]) for group, values in rows if not group)
        return figures_of(row for row in rows if row[0]), applied

    def query(
        self,
        query: str,
        parameters: dict[str, Any] | None = None,
        corrected: Sequence[tuple[int, Row]] | None = None,
    ) -> Sequence[Sequence[Any]]:
        """Rows of a query; `corrected` are those of the external table `corrections`."""
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


def _deltas(source: Source) -> Additive:
    """The signed changes of a table: whole rows that add up to its state."""
    relation = f"silver.{source.name}_deltas"
    return Additive(
        name=relation,
        relation=relation,
        watermark=relation,
        keys={column: column for column in source.columns},
        measures={"sign": "1", f"sign * {source.table.amount}": f"{source.table.amount}"},
        types=source.columns,
        groups=dict(enumerate(source.table.groups)),
    )


def state_sums(source: Source, sign: str) -> list[str]:
    """Rows, amount and checksum, as Postgres counts them."""
    amount = [f"sum({sign} * {source.table.amount})"] if source.table.amount else []
    checksum = f"sum({sign} * toInt64({warehouse_checksum(source)}))"
    return [f"sum({sign})", *amount, checksum]


def furthest(tables: Iterable[str]) -> str:
    """Subquery with the highest offset of each of these tables that has any."""
    highest = (f"select max(_offset) as _offset from {one} having count() > 0" for one in tables)
    return f"({' union all '.join(highest)})"


def up_to(offset: int) -> str:
    """Sign of a change that counts up to an offset only."""
    return f"if(_offset <= {offset}, sign, 0)"


def grouping_of(source: Source) -> list[str]:
    """Grouping expressions of a source table's rows."""
    return [warehouse_group(column, source.columns[column]) for column in source.table.groups]


def select_figures(groups: Sequence[str], sums: Sequence[str], relation: str) -> str:
    """Select: the groups and the sums as two lists of texts."""
    return (
        f"select [{texts(groups)}] as labels, [{texts(sums)}] as sums from {relation}"
        f" group by {', '.join(groups)}"
    )


def texts(expressions: Iterable[str]) -> str:
    """Expressions as a list of texts."""
    return ", ".join(f"toString({expression})" for expression in expressions)


def numbers(figures: Iterable[str]) -> tuple[Figure, ...]:
    """Figures from their texts."""
    return tuple(Decimal(text) if "." in text else int(text) for text in figures)


def figures_of(rows: Iterable[Sequence[Any]]) -> Figures:
    """Figures by group, from rows of (group, figures as text)."""
    return {tuple(group): numbers(figures) for group, figures in rows}


def added(left: Figures, right: Figures) -> Figures:
    """The sums of both."""
    total = dict(left)
    for group, figures in right.items():
        before = total.get(group, (0,) * len(figures))
        total[group] = tuple(a + b for a, b in zip(before, figures, strict=True))
    return total


def part(figures: Figures, at: int, width: int) -> Figures:
    """Some of the figures of each group."""
    return {group: values[at : at + width] for group, values in figures.items()}


def regrouped(figures: Figures, kept: Iterable[int]) -> Figures:
    """Added up by fewer of the grouping columns."""
    kept = list(kept)
    total: Figures = {}
    for group, values in figures.items():
        short = tuple(group[index] for index in kept)
        before = total.get(short, (0,) * len(values))
        total[short] = tuple(a + b for a, b in zip(before, values, strict=True))
    return total


def unequal_groups(left: Figures, right: Figures) -> list[Unequal]:
    """Groups whose figures are not the same, in order. A group of zeros is as good as none."""

    def known(figures: Figures, group: Group) -> tuple[Figure, ...] | None:
        values = tuple(
            value % CHECKSUM_RANGE if isinstance(value, int) else value
            for value in figures.get(group, ())
        )
        return values if any(values) else None

    pairs = ((group, known(left, group), known(right, group)) for group in sorted({*left, *right}))
    return [pair for pair in pairs if pair[1] != pair[2]]
