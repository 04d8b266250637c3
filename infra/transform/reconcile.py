"""Compares Postgres with silver and gold at one point of the log, to the last digit.

The traffic is paused, a marker is committed to the heartbeat row, and once the marker and
everything before it has arrived, counts, sums and checksums of whole rows are compared per table,
day, currency and status.

The checksum of a group is the sum over its rows of the first 32 bits of the MD5 of the row's
fields, written the same way on both sides: equal sums and counts with different rows would take an
accident of one in four billion per group.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from clickhouse_connect.driver.client import Client

from infra.errors import FinhouseError
from infra.settings import Settings
from infra.transform.warehouse import connect, positions
from ingestion import kafka, source
from ingestion.generator import control

ARRIVAL_SECONDS = 120.0
STATES = (
    "accounts",
    "merchants",
    "ip_geo",
    "fx_rates",
    "transactions",
    "refunds",
    "disputes",
)
DELTAS = ("transactions", "refunds", "disputes")
GOLD = ("fct_payments_by_minute", "fct_payments_by_day", "fct_account_activity_by_day")

Group = tuple[str, ...]
Figures = dict[Group, tuple[Decimal, ...]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One group whose figures differ. Figures are those of the comparison, None where the group is
    missing."""

    comparison: str
    group: Group
    figures: tuple[str, ...]
    postgres: tuple[Decimal, ...] | None
    warehouse: tuple[Decimal, ...] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reconciliation found. `rows` is what Postgres holds in the compared tables."""

    comparisons: int
    groups: int
    rows: int
    seconds: float
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class _Table:
    """How one table is grouped and written as text, in both dialects: (Postgres, ClickHouse)."""

    groups: tuple[tuple[str, str], ...]
    amount: str | None
    fields: tuple[tuple[str, str], ...]


def _moment(column: str) -> tuple[str, str]:
    return (
        f"(extract(epoch from {column}) * 1000000)::bigint::text",
        f"toString(toUnixTimestamp64Micro({column}))",
    )


def _text(column: str) -> tuple[str, str]:
    return f"{column}::text", f"toString({column})"


def _money(column: str) -> tuple[str, str]:
    return f"{column}::text", f"toDecimalString({column}, 2)"


def _optional(column: str) -> tuple[str, str]:
    return f"coalesce({column}::text, '-')", f"ifNull(toString({column}), '-')"


def _group(column: str) -> tuple[str, str]:
    return f"{column}::text", f"toString({column})"


def _day(column: str) -> tuple[str, str]:
    return f"({column} at time zone 'UTC')::date::text", f"toString(toDate({column}))"


_TABLES = {
    "accounts": _Table(
        (_group("country"),),
        None,
        (_text("account_id"), _text("user_name"), _text("email"), _moment("signup_at")),
    ),
    "merchants": _Table(
        (_group("country"), _group("merchant_category")),
        None,
        (_text("merchant_id"), _text("merchant_name"), _text("risk_rating")),
    ),
    "ip_geo": _Table(
        (_group("country"),),
        None,
        (
            ("host(ip)", "splitByChar('/', ip)[1]"),
            _text("city"),
            ("is_proxy_or_vpn::text", "toString(is_proxy_or_vpn)"),
        ),
    ),
    "fx_rates": _Table((_group("currency"),), "rate_to_eur", (_text("rate_date"),)),
    "transactions": _Table(
        (_day("occurred_at"), _group("currency"), _group("status")),
        "amount",
        (
            _text("transaction_id"),
            _text("account_id"),
            _text("merchant_id"),
            _moment("occurred_at"),
            _money("amount"),
            _optional("decline_code"),
        ),
    ),
    "refunds": _Table(
        (_day("created_at"), _group("currency"), _group("status")),
        "amount",
        (_text("refund_id"), _text("transaction_id"), _money("amount"), _text("reason")),
    ),
    "disputes": _Table(
        (_day("opened_at"), _group("currency"), _group("status")),
        "amount",
        (_text("dispute_id"), _text("transaction_id"), _money("amount"), _text("reason")),
    ),
}
_CHECKED = ("rows", "amount", "checksum")


def reconcile(
    settings: Settings, progress: Callable[[str], None] = lambda _: None, *, pause: bool = True
) -> Outcome:
    """Pause the traffic, wait until everything committed has arrived, compare, and go on.

    `pause=False` is for callers that have stopped all writers themselves. Raises FinhouseError if a
    part does not answer or what was committed does not arrive within two minutes.
    """
    began = time.monotonic()
    client = connect(settings)
    with _paused(settings, progress) if pause else _nothing():
        wait_for_arrival(settings, client, progress)
        progress("comparing")
        compared = list(_comparisons(settings, client))
    differences = [
        difference
        for name, figures, left, right in compared
        for difference in _differences(name, figures, left, right)
    ]
    return Outcome(
        comparisons=len(compared),
        groups=sum(len(left) for _, _, left, _ in compared),
        rows=sum(
            int(figures[0])
            for name, _, left, _ in compared
            if name.endswith("_state")
            for figures in left.values()
        ),
        seconds=time.monotonic() - began,
        differences=differences,
    )


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _paused(settings: Settings, progress: Callable[[str], None]) -> Iterator[None]:
    generator = control.status(settings)
    if not generator.is_alive or generator.state == "paused":
        yield
        return
    progress("pausing the traffic")
    control.pause(settings)
    try:
        yield
    finally:
        control.resume(settings)


def wait_for_arrival(
    settings: Settings, client: Client, progress: Callable[[str], None] = lambda _: None
) -> None:
    """Return once everything committed before now is applied in silver and gold.

    Raises FinhouseError if it does not arrive within two minutes.
    """
    marker = str(uuid.uuid4())
    with source.connect(settings, autocommit=True) as postgres:
        postgres.execute("update finance.heartbeat set marker = %s", [marker])
    deadline = time.monotonic() + ARRIVAL_SECONDS

    def wait_for(what: str, is_done: Callable[[], bool]) -> None:
        progress(f"waiting for {what}")
        while not is_done():
            if time.monotonic() > deadline:
                raise FinhouseError(
                    f"{what} did not arrive within {ARRIVAL_SECONDS:.0f} s",
                    why="a part of the path stands still or is far behind",
                    fix="./finhouse status, ./finhouse lag",
                    exit_code=1,
                )
            time.sleep(0.1)

    wait_for(
        "the marker in bronze",
        lambda: bool(
            client.command(
                "select count() from (select after from bronze.heartbeat order by _offset desc"
                " limit 1000) where position(after, {marker:String}) > 0",
                parameters={"marker": marker},
            )
        ),
    )
    # The marker is in Kafka, so everything committed before it is: these are the ends to reach.
    ends = kafka.last_offsets(settings)
    logs = {table: f"bronze.{table}" for table in STATES}
    wait_for(
        "all messages in bronze",
        lambda: all(position >= ends[table] for table, position in positions(client, logs).items()),
    )
    # A quarantined message at the end of a log moves no watermark below it.
    valid = {
        table: int(
            str(
                client.command(
                    f"select if(count() = 0, -1, toInt64(max(_offset))) from bronze.{table}"
                    " where _error = ''"
                )
            )
        )
        for table in STATES
    }
    targets = {f"silver.{table}_state": valid[table] for table in STATES}
    targets |= {f"silver.{table}_deltas": valid[table] for table in DELTAS}
    targets |= {f"gold.{fact}": valid["transactions"] for fact in GOLD}
    wait_for(
        "all changes in gold",
        lambda: all(
            position >= targets[table]
            for table, position in positions(client, {table: table for table in targets}).items()
        ),
    )


def _comparisons(
    settings: Settings, client: Client
) -> Iterator[tuple[str, tuple[str, ...], Figures, Figures]]:
    """Of each comparison: name, names of the figures, Postgres' figures, the warehouse's."""
    stored = {table: _postgres(settings, table) for table in STATES}
    for table in STATES:
        yield f"silver.{table}_state", _CHECKED, stored[table], _silver(client, table)
    counted = {
        table: {group: figures[:2] for group, figures in stored[table].items()} for table in DELTAS
    }
    for table in DELTAS:
        yield (
            f"silver.{table}_deltas",
            _CHECKED[:2],
            counted[table],
            _additive(
                client,
                f"silver.{table}_deltas",
                [expression for _, expression in _TABLES[table].groups],
                "sign",
                "sign * amount",
            ),
        )
    for fact, day in (
        ("gold.fct_payments_by_minute", "toDate(minute)"),
        ("gold.fct_payments_by_day", "payment_date"),
        ("gold.fct_account_activity_by_day", "activity_date"),
        ("gold.live_payments_by_minute", "toDate(minute)"),
    ):
        yield (
            fact,
            _CHECKED[:2],
            counted["transactions"],
            _additive(
                client,
                fact,
                [f"toString({day})", "currency_code", "status"],
                "count_payments",
                "total_amount",
            ),
        )


def _postgres(settings: Settings, name: str) -> Figures:
    table = _TABLES[name]
    groups = ", ".join(expression for expression, _ in table.groups)
    row = " || '|' || ".join(expression for expression, _ in table.fields)
    query = f"""
        select {groups}, count(*), coalesce(sum({table.amount or 0}), 0),
            sum(('x' || substr(md5({row}), 1, 8))::bit(32)::bigint)
        from finance.{name}
        group by {", ".join(str(number + 1) for number in range(len(table.groups)))}
    """
    with source.connect(settings) as connection:
        rows = connection.execute(query.encode()).fetchall()
    width = len(table.groups)
    return {tuple(row[:width]): tuple(Decimal(value) for value in row[width:]) for row in rows}


def _silver(client: Client, name: str) -> Figures:
    table = _TABLES[name]
    groups = ", ".join(expression for _, expression in table.groups)
    row = ", '|', ".join(expression for _, expression in table.fields)
    amount = f"toString(sum({table.amount}))" if table.amount else "'0'"
    query = f"""
        select {groups}, toString(count()), {amount},
            toString(sum(reinterpretAsUInt32(reverse(substring(MD5(concat({row})), 1, 4)))))
        from silver.{name}_state final
        where _is_deleted = 0
        group by {groups}
    """
    return _figures(client, query, len(table.groups))


def _additive(client: Client, table: str, groups: list[str], count: str, amount: str) -> Figures:
    keys = ", ".join(groups)
    query = f"""
        select {keys}, toString(sum({count}) as rows), toString(sum({amount}) as total)
        from {table}
        group by {keys}
        having rows != 0 or total != 0
    """
    return _figures(client, query, len(groups))


def _figures(client: Client, query: str, width: int) -> Figures:
    return {
        tuple(str(key) for key in row[:width]): tuple(Decimal(value) for value in row[width:])
        for row in client.query(query).result_rows
    }


def _differences(
    name: str, figures: tuple[str, ...], left: Figures, right: Figures
) -> Iterator[Difference]:
    for group in sorted(left.keys() | right.keys()):
        if left.get(group) != right.get(group):
            yield Difference(name, group, figures, left.get(group), right.get(group))
