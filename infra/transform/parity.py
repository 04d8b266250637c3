"""The warehouse checked against itself: deltas against state, facts against deltas, and what has
a row per event or key against the log.

Each pair is compared at one watermark, so nothing that is under way counts as an error. Totals are
cheap; figures per day and checksums are thorough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from infra.transform.comparisons import EVENTS, FACTS
from infra.transform.figures import (
    Additive,
    Figures,
    Unequal,
    Warehouse,
    grouping_of,
    numbers,
    part,
    regrouped,
    texts,
    unequal_groups,
    up_to,
)
from infra.transform.project import ModelRun
from infra.transform.rows import Source, current, history_start, position

COLUMNS = ["checked_at", "check_name", "model", "status", "count_differences", "seconds", "message"]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Two models of dbt that should agree: `model` with what it is made from, or that is made from
    the same. `message` says where they part first; `differences` counts groups."""

    model: str
    other: str
    differences: int
    message: str

    @property
    def names(self) -> tuple[str, str]:
        """Both models."""
        return self.model, self.other


@dataclass(frozen=True, slots=True)
class Repair:
    """A model to be rebuilt, and what was found."""

    model: str
    reason: str


def model_of(relation: str) -> str:
    """The dbt model of a table."""
    database, _, table = relation.partition(".")
    return table if database == "gold" else f"{database}_{table}"


def check(warehouse: Warehouse, *, by_day: bool) -> list[Mismatch]:
    """Compare everything once: totals, or figures and checksums per day, currency and status.

    Raises ClickHouseError if the server is away.
    """
    found: list[Mismatch] = []
    for name, source in warehouse.sources.items():
        if not source.table.has_deltas:
            found += _state_against_log(warehouse, source)
            continue
        deltas, *facts = (one for one in warehouse.additives[name] if one.name == one.watermark)
        if name == "transactions":
            facts += warehouse.derived
        found += _deltas_against_state(warehouse, source, deltas, by_day=by_day)
        groups = grouping_of(source)
        found += _facts_against_deltas(warehouse, source, groups, deltas, facts, by_day=by_day)
    found += _status_changes(warehouse, by_day=by_day)
    found += _adjusted_payments(warehouse, by_day=by_day)
    for relation, name in EVENTS.items():
        # Offsets of all payments are many.
        if by_day or not warehouse.sources[name].table.has_deltas:
            found += _events_against_log(warehouse, warehouse.sources[name], relation)
    return found


def _deltas_against_state(
    warehouse: Warehouse, source: Source, deltas: Additive, *, by_day: bool
) -> list[Mismatch]:
    groups = grouping_of(source) if by_day else ["'all'"]
    sums = _wanted(deltas.source_sums("sign"), by_day=by_day)
    state, until = warehouse.read(groups, sums, f"({current(source)})", source.state)
    held, applied = warehouse.read(
        groups,
        _wanted(deltas.own_sums(), by_day=by_day),
        f"(select * from {deltas.relation} where _offset <= {until})",
        deltas.watermark,
    )
    if applied < until:  # the state is ahead for once: nothing to compare it with
        return []
    if 0 <= until < _history_start(warehouse, source):  # void, and about to be rebuilt
        return []
    return _mismatch(deltas.name, source.state, deltas.figures, state, held)


def _facts_against_deltas(
    warehouse: Warehouse,
    source: Source,
    groups: list[str],
    deltas: Additive,
    facts: list[Additive],
    *,
    by_day: bool,
) -> list[Mismatch]:
    held = [
        warehouse.read(
            fact.grouping if by_day else ["'all'"],
            _wanted(fact.own_sums(), by_day=by_day),
            fact.relation,
            fact.watermark,
        )
        for fact in facts
    ]
    # The deltas only grow: read once, after the facts, for all.
    sums = [
        _wanted(fact.source_sums(up_to(until)), by_day=by_day)
        for fact, (_, until) in zip(facts, held, strict=True)
    ]
    if not facts:
        return []
    expected, applied = warehouse.read(
        groups if by_day else ["'all'"],
        [one for some in sums for one in some],
        deltas.relation,
        deltas.watermark,
    )
    start = _history_start(warehouse, source)
    found: list[Mismatch] = []
    at = 0
    for fact, wanted, (figures, until) in zip(facts, sums, held, strict=True):
        reference = part(expected, at, len(wanted))
        at += len(wanted)
        if 0 <= until < start:  # void, and about to be rebuilt
            continue
        if applied < until:  # made from the log itself, and ahead for once
            continue
        if by_day:
            reference = regrouped(reference, fact.groups)
        found += _mismatch(fact.name, deltas.name, fact.figures, reference, figures)
    return found


def _status_changes(warehouse: Warehouse, *, by_day: bool) -> list[Mismatch]:
    """The changes of status per day against their history, which has one row for each."""
    (fact,) = warehouse.status_changes
    history = replace(
        next(one for one in warehouse.derived if one.name.endswith("_status_history")),
        relation="(select *, 1 as sign from silver.transactions_status_history)",
    )
    source = warehouse.sources["transactions"]
    groups = [fact.keys[key] for key in fact.groups.values()]
    return _facts_against_deltas(warehouse, source, groups, history, [fact], by_day=by_day)


def _adjusted_payments(warehouse: Warehouse, *, by_day: bool) -> list[Mismatch]:
    """The refunds and disputes of payments against those there are.

    Its rows are computed anew from the states, which may be further than the table by then:
    payments with a change that it has not seen are left out on both sides.
    """
    relation = "gold.fct_adjusted_payments"
    sources = [warehouse.sources[name] for name in ("refunds", "disputes")]
    stopped = {
        one.name: f"(select toInt64(max(_{one.name}_offset)) from {relation})" for one in sources
    }
    moved = " union all ".join(
        f"select transaction_id from silver.{one.name}_deltas where _offset >= {stopped[one.name]}"
        for one in sources
    )
    rows = " union all ".join(
        f"select transaction_id, '{one.name}' as kind, status, amount from ({current(one)})"
        for one in sources
    )
    is_refund = "kind = 'refunds' and status = 'succeeded'"
    is_lost = "kind = 'disputes' and status = 'lost'"
    payments = Additive(
        name=relation,
        relation=f"(select * from {relation} final where transaction_id not in ({moved}))",
        watermark=relation,
        keys={"transaction_id": "transaction_id"},
        measures={
            "count_refunds": f"if({is_refund}, 1, 0)",
            "refunded_amount": f"if({is_refund}, amount, 0)",
            "count_disputes": "if(kind = 'disputes', 1, 0)",
            "count_disputes_lost": f"if({is_lost}, 1, 0)",
            "lost_amount": f"if({is_lost}, amount, 0)",
        },
        types={"transaction_id": "UUID"},
        groups={},
    )
    made_from = f"(select * from ({rows}) where transaction_id not in ({moved}))"
    places = [
        place
        for one in sources
        for place in (
            f"{stopped[one.name]} - 1",
            position(one.state),
            position(f"silver.{one.name}_deltas"),
            f"toInt64({history_start(one.name)}) - 1",
        )
    ]
    expected, held, at = _at_one_moment(
        warehouse,
        (made_from, _wanted(payments.source_sums("1"), by_day=by_day)),
        (payments.relation, _wanted(payments.own_sums(), by_day=by_day)),
        places,
    )
    for until, state, deltas, void in (at[:4], at[4:]):
        if not until <= state <= deltas or 0 <= until <= void:
            return []
    return _mismatch(relation, "silver.refunds_state", payments.figures, expected, held)


def _state_against_log(warehouse: Warehouse, source: Source) -> list[Mismatch]:
    """The state of a table without deltas against the last event of each key: whether all rows are
    there, and each is the newest. What is in them only Postgres can say."""
    order = "(_lsn, _offset)"
    newest = (
        f"(select argMax(_offset, {order}) as event from {source.log} where {{valid}}"
        f" group by _key having argMax(_op, {order}) != 'd')"
    )
    held = f"(select _offset as event from {source.state} final where _is_deleted = 0)"
    return _compared_with_log(warehouse, source, source.state, held, newest)


def _events_against_log(warehouse: Warehouse, source: Source, relation: str) -> list[Mismatch]:
    """A table that has a row per event against the events there are."""
    logged = f"(select distinct _offset as event from {source.log} where {{valid}})"
    held = f"(select _offset as event from {relation})"
    return _compared_with_log(warehouse, source, relation, held, logged)


def _compared_with_log(
    warehouse: Warehouse, source: Source, relation: str, held: str, logged: str
) -> list[Mismatch]:
    until, start = position(relation), history_start(source.name)
    valid = f"_error = '' and _op != 't' and _offset >= {start} and _offset <= {until}"
    sums = ["count()", "sum(cityHash64(event))"]
    expected, found, (applied, log, begins) = _at_one_moment(
        warehouse,
        (logged.format(valid=valid), sums),
        (held, sums),
        [until, position(source.log), f"toInt64({start})"],
    )
    if applied > log or 0 <= applied < begins:
        return []
    return _mismatch(relation, f"bronze.{source.name}", ("rows", "events"), expected, found)


def _at_one_moment(
    warehouse: Warehouse,
    expected: tuple[str, list[str]],
    held: tuple[str, list[str]],
    places: list[str],
) -> tuple[Figures, Figures, list[int]]:
    """Sums of two relations and some offsets, each table as it is at one moment."""
    queries = [
        f"select '{side}' as side, [{texts(sums)}] as figures from {relation}"
        for side, (relation, sums) in (("expected", expected), ("held", held))
    ]
    queries.append(f"select 'at' as side, [{texts(places)}] as figures")
    rows = {side: figures for side, figures in warehouse.query(" union all ".join(queries))}
    group = ("all",)
    return (
        {group: numbers(rows["expected"])},
        {group: numbers(rows["held"])},
        [int(place) for place in rows["at"]],
    )


def _history_start(warehouse: Warehouse, source: Source) -> int:
    """The offset before which all is void. Asked last: what was read before it and is not void was
    not void when it was read."""
    return int(warehouse.query(f"select {history_start(source.name)}")[0][0])


def _wanted(sums: list[str], *, by_day: bool) -> list[str]:
    """The checksum is for the thorough check only."""
    return sums if by_day else sums[:-1]


def _mismatch(
    relation: str, other: str, names: Iterable[str], expected: Figures, held: Figures
) -> list[Mismatch]:
    unequal = unequal_groups(expected, held)
    if not unequal:
        return []
    return [
        Mismatch(
            model_of(relation), model_of(other), len(unequal), _first(unequal[0], names, other)
        )
    ]


def _first(unequal: Unequal, names: Iterable[str], other: str) -> str:
    group, expected, held = unequal
    names = list(names)
    nothing = (0,) * len(names)
    figures = ", ".join(
        f"{name} {right}, but {left} in {other}"
        for name, left, right in zip(names, expected or nothing, held or nothing, strict=False)
        if left != right
    )
    return f"{' '.join(group)}: {figures}"


def record_check(
    client: Client, found: Sequence[Mismatch], *, by_day: bool, seconds: float
) -> None:
    """Append to ops.parity_checks what a check found: one row if nothing, else one per mismatch.

    Raises ClickHouseError if the server is away.
    """
    name = "per day" if by_day else "totals"
    rows = [(one.model, "differs", one.differences, one.message) for one in found]
    now = datetime.now(UTC)
    client.insert(
        "ops.parity_checks",
        [
            (now, name, model, status, differences, seconds, message)
            for model, status, differences, message in rows or [("all", "equal", 0, "")]
        ],
        column_names=COLUMNS,
    )


def record_repair(client: Client, repair: Repair, runs: Sequence[ModelRun]) -> None:
    """Append to ops.parity_checks what was rebuilt and why, or why it could not be.

    Raises ClickHouseError if the server is away.
    """
    failed = [run.message for run in runs if run.status != "success"]
    status, message = ("not repaired", failed[0]) if failed else ("repaired", repair.reason)
    seconds = sum(run.seconds for run in runs)
    row = (datetime.now(UTC), "repair", repair.model, status, 0, seconds, message)
    client.insert("ops.parity_checks", [row], column_names=COLUMNS)


class Suspects:
    """Which model to rebuild for what was found, each once until everything is right again."""

    def __init__(self) -> None:
        self._rebuilt: set[str] = set()

    def next(self, found: Sequence[Mismatch]) -> Repair | None:
        """The rebuild to try first; None if nothing is wrong or all suspects were rebuilt.

        A state and its deltas are made from one log, and either may be wrong. A fact that agrees
        with the deltas speaks for them, so the state comes first; not if all facts disagree.
        """
        if not found:
            self._rebuilt.clear()
        facts = [one for one in found if not one.model.endswith("_deltas")]
        suspects: list[Repair] = []
        for one in found:
            if one.model.endswith("_deltas"):
                against = {fact.model for fact in facts if fact.other == one.model}
                doubted = bool(against) and against >= _facts_of(one.model)
                pair = one.names if doubted else one.names[::-1]
                reason = f"{one.model} against {one.other}: {one.message}"
                suspects += [Repair(model, reason) for model in pair]
        suspects += [
            Repair(one.model, f"{one.model} against {one.other}: {one.message}") for one in facts
        ]
        chosen = next((one for one in suspects if one.model not in self._rebuilt), None)
        if chosen is not None:
            self._rebuilt.add(chosen.model)
        return chosen


def _facts_of(deltas: str) -> set[str]:
    """Models of the facts that are made from the model of a deltas table."""
    return {
        model_of(name)
        for name, fact in FACTS.items()
        if not fact.watermarks and deltas == f"silver_{fact.table}_deltas"
    }
