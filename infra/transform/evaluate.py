"""How good the fraud score is: the warehouse's scores against the labels that only the source has.

The labels never enter the warehouse. They are read from Postgres as counts per session (what an
account attempts on a day from one address on one device), joined here with the scores of the
sessions, and only counts per day and score are written, to ops.fraud_evaluations. Gold makes
precision, recall and the rest of these.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from clickhouse_connect.driver.client import Client

from infra.settings import Settings
from infra.transform.figures import ONE_MOMENT
from infra.transform.snapshot import unreachable
from infra.transform.warehouse import BACKGROUND, connect
from ingestion import source

COLUMNS = ["evaluated_at", "payment_date", "score", "count_payments", "count_fraud"]
# What has no points is one row per day: nothing else is asked of it.
SCORES = """
    select
        payment_date,
        fraud_score,
        if(fraud_score > 0, toString(account_id), '') as account,
        if(fraud_score > 0, scores.ip, '') as address,
        if(fraud_score > 0, scores.device_id, '') as device,
        sum(count_attempted),
        (select max(_offset) from gold.fct_sessions_by_day)
    from gold.agg_fraud_scores as scores
    group by payment_date, fraud_score, account, address, device
"""
# Nobody waits for it: it gives way to the live tier.
SETTINGS = {**ONE_MOMENT, **BACKGROUND}
COMMITTED_AT = """
    select max(_committed_at) from silver.transactions_deltas where _offset = {offset:UInt64}
"""
# The generator's identifiers begin with the millisecond they were made in (UUID version 7), which
# tells what the scores have not seen yet.
LABELS = """
    select
        (occurred_at at time zone 'UTC')::date,
        account_id::text,
        coalesce(abbrev(ip), ''),
        coalesce(device_id, ''),
        count(*)
    from finance_meta.fraud_labels
    join finance.transactions using (transaction_id)
    where
        attempted_at >= %(first)s::date
        and (
            substr(transaction_id::text, 15, 1) <> '7'
            or transaction_id <= (
                lpad(to_hex(%(until)s::bigint), 12, '0') || repeat('f', 20)
            )::uuid
        )
    group by 1, 2, 3, 4
"""

Session = tuple[date, str, str, str]
"""Day, account, address, device."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Payments of one day with one score, and how many of them are labelled as fraud."""

    payment_date: date
    score: int
    payments: int
    fraud: int


def evaluate(settings: Settings, client: Client) -> list[Scored]:
    """Compare the scores of the last days with the labels as of the same moment.

    Empty if the source has no labels of these days. Raises FinhouseError if Postgres does not
    answer, ClickHouseError if the warehouse does not.
    """
    rows = client.query(SCORES, settings=SETTINGS).result_rows
    if not rows:
        return []
    committed_at = client.query(COMMITTED_AT, parameters={"offset": rows[0][-1]}).result_rows[0][0]
    try:
        labels = _labels(settings, min(row[0] for row in rows), committed_at)
    except psycopg.OperationalError as error:
        raise unreachable(settings, error) from error
    return scored(rows, labels)


def _labels(settings: Settings, first: date, until: datetime) -> dict[Session, int]:
    """Labelled payments per session that were made from `first` on and were stored `until` then."""
    with source.connect(settings) as connection:
        known = connection.execute("select to_regclass('finance_meta.fraud_labels')").fetchone()
        if known is None or known[0] is None:
            return {}
        millis = int(until.replace(tzinfo=UTC).timestamp() * 1000)
        found = connection.execute(LABELS, {"first": first, "until": millis}).fetchall()
    return {(day, account, ip, device): count for day, account, ip, device, count in found}


def scored(rows: Any, labels: dict[Session, int]) -> list[Scored]:
    """Counts per day and score; empty without a label.

    `rows` are those of SCORES. A labelled session that has no points counts among those of its day
    with none. No more payments of a session are fraud than the warehouse has of it.
    """
    payments: Counter[tuple[date, int]] = Counter()
    fraud: Counter[tuple[date, int]] = Counter()
    unseen = dict(labels)
    for day, score, account, ip, device, count, _ in rows:
        payments[day, score] += count
        if score:
            fraud[day, score] += min(unseen.pop((day, account, ip, device), 0), count)
    for (day, *_), count in unseen.items():
        fraud[day, 0] = min(fraud[day, 0] + count, payments[day, 0])
    if not labels:
        return []
    return [
        Scored(day, score, count, fraud[day, score])
        for (day, score), count in sorted(payments.items())
        if count
    ]


def record(client: Client, found: list[Scored]) -> None:
    """Append an evaluation to ops.fraud_evaluations. Raises ClickHouseError."""
    now = datetime.now(UTC)
    rows = [(now, one.payment_date, one.score, one.payments, one.fraud) for one in found]
    if rows:
        client.insert("ops.fraud_evaluations", rows, column_names=COLUMNS)


def run(settings: Settings) -> list[Scored]:
    """Evaluate and record. Raises what evaluate() does."""
    with closing(connect(settings)) as client:
        found = evaluate(settings, client)
        record(client, found)
    return found
