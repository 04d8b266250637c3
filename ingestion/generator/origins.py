"""Where payments come from: the address and the device of each.

An account pays from two addresses of its own country and on two devices. Who signs up late shares
the addresses with somebody; with few addresses (FINHOUSE_GENERATOR_IPS) many share one.
Two things lead it astray. On a journey of a day it pays from one address that may be anywhere; in a
private hour it pays through a proxy, on a device that is seen once. Whether it does depends on the
seed, the account and the time only, so nobody is in two places at once, however often they pay.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingestion.generator.rows import NULL, Bytes, Ints, text
from ingestion.generator.world import Floats, World

JOURNEYS = 0.05  # of an account's days
PRIVATE_HOURS = 0.0005  # of its hours
_SECOND_HOME = 0.25  # of its payments at home
_SECOND_DEVICE = 0.23
_UNKNOWN_ADDRESS = 0.03
_UNKNOWN_DEVICE = 0.02

_HOUR = 3_600_000_000  # µs
_DAY = 24 * _HOUR

Hashes = NDArray[np.uint64]


def homes(world: World, account: Ints, country: Bytes) -> Ints:
    """The two addresses these accounts pay from, shape (accounts, 2); any two where their country
    has none.

    A country's accounts take its addresses in turn, so that none has more users than it must.
    """
    by_country = np.argsort(world.addresses.country, kind="stable")
    countries = world.addresses.country[by_country]
    first = np.searchsorted(countries, country, side="left")
    count = np.searchsorted(countries, country, side="right") - first
    turn = np.where(count == 0, account, _turns(world.accounts.country)[account])
    first = np.where(count == 0, 0, first)
    count = np.where(count == 0, len(countries), count)
    chosen = [first + (2 * turn + place) % count for place in (0, 1)]
    places: Ints = by_country[np.stack(chosen, axis=1)]
    return places


def _turns(country: Bytes) -> Ints:
    """How many of those before each are of the same country."""
    order = np.argsort(country, kind="stable")
    turns = np.empty(len(country), dtype=np.int64)
    turns[order] = np.arange(len(country)) - np.searchsorted(country[order], country[order])
    return turns


def draw_origins(
    world: World, homes: Ints, account: Ints, occurred: Ints, chances: Floats
) -> tuple[Bytes, Bytes]:
    """(address, device) of payments of these accounts at these moments (µs since 1970).

    `homes` as of `homes()`, by account; `chances` of shape (2, payments).
    """
    place = homes[account, (chances[0] < _SECOND_HOME).astype(np.int64)]
    journey = _hashes(world.seed, 2, account, occurred // _DAY)
    anywhere = _below(np.int64(len(world.addresses.ip)), journey)
    place = np.where(_share(journey) < JOURNEYS, anywhere, place)
    device = world.devices[2 * account + (chances[1] < _SECOND_DEVICE)]
    hour = _hashes(world.seed, 3, account, occurred // _HOUR)
    private = np.flatnonzero(_share(hour) < PRIVATE_HOURS)
    if len(private):
        hidden = hidden_addresses(world)
        place[private] = hidden[_below(np.int64(len(hidden)), hour[private])]
        numbers = hour[private].tolist()
        device[private] = text([f"dev_{number % 2**48:012x}" for number in numbers])
    return (
        np.where(chances[0] > 1 - _UNKNOWN_ADDRESS, NULL, world.addresses.ip[place]),
        np.where(chances[1] > 1 - _UNKNOWN_DEVICE, NULL, device),
    )


def hidden_addresses(world: World) -> Ints:
    """Proxies and VPNs; all addresses if there are none."""
    hidden = np.flatnonzero(world.addresses.is_proxy == b"t")
    return hidden if len(hidden) else np.arange(len(world.addresses.ip))


def _hashes(seed: int, purpose: int, account: Ints, slot: Ints) -> Hashes:
    """Even numbers of 64 bits that depend on the arguments only (the finalizer of MurmurHash3)."""
    start = np.uint64((seed * 4 + purpose) % 2**32)
    mixed = account.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= slot.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F) + start
    mixed ^= mixed >> np.uint64(33)
    mixed *= np.uint64(0xFF51AFD7ED558CCD)
    mixed ^= mixed >> np.uint64(33)
    mixed *= np.uint64(0xC4CEB9FE1A85EC53)
    mixed ^= mixed >> np.uint64(33)
    return mixed


def _share(hashes: Hashes) -> Floats:
    """The high half as a number from 0 to 1."""
    return (hashes >> np.uint64(32)).astype(np.float64) / 2**32


def _below(limit: Ints | np.int64, hashes: Hashes) -> Ints:
    """The low half as a number below `limit`."""
    return (hashes & np.uint64(0xFFFFFFFF)).astype(np.int64) % limit
