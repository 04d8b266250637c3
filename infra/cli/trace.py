"""`finhouse trace`: the life of one payment, and whether Postgres, silver and gold agree on it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich.table import Table

from infra.cli import console
from infra.errors import FinhouseError
from infra.settings import load_settings
from infra.transform import trace
from infra.transform.comparisons import TABLES
from infra.transform.rows import Source, postgres_shown, warehouse_shown
from infra.transform.warehouse import connect
from ingestion import source

# A commit is in bronze within a second; what takes longer is shown as it is.
ARRIVAL_SECONDS = 5.0
# A column by its text, as people read it; None instead of the row if there is none.
Values = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Layer:
    """How a layer's row of the payment compares with Postgres: `verdict` is equal, behind (a change
    is on its way) or differs. `differences`: {column: (in Postgres, in the layer)}."""

    name: str
    verdict: str
    differences: dict[str, tuple[str | None, str | None]]


def run(text: str, *, as_json: bool) -> int:
    """Print the payment's life; 0, or 1 if the layers disagree and no change is on its way.

    Raises FinhouseError: 2 not an id, 1 unknown payment, 3 the stack is down.
    """
    payment = trace.payment_id(text)
    if payment is None:
        raise FinhouseError(
            f"{text[:80]!r} is no payment id",
            why="an id has 32 hexadecimal digits, such as 01a22050-9cea-74db-888e-17f1ddb1aa14",
            fix='./finhouse sql "select transaction_id from gold.live_recent_payments limit 5"',
            exit_code=2,
        )
    settings = load_settings()
    source.wait_for(settings, timeout=2)
    try:
        with (
            closing(connect(settings)) as client,
            closing(source.connect(settings, autocommit=True)) as postgres,
        ):
            stored, changes, layers = _compared(client, postgres, payment)
            found = trace.counted(changes)
            document = {
                "transaction_id": str(payment),
                "postgres": stored,
                "layers": [asdict(layer) for layer in layers],
                "changes": [dict(change) for change in reversed(changes)],
                "adjustments": _ask(
                    client, trace.ADJUSTMENTS, trace.by_payment(payment, trace.SHOWN_ADJUSTMENTS)
                ),
                "counted_in": _ask(client, trace.BUCKETS, trace.by_bucket(found)) if found else [],
            }
    except ClickHouseError as error:
        raise FinhouseError(
            "ClickHouse refuses the question",
            why=" ".join(str(error).split())[:300],
            fix="wait for the first transform run, or ./finhouse dbt run",
        ) from error
    if not (stored or changes):
        raise FinhouseError(
            f"no payment has the id {payment}",
            why="neither Postgres nor the change log knows it",
            fix='./finhouse sql "select transaction_id from gold.live_recent_payments limit 5"',
            exit_code=1,
        )
    if as_json:
        print(json.dumps(document, indent=2, default=str))
    else:
        _show(document)
    return int(any(layer.verdict == "differs" for layer in layers))


def _compared(
    client: Client, postgres: psycopg.Connection[Any], payment: UUID
) -> tuple[Values | None, list[dict[str, Any]], list[Layer]]:
    """The row in Postgres, the changes (newest first), and how silver and gold compare.

    While they disagree it looks again, until a change on its way has arrived.
    """
    table = _source(client)
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while True:
        asked_at, stored = _in_postgres(postgres, table, payment)
        changes = _ask(client, trace.CHANGES, trace.by_payment(payment, trace.SHOWN_CHANGES))
        gold = _in_gold(client, table, payment, changes)
        if gold == stored or time.monotonic() > deadline:
            break
        time.sleep(0.25)
    (captured_until, silver_next) = client.query(
        """
        select
            (select max(newest_commit_at) from gold.pipeline_freshness where hop_order = 3),
            (select max(_offset) + 1 from silver.transactions_state)
        """,
        tz_mode="aware",
    ).result_rows[0]
    is_captured = captured_until >= asked_at
    silver = _in_silver(client, table, payment)
    is_applied = is_captured and (not changes or changes[0]["_offset"] < silver_next)
    return (
        stored,
        changes,
        [
            _layer("silver.transactions_state", stored, silver, is_applied),
            _layer("gold.live_payment_changes", stored, gold, is_captured),
        ],
    )


def _layer(name: str, stored: Values | None, held: Values | None, has_arrived: bool) -> Layer:
    """`has_arrived`: whether the layer has all that Postgres had committed."""
    if stored == held:
        return Layer(name, "equal", {})
    left, right = stored or {}, held or {}
    differences = {
        column: (left.get(column), right.get(column))
        for column in {**left, **right}
        if left.get(column) != right.get(column)
    }
    return Layer(name, "differs" if has_arrived else "behind", differences)


def _source(client: Client) -> Source:
    """The payments' table with the columns that silver has of it."""
    rows = client.query(
        "select name, type from system.columns where database = 'silver'"
        " and table = 'transactions_state' and not startsWith(name, '_') order by position"
    ).result_rows
    columns = {str(name): str(type) for name, type in rows}
    return Source("transactions", TABLES["transactions"], columns, frozenset({"ip"}))


def _in_postgres(
    postgres: psycopg.Connection[Any], table: Source, payment: UUID
) -> tuple[datetime, Values | None]:
    """When Postgres was asked, and the row as it is."""
    columns = ", ".join(postgres_shown(table, column) for column in table.columns)
    ((asked_at,),) = postgres.execute("select clock_timestamp()").fetchall()
    row = postgres.execute(
        f"select {columns} from finance.transactions where transaction_id = %s",
        [payment],
    ).fetchone()
    return asked_at, dict(zip(table.columns, row, strict=True)) if row else None


def _in_silver(client: Client, table: Source, payment: UUID) -> Values | None:
    """The row as silver's state has it."""
    shown = ", ".join(warehouse_shown(name, type) for name, type in table.columns.items())
    rows = client.query(
        f"select {shown} from {table.state} final"
        " where transaction_id = {payment:UUID} and _is_deleted = 0",
        parameters={"payment": str(payment)},
    ).result_rows
    return dict(zip(table.columns, rows[0], strict=True)) if rows else None


def _in_gold(
    client: Client, table: Source, payment: UUID, changes: Sequence[Mapping[str, Any]]
) -> Values | None:
    """The row after its newest change in the log; None if that is a delete."""
    if not changes or changes[0]["operation"] == "d":
        return None
    shown = ", ".join(
        warehouse_shown("currency_code" if name == "currency" else name, type)
        for name, type in table.columns.items()
    )
    rows = client.query(
        f"select {shown} from gold.live_payment_changes where _offset = {{offset:UInt64}}",
        parameters={"offset": changes[0]["_offset"]},
    ).result_rows
    return dict(zip(table.columns, rows[0], strict=True)) if rows else None


def _ask(client: Client, query: str, parameters: dict[str, str | int]) -> list[dict[str, Any]]:
    """Rows of a query to gold, by column; times with their zone."""
    answer = client.query(query, parameters=parameters, tz_mode="aware")
    return [dict(row) for row in answer.named_results()]


def _show(document: Mapping[str, Any]) -> None:
    """The payment, its life, what came after it, where it counts, and whether all agree."""
    changes = document["changes"]
    if changes:
        _show_now(changes[-1])
        _show_life(changes)
    else:
        console.out.print(
            f"payment {document['transaction_id']}: in Postgres, not in the warehouse yet",
            markup=False,
        )
    for one in document["adjustments"]:
        reason = f", {one['reason']}" if one["reason"] else ""
        console.out.print(
            f"{one['adjustment_type']}  {one['currency_code']} {one['amount']:,.2f}"
            f"  {one['status']}{reason}  {trace.moment(one['adjusted_at'])}",
            markup=False,
        )
    for one in document["counted_in"]:
        console.out.print(
            f"counts in gold.{one['fact']}  {one['bucket_at']:%Y-%m-%d %H:%M}"
            f"  with {one['count_payments']:,} payments of {one['total_amount']:,.2f}",
            markup=False,
        )
    if changes and not document["counted_in"]:
        console.out.print("counts in none of gold's facts (deleted, or not applied yet)")
    for layer in document["layers"]:
        colour = {"equal": "green", "behind": "yellow"}.get(layer["verdict"], "red")
        line = f"[{colour}]{layer['verdict']:<8}[/] {layer['name']}"
        console.out.print(f"{line} and Postgres")
        if "transaction_id" in layer["differences"]:  # the key: one of the two has no row
            in_postgres, _ = layer["differences"]["transaction_id"]
            console.out.print(f"         only {'Postgres' if in_postgres else 'this'} has the row")
            continue
        for column, (stored, held) in layer["differences"].items():
            text = f"         {column}: Postgres {stored}, here {held}"
            console.out.print(text, markup=False)


def _show_now(newest: Mapping[str, Any]) -> None:
    """What the payment is as of its newest change."""
    eur = newest["amount_eur"]
    values = {
        "payment": newest["transaction_id"],
        "status": "deleted" if newest["operation"] == "d" else newest["status"],
        "decline reason": newest["decline_code"],
        "amount": f"{newest['currency_code']} {newest['amount']:,.2f}",
        "in EUR": "n/a: rate missing" if eur is None else f"{eur:,.2f}",
        "merchant": f"{newest['merchant_name'] or 'unknown'} ({newest['merchant_id']})",
        "account": newest["account_id"],
        "ip": newest["ip"] and f"{newest['ip']} ({newest['ip_country'] or 'country unknown'})",
        "device": newest["device_id"],
        "attempted": f"{trace.moment(newest['occurred_at'])} UTC",
    }
    for name, value in values.items():
        if value is not None:
            console.out.print(f"{name:<15} {value}", markup=False)
    console.out.print()


def _show_life(changes: Sequence[Mapping[str, Any]]) -> None:
    """A line per change, with milliseconds per hop; a dash where a time is not known."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("committed (UTC)", no_wrap=True)
    table.add_column("change", no_wrap=True)
    for title in ("debezium", "kafka", "bronze", "silver", "gold", "total"):
        table.add_column(f"{title} ms", justify="right", no_wrap=True)
    table.add_column("in gold", no_wrap=True)
    for title in ("lsn", "tx", "offset"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("what changed", no_wrap=True)
    for change in changes:
        hops = [change[column] for column in (*trace.HOPS.values(), "total_ms")]
        table.add_row(
            trace.moment(change["committed_at"]),
            trace.OPERATIONS[change["operation"]],
            *("–" if hop is None else f"{hop:,}" for hop in hops),
            trace.in_gold(change),
            trace.lsn(change["_lsn"]),
            str(change["_tx_id"]),
            f"{change['_partition']}/{change['_offset']}",
            trace.what_changed(change).replace("[", r"\["),
        )
    console.whole_lines()
    console.out.print(table)
    console.out.print()
