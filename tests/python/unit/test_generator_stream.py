"""The stream's plan of changes, without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ingestion.generator.control import WHOLE_INTERVAL, Control
from ingestion.generator.retries import SOFT_DECLINES
from ingestion.generator.settings import GeneratorSettings
from ingestion.generator.state import SECOND, State
from ingestion.generator.stream import plan
from ingestion.generator.traffic import Copy, Mix, Statement, Step, Traffic
from ingestion.generator.world import World, build_world

START = int(datetime(2026, 5, 14, 23, 59, 30, tzinfo=UTC).timestamp() * SECOND)
TODAY = date(2026, 5, 14)
MIX = Mix(updates=0.1, deletes=0.01)
COUNT = 500


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(seed=42, accounts=300, merchants=12, ips=80)


def start(world: World, seed: int = 42) -> Traffic:
    rates = {(TODAY, "EUR"): 1_000_000, (TODAY, "USD"): 900_000, (TODAY, "GBP"): 1_150_000}
    state = State(accounts=300, merchants=12, rates=rates, rates_until=TODAY)
    return Traffic(world, state, seed, START)


def ticks(
    traffic: Traffic, seconds: int, *, room: int = COUNT, mix: Mix = MIX, begin: int = START
) -> Iterator[tuple[int, list[Step]]]:
    """(time in µs, steps) five times a second."""
    for number in range(1, seconds * 5 + 1):
        now = begin + number * SECOND // 5
        yield now, traffic.tick(now, COUNT, room, mix)


def rows(step: Copy) -> list[list[str]]:
    return [line.split("\t") for line in step.rows.decode().splitlines()]


def ids(step: Step) -> set[str]:
    """Identifiers of the payments a step writes."""
    if isinstance(step, Copy):
        return {row[0] for row in rows(step)} if step.table == "finance.transactions" else set()
    column = {"settle": 1, "correct": 1, "delete": 0}.get(step.kind)
    return set() if column is None else set(str(step.params[column]).strip("{}").split(","))


def test_same_seed_and_clock_give_the_same_changes(world: World) -> None:
    assert list(ticks(start(world), 10)) == list(ticks(start(world), 10))
    assert list(ticks(start(world), 1)) != list(ticks(start(world, seed=43), 1))


def test_updates_and_deletes_come_in_the_share_asked_for(world: World) -> None:
    mix = Mix(updates=0.2, deletes=0.02)
    total: Counter[str] = Counter()
    for _, steps in ticks(start(world), 60, mix=mix):
        for step in steps:
            total["new" if isinstance(step, Copy) else step.kind] += len(ids(step))
    assert total["new"] == 60 * 5 * COUNT
    assert 0.16 < (total["settle"] + total["correct"]) / total["new"] < 0.21
    assert 0.017 < total["delete"] / total["new"] < 0.022


def test_pending_payments_are_decided_once_within_seconds(world: World) -> None:
    opened: dict[str, int] = {}
    decided: dict[str, int] = {}
    for now, steps in ticks(start(world), 20):
        for step in steps:
            if isinstance(step, Copy) and step.table == "finance.transactions":
                opened |= {row[0]: now for row in rows(step) if row[6] == "pending"}
            elif isinstance(step, Statement) and step.kind == "settle":
                assert not decided.keys() & ids(step)
                decided |= dict.fromkeys(ids(step), now)
    assert decided and decided.keys() <= opened.keys()
    waits = {key: now - opened[key] for key, now in decided.items()}
    assert min(waits.values()) == 0 and max(waits.values()) <= 8.2 * SECOND
    latest = START + 20 * SECOND
    assert all(latest - now <= 8.2 * SECOND for key, now in opened.items() if key not in decided)


def test_one_row_changes_several_times_in_one_transaction(world: World) -> None:
    most = 0
    for _, steps in ticks(start(world), 10):
        touched = Counter(key for step in steps for key in ids(step))
        most = max(most, *touched.values())
    assert most >= 3  # inserted, settled, corrected


def test_without_room_nothing_grows_but_changes_go_on(world: World) -> None:
    traffic = start(world)
    list(ticks(traffic, 5))
    steps = [
        step for _, steps in ticks(traffic, 5, room=0, begin=START + 5 * SECOND) for step in steps
    ]
    grown = {step.table for step in steps if isinstance(step, Copy)}
    assert not grown & {"finance.transactions", "finance.refunds", "finance.disputes"}
    assert {"correct", "delete"} <= {step.kind for step in steps if isinstance(step, Statement)}


def test_corrections_and_refunds_are_exact_money(world: World) -> None:
    amounts: list[str] = []
    for _, steps in ticks(start(world), 10):
        for step in steps:
            if isinstance(step, Copy) and step.table in ("finance.refunds", "finance.disputes"):
                amounts += [row[2] for row in rows(step)]
            elif isinstance(step, Statement) and step.kind == "correct":
                amounts += str(step.params[2]).strip("{}").split(",")
    assert len(amounts) > 100
    assert {Decimal(amount).as_tuple().exponent for amount in amounts} == {-2}
    assert min(Decimal(amount) for amount in amounts) > 0


def test_disputes_go_through_review_to_a_verdict(world: World) -> None:
    course: dict[str, list[str]] = {}
    for _, steps in ticks(start(world), 90):
        for step in steps:
            if isinstance(step, Statement) and step.kind == "dispute":
                keys, statuses = (str(value).strip("{}").split(",") for value in step.params[2:])
                for key, status in zip(keys, statuses, strict=True):
                    course.setdefault(key, []).append(status)
    assert {tuple(statuses) for statuses in course.values()} == {
        ("under_review",),
        ("under_review", "won"),
        ("under_review", "lost"),
    }


def test_labels_of_fraud_come_with_its_payments_and_disputes_follow(world: World) -> None:
    planted: set[str] = set()
    disputed: set[str] = set()
    paid = 0
    for _, steps in ticks(start(world), 300):
        inserted: set[str] = set()
        for step in steps:
            if not isinstance(step, Copy):
                continue
            inserted |= ids(step)
            if step.table == "finance_meta.fraud_labels":
                labelled = {row[0] for row in rows(step)}
                assert labelled <= inserted
                planted |= labelled
            elif step.table == "finance.disputes":
                disputed |= {row[1] for row in rows(step) if row[5] == "fraudulent"}
        paid += len(inserted)
    assert 0.001 < len(planted) / paid < 0.006
    assert len(disputed & planted) > 50


def test_declined_payments_are_tried_again_within_minutes(world: World) -> None:
    soft = {code.decode() for code in SOFT_DECLINES}
    first: dict[tuple[str, ...], int] = {}
    retried: dict[tuple[str, ...], tuple[int, str]] = {}
    for now, steps in ticks(start(world), 360):
        new = [row for step in steps if isinstance(step, Copy) for row in rows(step)]
        assert sum(len(ids(step)) for step in steps if isinstance(step, Copy)) == COUNT
        # Dear ones: two cheap payments may be alike by chance.
        for row in (row for row in new if len(row) == 11 and Decimal(row[4]) > 300):
            attempt = (row[1], row[2], row[4], row[5])
            if attempt in first and attempt not in retried:
                retried[attempt] = (now - first[attempt], row[6])
            elif row[7] in soft and now < START + 60 * SECOND:
                first.setdefault(attempt, now)
    assert 0.35 < len(retried) / len(first) < 0.45
    waits = [wait for wait, _ in retried.values()]
    assert sum(5 * SECOND <= wait <= 301 * SECOND for wait in waits) / len(waits) > 0.98
    outcomes = Counter(status for _, status in retried.values())
    assert 0.35 < outcomes["success"] / len(retried) < 0.55


def test_some_merchants_are_stored_after_their_first_payments(world: World) -> None:
    traffic = start(world)
    paid: dict[str, int] = {}
    stored: dict[str, int] = {}
    for second in range(1, 900):
        now = START + second * SECOND
        for step in traffic.tick(now, COUNT, COUNT, MIX):
            if isinstance(step, Copy) and step.table == "finance.transactions":
                paid = dict.fromkeys((row[2] for row in rows(step)), now) | paid
            elif isinstance(step, Copy) and step.table == "finance.merchants":
                stored |= {row[0]: now for row in rows(step)}
    late = [stored[key] - paid[key] for key in stored]
    assert late and all(10 * SECOND < delay <= 21 * SECOND for delay in late)


def test_a_clock_set_back_does_no_harm(world: World) -> None:
    traffic = start(world)
    list(ticks(traffic, 2))
    steps = traffic.tick(START - 3600 * SECOND, COUNT, COUNT, MIX)
    assert [step.count for step in steps if isinstance(step, Copy)][0] == COUNT


def test_a_new_days_foreign_rates_arrive_late(world: World) -> None:
    arrived: dict[str, int] = {}
    for now, steps in ticks(start(world), 90):
        for step in steps:
            if isinstance(step, Statement) and step.kind == "rate" and step.params[0] != TODAY:
                arrived.setdefault(str(step.params[1]), now)
    midnight = START + 30 * SECOND
    assert midnight <= arrived["EUR"] <= midnight + SECOND
    assert arrived["USD"] >= midnight + 30 * SECOND
    assert arrived["GBP"] >= midnight + 30 * SECOND


def control(**changes: object) -> Control:
    fields: dict[str, object] = dict.fromkeys(Control.__slots__)
    return Control(**(fields | {"request": 0, "is_paused": False} | changes))  # type: ignore[arg-type]


def test_default_pace_is_123456_payments_in_24_seconds() -> None:
    pace = plan(GeneratorSettings(), control())
    assert pace.rate == pytest.approx(5144.0)
    assert pace.batch / pace.period == pytest.approx(5144.0)
    assert pace.period == pytest.approx(0.2, rel=0.01)
    assert pace.mix == Mix(updates=0.1, deletes=0.01)


def test_what_is_asked_for_wins_over_the_defaults() -> None:
    pace = plan(GeneratorSettings(), control(rate=10, interval_seconds=5.0, updates=0.0))
    assert (pace.rate, pace.batch, pace.period) == (2.0, 1, 0.5)
    assert pace.mix == Mix(updates=0.0, deletes=0.01)


def test_a_burst_is_one_batch_per_interval() -> None:
    pace = plan(GeneratorSettings(), control(batch=WHOLE_INTERVAL))
    assert (pace.batch, pace.period) == (123_456, 24.0)
