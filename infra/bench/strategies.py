"""`finhouse bench strategies`: the same change set applied to a fact in four ways."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from infra.bench.cycle import EVENTS, LARGE_BATCH
from infra.bench.history import History
from infra.bench.scratch import Scratch, scratch
from infra.transform.loop import SELECTORS

FACT = "fct_payments_by_day"
_COPY = "bench.fact"
_KEYS = "payment_date, merchant_id, currency_code, status, decline_code"
# What a fact without signed changes has to do: count the rows of the days again.
_RECOMPUTED = (
    "select toDate(occurred_at) as payment_date, merchant_id, currency as currency_code, status,"
    " ifNull(decline_code, '') as decline_code, count() as count_payments, sum(amount) as"
    " total_amount from silver.transactions_state final where _is_deleted = 0 and"
    " toDate(occurred_at) in (select distinct toDate(occurred_at) from silver.transactions_deltas"
    f" where _offset >= {{begin:UInt64}}) group by {_KEYS}"
)


@dataclass(frozen=True, slots=True)
class StrategyCost:
    """Seconds one strategy took for the change set, and how many times the incremental one."""

    strategy: str
    seconds: float
    ratio: float
    is_atomic: bool


def run(payments: int, progress: Callable[[str], None]) -> list[StrategyCost]:
    """Apply one cycle's change events to a fact with so many payments stored, in four ways.

    Raises FinhouseError if ClickHouse does not start or a model fails.
    """
    with scratch() as warehouse:
        progress(f"making {payments:,} payments")
        history = History(warehouse.client, int(time.time() * 1_000_000), payments)
        history.fill(payments)
        warehouse.run("--select", SELECTORS["slow"], "--vars", LARGE_BATCH)
        begin = history.next_offset
        history.change(EVENTS)
        warehouse.run("--select", "silver_transactions_deltas silver_transactions_state")
        seconds = {}
        for name, apply in (
            ("incremental (signed changes)", _incremental),
            ("full refresh", _full_refresh),
            ("delete+insert by day", _delete_insert),
            ("insert_overwrite by day", _insert_overwrite),
        ):
            progress(name)
            seconds[name] = apply(warehouse, begin)
    base = seconds["incremental (signed changes)"]
    atomic = {"incremental (signed changes)", "full refresh"}
    return [
        StrategyCost(name, spent, spent / base, name in atomic) for name, spent in seconds.items()
    ]


def _timed(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def _incremental(warehouse: Scratch, begin: int) -> float:
    return _timed(lambda: warehouse.run("--select", FACT))


def _full_refresh(warehouse: Scratch, begin: int) -> float:
    return _timed(lambda: warehouse.run("--select", FACT, "--full-refresh", "--vars", LARGE_BATCH))


def _delete_insert(warehouse: Scratch, begin: int) -> float:
    command = warehouse.client.command
    _copy(warehouse, partitioned=False)
    parameters = {"begin": begin}

    def apply() -> None:
        command(
            f"delete from {_COPY} where payment_date in (select distinct toDate(occurred_at) from"
            " silver.transactions_deltas where _offset >= {begin:UInt64})",
            parameters=parameters,
        )
        command(f"insert into {_COPY} {_RECOMPUTED}", parameters=parameters)

    return _timed(apply)


def _insert_overwrite(warehouse: Scratch, begin: int) -> float:
    command = warehouse.client.command
    _copy(warehouse, partitioned=True)

    def apply() -> None:
        command(f"create table {_COPY}_new as {_COPY}")
        command(f"insert into {_COPY}_new {_RECOMPUTED}", parameters={"begin": begin})
        days = warehouse.client.query(f"select distinct payment_date from {_COPY}_new").result_rows
        for (day,) in days:
            command(f"alter table {_COPY} replace partition '{day}' from {_COPY}_new")
        command(f"drop table {_COPY}_new")

    return _timed(apply)


def _copy(warehouse: Scratch, *, partitioned: bool) -> None:
    command = warehouse.client.command
    command("create database if not exists bench")
    command(f"drop table if exists {_COPY}")
    partition = "partition by payment_date" if partitioned else ""
    command(
        f"create table {_COPY} engine = MergeTree {partition} order by ({_KEYS}) as"
        f" select {_KEYS}, toUInt64(sum(count_payments)) as count_payments, sum(total_amount) as"
        f" total_amount from gold.{FACT} group by {_KEYS}"
    )
