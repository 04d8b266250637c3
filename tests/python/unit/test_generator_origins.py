"""Where payments come from: mostly home, and nobody is in two places at once."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from ingestion.generator.fraud import PATTERNS, Attempts, plan_fraud
from ingestion.generator.origins import draw_origins, hidden_addresses, homes
from ingestion.generator.rows import NULL, Bytes, Ints
from ingestion.generator.state import SECOND, State
from ingestion.generator.traffic import Mix, Statement, Traffic
from ingestion.generator.world import World, build_world

DAY = 24 * 3600 * SECOND
MONDAY = int(datetime(2026, 5, 11, tzinfo=UTC).timestamp() * SECOND)
ACCOUNTS = 4_000


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(seed=42, accounts=ACCOUNTS, merchants=12, ips=1_000)


def places(world: World) -> Ints:
    everyone = np.arange(len(world.accounts.id))
    return homes(world, everyone, world.accounts.country)


def drawn(world: World, days: int = 5, each: int = 20) -> tuple[Ints, Ints, Bytes, Bytes]:
    """(account, moment, address, device): every account pays `each` times a day."""
    rng = np.random.default_rng(1)
    account = np.repeat(np.arange(ACCOUNTS), days * each)
    day = np.tile(np.repeat(np.arange(days), each), ACCOUNTS)
    moments = MONDAY + day * DAY + rng.integers(0, DAY, len(day))
    chances = rng.random((2, len(day)))
    return account, moments, *draw_origins(world, places(world), account, moments, chances)


def countries_of(world: World, ips: Bytes) -> Bytes:
    order = np.argsort(world.addresses.ip)
    found: Bytes = world.addresses.country[order[np.searchsorted(world.addresses.ip[order], ips)]]
    return found


def test_home_is_two_addresses_of_the_accounts_own_country(world: World) -> None:
    found = places(world)
    assert found.shape == (2 * ACCOUNTS, 2)
    for place in (0, 1):
        assert (world.addresses.country[found[:, place]] == world.accounts.country).all()
    # 16 have to share each of these few addresses on average; none has many more.
    users = np.bincount(found.ravel(), minlength=1_000)
    assert users.min() >= 10 and users.max() <= 24


def test_no_address_is_home_to_three_where_there_are_enough() -> None:
    """Five attempts of three accounts from one address are an attack, and must not be a family."""
    world = build_world(seed=42, accounts=ACCOUNTS, merchants=12, ips=10_000)
    found = places(world)
    assert np.bincount(found[:ACCOUNTS].ravel()).max() == 1
    assert np.bincount(found.ravel()).max() <= 2


def test_a_country_without_addresses_pays_from_any(world: World) -> None:
    account = np.arange(50)
    found = homes(world, account, np.full(50, b"XX"))
    assert (found >= 0).all() and len(np.unique(found)) > 50


def test_a_few_payments_come_from_abroad(world: World) -> None:
    account, _, ips, devices = drawn(world)
    known = ips != NULL
    assert 0.02 < 1 - known.mean() < 0.04
    assert 0.015 < (devices == NULL).mean() < 0.025
    abroad = countries_of(world, ips[known]) != world.accounts.country[account[known]]
    assert 0.03 < abroad.mean() < 0.06


def test_who_is_abroad_stays_there_for_the_day(world: World) -> None:
    account, moments, ips, _ = drawn(world)
    known = ips != NULL
    days = (account * 10 + (moments - MONDAY) // DAY)[known]
    seen = np.unique(np.stack([days, countries_of(world, ips[known]).view(np.uint16)]), axis=1)
    several = np.unique(seen[0], return_counts=True)[1] > 1
    # What is left are private hours, of which an account has one in three months.
    assert 0 < several.mean() < 0.015


def test_a_private_hour_is_a_proxy_and_a_device_seen_once(world: World) -> None:
    account, moments, ips, devices = drawn(world)
    usual = np.isin(devices, world.devices) | (devices == NULL)
    strange = np.flatnonzero(~usual)
    assert 0.0002 < len(strange) / len(devices) < 0.001
    hours = np.stack([account, moments // (3600 * SECOND)])[:, strange]
    assert len(np.unique(devices[strange])) == len(np.unique(hours, axis=1).T)
    proxies = set(world.addresses.ip[hidden_addresses(world)].tolist())
    assert set(ips[strange].tolist()) <= proxies | {NULL}


def test_fraud_comes_mostly_through_proxies(world: World) -> None:
    attempts = planned(world)
    proxies = world.addresses.ip[hidden_addresses(world)]
    assert np.isin(attempts["ip"], proxies).mean() > 0.6
    strangers = countries_of(world, attempts["ip"]) != world.accounts.country[attempts["account"]]
    assert strangers.mean() > 0.75


def test_a_third_of_the_takeovers_looks_like_the_owner(world: World) -> None:
    attempts = planned(world)
    own = attempts["device"] == world.devices[2 * attempts["account"]]
    at_home = attempts["ip"] == world.addresses.ip[places(world)[attempts["account"], 0]]
    taken_over = attempts["pattern"] == PATTERNS.tolist().index(b"account_takeover")
    assert (own <= taken_over).all() and (own <= at_home).all()
    assert 0.25 < own[taken_over].mean() < 0.42


def planned(world: World) -> Attempts:
    """The rings of a day with a million payments."""
    rng = np.random.default_rng(2)
    return plan_fraud(rng, world, places(world), MONDAY, MONDAY + DAY, 1_000_000, ACCOUNTS, 12)


def test_few_accounts_move_and_then_pay_from_there(world: World) -> None:
    moved = {7: b"JP", 8: b"GR"}
    state = State(accounts=ACCOUNTS, merchants=12, moved=moved, rates_until=date.max)
    traffic = Traffic(world, state, 42, MONDAY)
    current = dict(enumerate(world.accounts.country.tolist())) | moved
    account_of = {id.decode(): number for number, id in enumerate(world.accounts.id.tolist())}
    changes = moves = 0
    for second in range(1, 2_000):
        for step in traffic.tick(MONDAY + second * SECOND, 1, 1, Mix(updates=0, deletes=0)):
            if isinstance(step, Statement) and step.kind == "account":
                account, country = account_of[str(step.params[4])], str(step.params[2]).encode()
                changes += 1
                moves += current[account] != country
                current[account] = country
    assert changes > 3_000 and 1 <= moves < 30
    movers = [7, 8, *(one for one in current if world.accounts.country[one] != current[one])]
    for place in (0, 1):
        found = world.addresses.country[traffic.homes[movers, place]]
        assert found.tolist() == [current[one] for one in movers]
