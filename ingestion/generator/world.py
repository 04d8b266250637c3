"""The made-up business: accounts, merchants, addresses and exchange rates, drawn from one seed.

Twice as many accounts and merchants exist here as a history starts with: the second half are those
that sign up while the stream runs. Being part of the seed, one that was announced by a payment but
not yet stored when the generator was killed comes back as the same row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ingestion.generator.rows import (
    Bytes,
    Ints,
    copy_text,
    id_text,
    random_ids,
    text,
    time_text,
)

Floats = NDArray[np.float64]

CURRENCIES = text(["EUR", "USD", "GBP"])
STATUSES = text(["success", "failed", "pending"])
SUCCESS, FAILED, PENDING = range(3)
DECLINE_CODES = text(
    [
        "insufficient_funds",
        "do_not_honor",
        "expired_card",
        "stolen_card",
        "suspected_fraud",
        "issuer_unavailable",
        "try_again_later",
    ]
)

_LOCALES = {
    "GB": "en_GB",
    "DE": "de_DE",
    "FR": "fr_FR",
    "ES": "es_ES",
    "PL": "pl_PL",
    "GR": "el_GR",
    "SE": "sv_SE",
    "JP": "ja_JP",
}
_POOL = 80  # names drawn per country; people are combinations of them

# category: typical ticket (major units), spread of its logarithm, share of declines
_CATEGORIES = {
    "groceries": (28.0, 0.7, 0.04),
    "restaurants": (34.0, 0.6, 0.05),
    "transport": (12.0, 0.8, 0.05),
    "subscriptions": (11.0, 0.3, 0.14),
    "fashion": (62.0, 0.8, 0.08),
    "electronics": (180.0, 1.1, 0.12),
    "travel": (320.0, 1.0, 0.12),
    "gaming": (18.0, 0.9, 0.17),
    "marketplace": (45.0, 1.0, 0.09),
    "health": (40.0, 0.6, 0.05),
}
_PROFILE_EVERY = 7  # one merchant in so many describes itself at length
# fmt: off
_PROFILE_WORDS = [
    "family", "founded", "quality", "service", "delivery", "returns", "sustainable",
    "handmade", "regional", "warranty", "trusted", "customers", "orders", "shipping",
    "boutique", "wholesale", "seasonal", "certified", "support", "café", "naïve",
    "exclusive",
]
# fmt: on
# One unit in EUR around which the rate wanders, and how far it may go (share of it).
_RATE_BASES = {"USD": 0.92, "GBP": 1.16}
RATE_BOUND = 0.12
_RATE_EPOCH = date(2020, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Accounts:
    """People who pay. Columns of equal length; the first ones are the most active."""

    id: Bytes
    user_name: Bytes
    email: Bytes
    country: Bytes


@dataclass(frozen=True, slots=True)
class Merchants:
    """Shops, and how each behaves: popularity, ticket, currency, declines."""

    id: Bytes
    name: Bytes
    category: Bytes
    country: Bytes
    risk_rating: Ints
    weight: Floats
    ticket_log_mean: Floats  # of cents
    ticket_log_spread: Floats
    home_currency: Ints  # index into CURRENCIES
    decline_share: Floats
    decline_mix: Floats  # cumulative share per decline code, shape (merchants, codes)


@dataclass(frozen=True, slots=True)
class Addresses:
    """IP addresses and where they are."""

    ip: Bytes
    country: Bytes
    city: Bytes
    is_proxy: Bytes


@dataclass(frozen=True, slots=True)
class World:
    """Everything the traffic refers to."""

    seed: int
    accounts: Accounts
    merchants: Merchants
    addresses: Addresses
    devices: Bytes  # two per account
    names: dict[str, tuple[list[str], list[str], list[str]]]  # country: first, last, cities


def build_world(seed: int, accounts: int, merchants: int, ips: int) -> World:
    """Draw a world; equal arguments give an equal world."""
    streams = np.random.default_rng(seed).spawn(4)
    names = _names(seed)
    return World(
        seed=seed,
        accounts=_accounts(streams[0], names, 2 * accounts),
        merchants=_merchants(streams[1], seed, names, 2 * merchants),
        addresses=_addresses(streams[2], names, ips),
        devices=np.strings.add(
            b"dev_", id_text(random_ids(streams[3], 4 * accounts)).astype("S12")
        ),
        names=names,
    )


def merchant_rows(world: World, index: Ints, moment: Ints) -> bytes:
    """COPY text of these merchants as of `moment` (µs since 1970); every seventh has a profile."""
    shops = world.merchants
    has_profile = index % _PROFILE_EVERY == 0
    rows = b""
    for chosen in (np.flatnonzero(~has_profile), np.flatnonzero(has_profile)):
        shop = index[chosen]
        columns = [shops.id, shops.name, shops.category, shops.country]
        columns.append(shops.risk_rating.astype("S1"))
        texts = [_profile(world, number) if has_profile[chosen[0]] else "\\N" for number in shop]
        rows += copy_text([*(c[shop] for c in columns), time_text(moment[chosen]), text(texts)])
    return rows


def _profile(world: World, merchant: int) -> str:
    """About 20 kB of what a shop says of itself; depends on the seed and the merchant only."""
    rng = np.random.default_rng([world.seed, 7, merchant])
    words = rng.choice(_PROFILE_WORDS, 2_800).tolist()
    return f"{world.merchants.name[merchant].decode()}: {' '.join(words)}."


def fx_rates(seed: int, first: date, last: date) -> dict[str, Ints]:
    """Millionths of EUR for one unit, per currency, one per day from `first` to `last`.

    A random walk reflected at RATE_BOUND around its base; EUR is 1. A day's rate depends on the
    seed and the day only.
    """
    days = last.toordinal() - _RATE_EPOCH + 1
    skipped = first.toordinal() - _RATE_EPOCH
    rates = {"EUR": np.full(days - skipped, 1_000_000, dtype=np.int64)}
    for number, (currency, base) in enumerate(_RATE_BASES.items()):
        steps = np.random.default_rng([seed, number]).normal(0.0, 0.004, days)
        period = 4 * RATE_BOUND
        offset = np.cumsum(steps) + RATE_BOUND
        reflected = np.abs(np.mod(offset, period) - 2 * RATE_BOUND) - RATE_BOUND
        rates[currency] = np.rint(base * (1 - reflected) * 1_000_000).astype(np.int64)[skipped:]
    return rates


def rate_text(rate: int) -> str:
    """A rate in millionths as an exact decimal with six places."""
    return f"{rate // 1_000_000}.{rate % 1_000_000:06d}"


def rate_bounds(currency: str) -> tuple[int, int]:
    """Lowest and highest rate a currency may have, in millionths of EUR."""
    base = _RATE_BASES.get(currency)
    if base is None:
        return 1_000_000, 1_000_000
    return (
        round(base * (1 - RATE_BOUND) * 1_000_000),
        round(base * (1 + RATE_BOUND) * 1_000_000),
    )


def _names(seed: int) -> dict[str, tuple[list[str], list[str], list[str]]]:
    from faker import Faker  # takes 0.4 s that `./finhouse gen` can do without

    names = {}
    for country, locale in _LOCALES.items():
        fake = Faker(locale)
        fake.seed_instance(seed)
        names[country] = (
            [fake.first_name() for _ in range(_POOL)],
            [fake.last_name() for _ in range(_POOL)],
            [fake.city() for _ in range(_POOL)],
        )
    return names


def _accounts(
    rng: np.random.Generator,
    names: dict[str, tuple[list[str], list[str], list[str]]],
    count: int,
) -> Accounts:
    countries = list(names)
    home = rng.integers(0, len(countries), count)
    first, last = rng.integers(0, _POOL, (2, count))
    people = [
        f"{names[countries[c]][0][f]} {names[countries[c]][1][s]}"
        for c, f, s in zip(home.tolist(), first.tolist(), last.tolist(), strict=True)
    ]
    return Accounts(
        id=id_text(random_ids(rng, count)),
        user_name=text(people),
        email=text([f"user{number}@example.com" for number in range(count)]),
        country=text(countries)[home],
    )


def _merchants(
    rng: np.random.Generator,
    seed: int,
    names: dict[str, tuple[list[str], list[str], list[str]]],
    count: int,
) -> Merchants:
    from faker import Faker

    countries = list(names)
    fakes = {country: Faker(_LOCALES[country]) for country in countries}
    for fake in fakes.values():
        fake.seed_instance(seed)
    home = rng.integers(0, len(countries), count)
    kind = rng.integers(0, len(_CATEGORIES), count)
    risk = rng.choice(np.arange(1, 6), count, p=[0.35, 0.3, 0.2, 0.1, 0.05])
    ticket, spread, declines = np.array(list(_CATEGORIES.values())).T
    # Which way cards are declined differs by merchant; a risky one sees more fraud.
    mix = rng.dirichlet([6.0, 4.0, 2.0, 0.6, 0.8, 1.0, 1.5], count)
    mix[:, 3:5] *= risk[:, None]
    return Merchants(
        id=id_text(random_ids(rng, count)),
        name=text([fakes[countries[c]].company() for c in home.tolist()]),
        category=text(list(_CATEGORIES))[kind],
        country=text(countries)[home],
        risk_rating=risk,
        weight=1.0 / rng.permuted(np.arange(3, count + 3)) ** 0.8,
        ticket_log_mean=np.log(ticket[kind] * 100) + rng.normal(0, 0.2, count),
        ticket_log_spread=spread[kind],
        home_currency=np.array([{"GB": 2, "JP": 1}.get(countries[c], 0) for c in home.tolist()]),
        decline_share=declines[kind] * rng.uniform(0.6, 1.1, count) + 0.008 * (risk - 1),
        decline_mix=np.cumsum(mix / mix.sum(axis=1, keepdims=True), axis=1),
    )


def _addresses(
    rng: np.random.Generator,
    names: dict[str, tuple[list[str], list[str], list[str]]],
    count: int,
) -> Addresses:
    countries = list(names)
    home = rng.integers(0, len(countries), count).tolist()
    city = rng.integers(0, _POOL, count).tolist()
    # Consecutive numbers, so distinct; one in 20 is IPv6.
    start = int(rng.integers(0, 2**16))
    return Addresses(
        ip=text(
            [
                f"2a02:{start:x}::{number:x}"
                if number % 20 == 0
                else f"{81 + number // 65536}.{start % 256}.{number // 256 % 256}.{number % 256}"
                for number in range(count)
            ]
        ),
        country=text([countries[c] for c in home]),
        city=text([names[countries[c]][2][k] for c, k in zip(home, city, strict=True)]),
        is_proxy=np.where(rng.random(count) < 0.06, b"t", b"f").astype(np.bytes_),
    )
