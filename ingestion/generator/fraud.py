"""Plants fraud: episodes of a few attempts within minutes, each by one ring with one pattern.

- card_testing: one device and address tries the cards of many accounts with small amounts; most
  are declined.
- account_takeover: a stranger's device and address buys dear goods from one account; one in three
  is at the owner's own computer, from afar, and looks like its owner.
- collusion: a few accounts on one device pay round amounts to one merchant.

A ring takes the place of ordinary payments and keeps their currency and state, so nothing but its
behaviour gives it away. The truth goes to finance_meta.fraud_labels, which the warehouse can't see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingestion.generator.origins import hidden_addresses
from ingestion.generator.payments import Payments, replace_payments
from ingestion.generator.rows import (
    Bytes,
    Ints,
    copy_text,
    id_text,
    random_ids,
    text,
    time_text,
)
from ingestion.generator.world import Floats, World

FRAUD_SHARE = 0.004  # of all payments
REMOTE_SHARE = 1 / 3  # of the takeovers: from afar, at the computer of the account's owner
REPORTED_SHARE = 0.6  # of the successful ones: the card's owner disputes them

_SECOND = 1_000_000  # µs


@dataclass(frozen=True, slots=True)
class _Pattern:
    name: str
    share: float  # of the episodes
    attempts: tuple[int, int]  # from, to (exclusive)
    accounts: int  # at most so many take part
    merchants: int
    pause: float  # mean seconds between two attempts
    cents: tuple[int, int, int]  # from, to, in steps of
    declines: float


_PATTERNS = (
    _Pattern("card_testing", 0.5, (8, 21), 20, 1, 20.0, (50, 900, 1), 0.7),
    _Pattern("account_takeover", 0.3, (3, 9), 1, 8, 40.0, (20_000, 150_000, 1), 0.35),
    _Pattern("collusion", 0.2, (5, 11), 4, 1, 60.0, (5_000, 60_000, 5_000), 0.05),
)
PATTERNS = text([pattern.name for pattern in _PATTERNS])
_MEAN_ATTEMPTS = sum(
    pattern.share * (pattern.attempts[0] + pattern.attempts[1] - 1) / 2 for pattern in _PATTERNS
)

Attempts = dict[str, NDArray[Any]]
"""Columns of equal length: due (µs since 1970), account, merchant, cents, declines (chance), ip,
device, pattern (index into PATTERNS)."""


def plan_fraud(
    rng: np.random.Generator,
    world: World,
    homes: Ints,
    begin: int,
    end: int,
    payments: int,
    known_accounts: int,
    known_merchants: int,
) -> Attempts:
    """Attempts of the rings that start between `begin` and `end`, while `payments` are made.

    `homes` are the addresses of each account, as in origins.homes().
    """
    starts = rng.integers(
        begin, max(end, begin + 1), rng.poisson(payments * FRAUD_SHARE / _MEAN_ATTEMPTS)
    )
    episodes = [
        _episode(rng, world, homes, int(start), known_accounts, known_merchants) for start in starts
    ]
    episodes.append(no_attempts())
    return {name: np.concatenate([episode[name] for episode in episodes]) for name in episodes[0]}


def no_attempts() -> Attempts:
    """No rows, all columns."""
    ints = np.empty(0, dtype=np.int64)
    return {
        "due": ints,
        "account": ints,
        "merchant": ints,
        "cents": ints,
        "declines": np.empty(0, dtype=np.float64),
        "ip": np.empty(0, dtype="S1"),
        "device": np.empty(0, dtype="S1"),
        "pattern": ints,
    }


def plant(
    rng: np.random.Generator, world: World, payments: Payments, place: Ints, attempts: Attempts
) -> bytes:
    """Turn the payments at `place` into these attempts; returns the rows of fraud_labels."""
    columns = {name: attempts[name] for name in ("account", "merchant", "cents", "ip", "device")}
    replace_payments(rng, world, payments, place, columns, attempts["declines"])
    return copy_text(
        [payments.id[place], PATTERNS[attempts["pattern"]], time_text(payments.occurred[place])]
    )


def _episode(
    rng: np.random.Generator,
    world: World,
    homes: Ints,
    start: int,
    known_accounts: int,
    known_merchants: int,
) -> Attempts:
    number = int(rng.choice(len(_PATTERNS), p=[pattern.share for pattern in _PATTERNS]))
    pattern = _PATTERNS[number]
    count = int(rng.integers(*pattern.attempts))
    pauses: Floats = rng.exponential(pattern.pause * _SECOND, count)
    lowest, highest, step = pattern.cents
    victims = rng.integers(0, known_accounts, pattern.accounts)
    device = np.strings.add(b"dev_", id_text(random_ids(rng, 1)).astype("S12"))
    address = _address(rng, world)
    if pattern.name == "account_takeover" and rng.random() < REMOTE_SHARE:
        device, address = world.devices[2 * victims], world.addresses.ip[homes[victims, 0]]
    return {
        "due": start + np.cumsum(pauses).astype(np.int64),
        "account": rng.choice(victims, count),
        "merchant": rng.choice(rng.integers(0, known_merchants, pattern.merchants), count),
        "cents": rng.integers(lowest // step, highest // step, count) * step,
        "declines": np.full(count, pattern.declines),
        "ip": np.repeat(address, count),
        "device": np.repeat(device, count),
        "pattern": np.full(count, number),
    }


def _address(rng: np.random.Generator, world: World) -> Bytes:
    """Mostly a proxy or VPN, else any address."""
    is_hidden = rng.random() > 0.3
    places = hidden_addresses(world) if is_hidden else np.arange(len(world.addresses.ip))
    address: Bytes = world.addresses.ip[rng.choice(places, 1)]
    return address
