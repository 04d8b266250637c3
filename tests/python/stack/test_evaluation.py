"""The fraud score measured on a real stack: the same counts as computed from Postgres alone."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, LiteralString
from uuid import UUID, uuid4

import pytest
from psycopg.rows import dict_row

from ingestion import source
from tests.python.property.oracles.risk import agg_fraud_scores
from tests.python.property.source import Row
from tests.python.stack.world import World, finhouse

pytestmark = pytest.mark.stack

HOME, HIDDEN = "198.51.100.1", "2001:db8::1"
TABLES: dict[str, LiteralString] = {
    "transactions": "select transaction_id, account_id, occurred_at, amount, status, device_id,"
    " abbrev(ip) as ip from finance.transactions where occurred_at > now() - interval '20 days'",
    "accounts": "select account_id, country from finance.accounts",
    "ip_geo": "select abbrev(ip) as ip, country, is_proxy_or_vpn from finance.ip_geo",
}


class Source:
    """The source as of now: what the oracle of the score asks for."""

    def __init__(self, world: World) -> None:
        self.now = datetime.now(UTC)
        with world.postgres.cursor(row_factory=dict_row) as cursor:
            self._rows = {
                table: cursor.execute(query).fetchall() for table, query in TABLES.items()
            }

    def rows(self, table: str) -> list[Row]:
        """The rows of a table."""
        return self._rows[table]


def pay_and_label(world: World) -> None:
    """Honest accounts at home, rings on a device of their own, and labels that err now and then."""
    rng = Random(7)
    world.write(
        "insert into finance.ip_geo values (%s, 'DE', 'Kiel', false), (%s, 'FR', 'Brest', true)"
        " on conflict do nothing",
        HOME,
        HIDDEN,
    )
    accounts = [uuid4() for _ in range(30)]
    for account in accounts[:25]:  # five are not known
        world.write(
            "insert into finance.accounts values (%s, 'Jo Doe', 'jo@example.com', 'DE', now())",
            account,
        )
    with world.postgres.transaction():
        for number in range(400):
            is_ring = number % 8 == 0
            ring = number // 80
            account = rng.choice(accounts)
            id = world.pay(
                rng.choice(("3.50", "5.00") if is_ring else ("3.50", "50.00", "249.99", "300.00")),
                at=str(datetime.now(UTC) - timedelta(days=rng.randint(0, 9))),
                status=rng.choice(("failed", "success") if is_ring else ("success", "pending")),
                account=account,
                device=f"ring_{ring}" if is_ring else rng.choice((f"own_{account}", None)),
                ip=HIDDEN if is_ring else rng.choice((HOME, HOME, HIDDEN, None, "203.0.113.9")),
            )
            if is_ring != (rng.random() < 0.1):
                label(world, id)


def label(world: World, payment: UUID) -> None:
    world.write(
        "insert into finance_meta.fraud_labels select transaction_id, 'card_testing', occurred_at"
        " from finance.transactions where transaction_id = %s",
        payment,
    )


def counts(world: World) -> Counter[tuple[date, int, bool]]:
    """Payments by day, score and whether they are labelled, from Postgres."""
    known = Source(world)
    scores = {
        (row["payment_date"], row["account_id"], row["ip"], row["device_id"]): row["fraud_score"]
        for row in agg_fraud_scores(known)  # type: ignore[arg-type]  # it asks for no more
    }
    labelled = {
        id
        for (id,) in world.postgres.execute("select transaction_id from finance_meta.fraud_labels")
    }
    counted: Counter[tuple[date, int, bool]] = Counter()
    for row in known.rows("transactions"):
        day = row["occurred_at"].date()
        session = (day, row["account_id"], row["ip"] or "", row["device_id"] or "")
        if session in scores:
            counted[day, scores[session], row["transaction_id"] in labelled] += 1
    return counted


def test_the_counts_are_those_of_the_source(world: World) -> None:
    pay_and_label(world)
    world.settle()
    days = json.loads(finhouse("evaluate", "--json"))
    expected = counts(world)
    assert len({day for day, _, _ in expected}) == 7
    wanted: dict[tuple[date, int], tuple[int, ...]] = {}
    for day, threshold in {(day, score) for day, score, _ in expected}:
        confusion = Counter(
            {
                (score >= threshold, is_fraud): 0
                for score, is_fraud in ((0, True), (0, False), (100, True), (100, False))
            }
        )
        for (other, score, is_fraud), count in expected.items():
            if other == day:
                confusion[score >= threshold, is_fraud] += count
        wanted[day, threshold] = (
            confusion[True, True],
            confusion[True, False],
            confusion[False, True],
            confusion[False, False],
        )
    found = {
        (day, score): tuple(rest)
        for day, score, *rest in world.ask(
            "select payment_date, fraud_score, count_true_positives, count_false_positives,"
            " count_false_negatives, count_true_negatives from gold.agg_fraud_thresholds_daily"
            " where payment_date > toDate(now('UTC')) - 7"
        )
    }
    assert found == wanted
    assert len({score for _, score in found}) > 5
    by_day: dict[str, Any] = {row["payment_date"]: row for row in days}
    for day in {day for day, _ in wanted}:
        assert by_day[str(day)]["area_under_curve"] == pytest.approx(area(expected, day))


def area(counted: Counter[tuple[date, int, bool]], day: date) -> float:
    """How many pairs of a fraud and an honest payment the score puts in order, ties half."""
    fraud = [
        (score, count) for (d, score, is_fraud), count in counted.items() if d == day and is_fraud
    ]
    honest = [
        (score, count)
        for (d, score, is_fraud), count in counted.items()
        if d == day and not is_fraud
    ]
    won = sum(
        many * others * (1.0 if high > low else 0.5 if high == low else 0.0)
        for high, many in fraud
        for low, others in honest
    )
    return won / (sum(many for _, many in fraud) * sum(others for _, others in honest))


def test_the_labels_stay_out_of_the_warehouse(world: World) -> None:
    world.settle()
    assert not world.ask(
        "select database, table, name from system.columns where database != 'system'"
        " and (name = 'pattern' or position(table, 'fraud_labels') > 0)"
    )


def test_a_source_without_labels_is_not_measured(world: World) -> None:
    with source.connect(world.settings, admin=True, autocommit=True) as admin:
        admin.execute("alter table finance_meta.fraud_labels rename to hidden_labels")
        try:
            assert json.loads(finhouse("evaluate", "--json")) == []
            finhouse("evaluate")
        finally:
            admin.execute("alter table finance_meta.hidden_labels rename to fraud_labels")
