"""What the traffic knows of the rows stored already, read back from Postgres on every start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, LiteralString

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.rows import TupleRow

from ingestion.generator.rows import Bytes, Ints, text
from ingestion.generator.world import CURRENCIES, World

SECOND = 1_000_000  # µs
KNOWN_CAPACITY = 100_000  # payments kept in mind for later changes
_NEWEST = 200_000  # open rows are looked for among the newest so many of a table


class Waiting:
    """Rows that change at a later time: columns of equal length, one of them `due` (µs)."""

    def __init__(self, **columns: NDArray[Any]) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns["due"])

    def add(self, **columns: NDArray[Any]) -> None:
        """Append rows; the same columns as at the start."""
        self._columns = {
            name: np.concatenate([old, columns[name]]) for name, old in self._columns.items()
        }

    def take(self, now: int) -> dict[str, NDArray[Any]]:
        """Remove and return the rows that are due."""
        due = self._columns["due"] <= now
        taken = {name: column[due] for name, column in self._columns.items()}
        if due.any():
            self._columns = {name: column[~due] for name, column in self._columns.items()}
        return taken


@dataclass(slots=True)
class Known:
    """A sample of successful payments that refunds, disputes, corrections and deletes pick from."""

    id: Bytes
    cents: Ints
    currency: Ints  # index into CURRENCIES
    is_alive: NDArray[np.bool_]

    def put(self, rng: np.random.Generator, id: Bytes, cents: Ints, currency: Ints) -> Ints:
        """Remember payments in random places, so that what is forgotten may be of any age.

        Returns the places.
        """
        free = KNOWN_CAPACITY - len(self.id)
        if free:
            self.id = np.concatenate([self.id, id[:free]])
            self.cents = np.concatenate([self.cents, cents[:free]])
            self.currency = np.concatenate([self.currency, currency[:free]])
            self.is_alive = np.concatenate([self.is_alive, np.ones(len(id[:free]), dtype=bool)])
        added = np.arange(len(self.id) - len(id[:free]), len(self.id))
        id, cents, currency = id[free:], cents[free:], currency[free:]
        place = rng.integers(0, max(len(self.id), 1), len(id))
        self.id[place], self.cents[place], self.currency[place] = id, cents, currency
        self.is_alive[place] = True
        return np.concatenate([added, place])

    def pick(self, rng: np.random.Generator, count: int) -> Ints:
        """Up to `count` different places that hold a payment."""
        if not len(self.id):
            return np.empty(0, dtype=np.int64)
        places = np.unique(rng.integers(0, len(self.id), count))
        return places[self.is_alive[places]]


def no_ids() -> Bytes:
    """An empty column of identifiers."""
    return np.empty(0, dtype="S32")


def no_ints() -> Ints:
    """An empty column of numbers."""
    return np.empty(0, dtype=np.int64)


def _empty_known() -> Known:
    return Known(no_ids(), no_ints(), no_ints(), np.empty(0, dtype=bool))


def _empty_pending() -> Waiting:
    return Waiting(
        due=no_ints(), id=no_ids(), merchant=no_ints(), cents=no_ints(), currency=no_ints()
    )


@dataclass(slots=True)
class State:
    """What the traffic has to know about the rows that are stored already."""

    accounts: int  # the world's first ones, announced so far
    merchants: int
    missing_accounts: list[int] = field(default_factory=list)  # announced, but not stored
    missing_merchants: list[int] = field(default_factory=list)
    moved: dict[int, bytes] = field(default_factory=dict)  # account: country it lives in by now
    rates: dict[tuple[date, str], int] = field(default_factory=dict)  # millionths of EUR
    rates_until: date = date.min
    pending: Waiting = field(default_factory=_empty_pending)
    refunds: Waiting = field(default_factory=lambda: Waiting(due=no_ints(), id=no_ids()))
    disputes: Waiting = field(
        default_factory=lambda: Waiting(due=no_ints(), id=no_ids(), reviewed=no_ints())
    )
    known: Known = field(default_factory=_empty_known)


def load_state(
    connection: psycopg.Connection[TupleRow],
    world: World,
    initial: tuple[int, int],
    stored: int,
    now: int,
) -> State:
    """Read what a stream has to continue with.

    `initial` says how many accounts and merchants the history began with, `stored` about how many
    transactions there are, `now` is in µs since 1970.
    """
    rng = np.random.default_rng([world.seed, now])
    accounts, missing_accounts = _announced(
        connection, "select account_id from finance.accounts", world.accounts.id, initial[0]
    )
    merchants, missing_merchants = _announced(
        connection, "select merchant_id from finance.merchants", world.merchants.id, initial[1]
    )
    rates = {
        (day, currency): int(rate * SECOND)
        for day, currency, rate in connection.execute(
            "select rate_date, currency, rate_to_eur from finance.fx_rates"
        )
    }
    refunds = _open_ids(
        connection,
        "select refund_id, 0 from (select refund_id, status from finance.refunds"
        " order by refund_id desc limit %s) as newest where status = 'pending'",
    )
    disputes = _open_ids(
        connection,
        "select dispute_id, (status = 'under_review')::int from (select dispute_id, status"
        " from finance.disputes order by dispute_id desc limit %s) as newest"
        " where status in ('opened', 'under_review')",
    )
    return State(
        accounts=accounts,
        merchants=merchants,
        missing_accounts=missing_accounts,
        missing_merchants=missing_merchants,
        moved=_moved(connection, world),
        rates=rates,
        rates_until=max((day for day, _ in rates), default=date.min),
        pending=_pending(connection, world, rng, now),
        refunds=Waiting(due=_soon(rng, now, len(refunds[0])), id=refunds[0]),
        disputes=Waiting(
            due=_soon(rng, now, len(disputes[0])), id=disputes[0], reviewed=disputes[1]
        ),
        known=_sample(connection, world, stored),
    )


def _announced(
    connection: psycopg.Connection[TupleRow], query: LiteralString, ids: Bytes, initial: int
) -> tuple[int, list[int]]:
    """How many of the world's rows were announced, and which later ones of them are not stored."""
    stored = np.isin(ids, _hex([row[0] for row in connection.execute(query)]))
    announced = int(np.max(np.flatnonzero(stored), initial=initial - 1)) + 1
    missing = np.flatnonzero(~stored[initial:announced]) + initial
    return announced, missing.tolist()


def _moved(connection: psycopg.Connection[TupleRow], world: World) -> dict[int, bytes]:
    """The world's accounts that live elsewhere by now, with their country."""
    people = world.accounts
    rows = connection.execute("select account_id, country from finance.accounts").fetchall()
    index = {id: number for number, id in enumerate(people.id.tolist())}
    stored = {index.get(id.hex.encode()): country.encode() for id, country in rows}
    return {
        account: country
        for account, country in stored.items()
        if account is not None and people.country[account] != country
    }


def _pending(
    connection: psycopg.Connection[TupleRow], world: World, rng: np.random.Generator, now: int
) -> Waiting:
    rows = connection.execute(
        "select transaction_id, merchant_id, (amount * 100)::bigint, currency"
        " from (select * from finance.transactions order by transaction_id desc limit %s) as newest"
        " where status = 'pending'",
        [_NEWEST],
    ).fetchall()
    order = np.argsort(world.merchants.id)
    shop = _hex([row[1] for row in rows])
    place = np.searchsorted(world.merchants.id, shop, sorter=order) % len(order)
    merchant = order[place]
    ours = world.merchants.id[merchant] == shop
    return Waiting(
        due=_soon(rng, now, len(rows))[ours],
        id=_hex([row[0] for row in rows])[ours],
        merchant=merchant[ours],
        cents=np.array([row[2] for row in rows], dtype=np.int64)[ours],
        currency=_currency_index([row[3] for row in rows])[ours],
    )


def _open_ids(connection: psycopg.Connection[TupleRow], query: LiteralString) -> tuple[Bytes, Ints]:
    rows = connection.execute(query, [_NEWEST]).fetchall()
    return _hex([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=np.int64)


def _sample(connection: psycopg.Connection[TupleRow], world: World, stored: int) -> Known:
    """Successful payments of any age, from randomly chosen pages."""
    percent = min(100.0, 130.0 * KNOWN_CAPACITY / max(stored, 1))
    rows = connection.execute(
        "select transaction_id, (amount * 100)::bigint, currency"
        " from finance.transactions tablesample system (%s)"
        " where status = 'success' and currency = any(%s) limit %s",
        [percent, CURRENCIES.astype(str).tolist(), KNOWN_CAPACITY],
    ).fetchall()
    return Known(
        id=_hex([row[0] for row in rows]),
        cents=np.array([row[1] for row in rows], dtype=np.int64),
        currency=_currency_index([row[2] for row in rows]),
        is_alive=np.ones(len(rows), dtype=bool),
    )


def _hex(ids: list[Any]) -> Bytes:
    return text([id.hex for id in ids]).astype("S32")


def _currency_index(codes: list[str]) -> Ints:
    index = {code: number for number, code in enumerate(CURRENCIES.astype(str).tolist())}
    return np.array([index.get(code, 0) for code in codes], dtype=np.int64)


def _soon(rng: np.random.Generator, now: int, count: int) -> Ints:
    """Leftovers of an earlier run are dealt with within two minutes."""
    return now + rng.integers(0, 120 * SECOND, count)
