"""Loads the past: reference data, and payments of the last days with their refunds and disputes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg
from psycopg.rows import TupleRow

from infra.errors import FinhouseError
from infra.settings import Settings
from ingestion.generator.fraud import REPORTED_SHARE, Attempts, plan_fraud, plant
from ingestion.generator.origins import homes
from ingestion.generator.payments import Payments, draw_payments, history_moments
from ingestion.generator.retries import no_retries, plan_retries, plant_retries
from ingestion.generator.rows import (
    NULL,
    Ints,
    copy_text,
    id_text,
    money_text,
    text,
    time_ordered_ids,
    time_text,
)
from ingestion.generator.settings import GeneratorSettings
from ingestion.generator.state import Waiting
from ingestion.generator.world import (
    CURRENCIES,
    SUCCESS,
    Floats,
    World,
    build_world,
    fx_rates,
    merchant_rows,
    rate_text,
)
from ingestion.source import connect

_DAY = 86_400_000_000
_CHUNK = 25_000  # rows between two reports of progress
_RECENT = 900_000_000  # µs: a payment younger than this may still be undecided
_RETRIED = (120_000_000, 20 * 3_600_000_000)  # µs: a retry follows after so long, from and to

REFUND_SHARE = 0.02
DISPUTE_SHARE = 0.003
REFUND_REASONS = text(["requested_by_customer", "duplicate", "not_delivered", "defective"])
FRAUDULENT = b"fraudulent"
DISPUTE_REASONS = text(["fraudulent", "not_received", "not_as_described", "duplicate"])
LOAD_LOCK = 4_201_002  # advisory lock: one load at a time


def load_history(
    settings: Settings,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    generator: GeneratorSettings | None = None,
    now: datetime | None = None,
) -> int:
    """Fill an empty source up to `now`; return the number of transactions stored.

    One database transaction, so an interrupted load leaves nothing. Returns 0 if a history is
    there already. `progress` gets (transactions sent, transactions in all). Raises FinhouseError
    before the schema exists.
    """
    generator = generator or GeneratorSettings()
    until = int((now.timestamp() if now else time.time()) * 1_000_000)
    with connect(settings) as connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOAD_LOCK])
        if _is_loaded(cursor):
            return 0
        stored = 0
        for table, rows, count in history(generator, until):
            with cursor.copy(f"copy {table} from stdin") as copy:
                copy.write(rows)
            if table == "finance.transactions":
                stored += count
                progress(stored, generator.history_transactions)
        cursor.execute(
            "insert into finance_meta.generator_history values (1, %s, %s, %s, %s, %s)",
            [
                generator.seed,
                generator.accounts,
                generator.merchants,
                generator.ips,
                datetime.fromtimestamp(until / 1_000_000, UTC),
            ],
        )
        cursor.execute(
            "update finance_meta.generator_status set stored_transactions = stored_transactions"
            " + %s",
            [stored],
        )
    with connect(settings, autocommit=True) as connection:
        connection.execute("analyze finance.transactions, finance.refunds, finance.disputes")
    return stored


def _is_loaded(cursor: psycopg.Cursor[TupleRow]) -> bool:
    try:
        return bool(cursor.execute("select 1 from finance_meta.generator_history").fetchone())
    except psycopg.errors.UndefinedTable as error:
        raise FinhouseError(
            "the source has no schema yet",
            why=str(error).strip().splitlines()[0],
            fix="./finhouse up (or ingestion.source.migrate) makes it",
        ) from error


def history(generator: GeneratorSettings, now: int) -> Iterator[tuple[str, bytes, int]]:
    """Yield (schema.table, COPY text, rows) of a whole past up to `now` (µs since 1970).

    Equal settings and clock give equal bytes.
    """
    world = build_world(generator.seed, generator.accounts, generator.merchants, generator.ips)
    rng = np.random.default_rng([generator.seed, now])
    begin = now - generator.history_days * _DAY
    signup = np.sort(
        np.concatenate(
            [
                rng.integers(now - 730 * _DAY, begin, size=generator.accounts * 9 // 10),
                rng.integers(begin, now, size=generator.accounts - generator.accounts * 9 // 10),
            ]
        )
    )
    yield from _reference(world, generator, signup, now)
    people = world.accounts
    places = homes(world, np.arange(len(people.id)), people.country)
    fraud = plan_fraud(
        rng,
        world,
        places,
        begin,
        now,
        generator.history_transactions,
        max(int(np.searchsorted(signup, begin)), 1),
        generator.merchants,
    )
    past = np.flatnonzero(fraud["due"] < now)[: generator.history_transactions]
    fraud = {name: column[past] for name, column in fraud.items()}
    count = generator.history_transactions - len(past)
    ordinary = history_moments(rng, now, generator.history_days, count)
    moments = np.sort(np.concatenate([ordinary, fraud["due"]]))
    retries = Waiting(**no_retries())
    for start in range(0, len(moments), _CHUNK):
        occurred = moments[start : start + _CHUNK]
        payments = draw_payments(
            rng,
            world,
            places,
            created=occurred,
            occurred=occurred,
            known_accounts=np.maximum(np.searchsorted(signup, occurred), 1),
            known_merchants=generator.merchants,
            pending_share=np.where(occurred > now - _RECENT, 0.3, 0.004),
        )
        place, attempts = _attempts_at(fraud, occurred)
        labels = plant(rng, world, payments, place, attempts)
        _retry(rng, world, payments, place, retries)
        settled = np.minimum(occurred + rng.integers(200_000, 8_000_000, len(occurred)), now)
        yield "finance.transactions", payments.copy_rows(world, settled), len(occurred)
        yield "finance_meta.fraud_labels", labels, len(place)
        yield _refunds(rng, payments, now)
        yield _disputes(rng, payments, place, now)


def _attempts_at(fraud: Attempts, occurred: Ints) -> tuple[Ints, Attempts]:
    """The attempts among these moments, and which payment each of them is."""
    inside = np.flatnonzero((fraud["due"] >= occurred[0]) & (fraud["due"] <= occurred[-1]))
    place, first = np.unique(np.searchsorted(occurred, fraud["due"][inside]), return_index=True)
    return place, {name: column[inside[first]] for name, column in fraud.items()}


def _retry(
    rng: np.random.Generator, world: World, payments: Payments, fraud: Ints, waiting: Waiting
) -> None:
    """Turn payments into the retries that are `waiting` or follow from these payments themselves,
    retries of retries too. Those of a ring, and those that are retried, stay what they are."""
    is_kept = np.zeros(len(payments.id), dtype=bool)
    is_kept[fraud] = True
    fresh = np.flatnonzero(~is_kept)
    while len(fresh):
        planned, retried = plan_retries(rng, payments, fresh, *_RETRIED)
        is_kept[retried] = True
        waiting.add(**planned)
        due = waiting.take(int(payments.occurred[-1]))
        place, first = np.unique(np.searchsorted(payments.occurred, due["due"]), return_index=True)
        free = ~is_kept[place]
        fresh = place[free]
        chosen = {name: column[first[free]] for name, column in due.items()}
        plant_retries(rng, world, payments, fresh, chosen)
        is_kept[fresh] = True


def _reference(
    world: World, generator: GeneratorSettings, signup: Ints, now: int
) -> Iterator[tuple[str, bytes, int]]:
    people, addresses = world.accounts, world.addresses
    count = generator.accounts
    signed_up = time_text(signup)
    columns = [people.id, people.user_name, people.email, people.country]
    rows = copy_text([*(column[:count] for column in columns), signed_up, signed_up])
    yield "finance.accounts", rows, count

    count = generator.merchants
    rows = merchant_rows(world, np.arange(count), np.full(count, now))
    yield "finance.merchants", rows, count

    count = generator.ips
    columns = [addresses.ip, addresses.country, addresses.city, addresses.is_proxy]
    yield "finance.ip_geo", copy_text([*columns, time_text(np.full(count, now))]), count

    today = datetime.fromtimestamp(now / 1_000_000, UTC).date()
    first = today - timedelta(days=generator.fx_days - 1)
    days = [first + timedelta(days=number) for number in range(generator.fx_days)]
    for currency, rates in fx_rates(generator.seed, first, today).items():
        yield "finance.fx_rates", _fx_rows(days, currency, rates, now), len(days)


def _fx_rows(days: list[date], currency: str, rates: Ints, now: int) -> bytes:
    return copy_text(
        [
            text([day.isoformat() for day in days]),
            text([currency] * len(days)),
            text([rate_text(rate) for rate in rates.tolist()]),
            time_text(np.full(len(days), now)),
        ]
    )


def _refunds(rng: np.random.Generator, payments: Payments, now: int) -> tuple[str, bytes, int]:
    created, chosen = _later(rng, payments, REFUND_SHARE, now)
    count = len(chosen)
    cents = refund_cents(rng, payments.cents[chosen])
    status = rng.choice(text(["succeeded", "failed", "pending"]), count, p=[0.94, 0.03, 0.03])
    reason = rng.choice(REFUND_REASONS, count)
    rows = copy_text(
        [
            id_text(time_ordered_ids(rng, created)),
            payments.id[chosen],
            money_text(cents),
            CURRENCIES[payments.currency[chosen]],
            status,
            reason,
            time_text(created),
            time_text(np.minimum(created + 60_000_000, now)),
        ]
    )
    return "finance.refunds", rows, count


def _disputes(
    rng: np.random.Generator, payments: Payments, fraud: Ints, now: int
) -> tuple[str, bytes, int]:
    is_fraud = np.zeros(len(payments.id), dtype=bool)
    is_fraud[fraud] = True
    share = np.where(is_fraud, REPORTED_SHARE, DISPUTE_SHARE)
    opened, chosen = _later(rng, payments, share, now)
    reasons = np.where(is_fraud[chosen], FRAUDULENT, rng.choice(DISPUTE_REASONS, len(chosen)))
    closed = opened + rng.integers(2 * _DAY, 12 * _DAY, len(chosen))
    reviewed = opened + _DAY
    status = np.select(
        [reviewed > now, closed > now, rng.random(len(chosen)) < 0.45],
        [b"opened", b"under_review", b"won"],
        default=b"lost",
    )
    is_closed = closed <= now
    updated = np.where(is_closed, closed, np.where(reviewed <= now, reviewed, opened))
    rows = copy_text(
        [
            id_text(time_ordered_ids(rng, opened)),
            payments.id[chosen],
            money_text(payments.cents[chosen]),
            CURRENCIES[payments.currency[chosen]],
            status,
            reasons,
            time_text(opened),
            np.where(is_closed, time_text(closed), NULL),
            time_text(updated),
        ]
    )
    return "finance.disputes", rows, len(chosen)


def _later(
    rng: np.random.Generator, payments: Payments, share: Floats | float, now: int
) -> tuple[Ints, Ints]:
    """Something that follows a share of the successful payments by days: (when, which)."""
    chosen = np.flatnonzero((payments.status == SUCCESS) & (rng.random(len(payments.id)) < share))
    when = payments.occurred[chosen] + (rng.exponential(3 * _DAY, len(chosen))).astype(np.int64)
    return when[when < now], chosen[when < now]


def refund_cents(rng: np.random.Generator, paid: Ints) -> Ints:
    """Refunds of these payments: mostly all of it, else a part, at least one cent."""
    part = np.maximum((paid * rng.uniform(0.1, 0.9, len(paid))).astype(np.int64), 1)
    return np.where(rng.random(len(paid)) < 0.7, paid, part)
