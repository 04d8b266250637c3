"""Plans the stream's changes, one step of time after another, without touching a database.

`Traffic.tick` returns what to write; equal world, random numbers and clock give equal plans.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import LiteralString

import numpy as np

from ingestion.generator.fraud import REPORTED_SHARE, no_attempts, plan_fraud, plant
from ingestion.generator.history import (
    DISPUTE_REASONS,
    DISPUTE_SHARE,
    FRAUDULENT,
    REFUND_REASONS,
    REFUND_SHARE,
    refund_cents,
)
from ingestion.generator.origins import homes
from ingestion.generator.payments import Payments, decline_codes, draw_payments
from ingestion.generator.retries import no_retries, plan_retries, plant_retries
from ingestion.generator.rows import (
    NULL,
    Bytes,
    Ints,
    array_text,
    copy_text,
    id_text,
    money_text,
    text,
    time_ordered_ids,
    time_text,
)
from ingestion.generator.state import KNOWN_CAPACITY, State, Waiting, no_ids, no_ints
from ingestion.generator.world import (
    CURRENCIES,
    PENDING,
    STATUSES,
    SUCCESS,
    World,
    fx_rates,
    merchant_rows,
    rate_bounds,
    rate_text,
)

SECOND = 1_000_000  # µs
FX_CORRECTABLE_DAYS = 30

# Events per second that do not depend on the rate of payments.
_NEW_ACCOUNTS = 1.0
_ACCOUNT_CHANGES = 2.0
_ADDRESS_CHANGES = 0.2
# Rare, or after a few hours nobody would live where they pay, nor a proxy be one.
_MOVES = 1 / 400  # of the changes of accounts
_PROXY_CHANGES = 1 / 50  # of the changes of addresses
_MERCHANT_CHANGES = 0.1
_NEW_MERCHANTS = 1 / 120
_RATE_CORRECTIONS = 1 / 20

_LATE_RATE = 30 * SECOND  # a new day's foreign rates arrive this long after the day began
_LATE_MERCHANT = 20 * SECOND  # a new merchant's row follows its first payments
_LATE_ACCOUNT = 3 * SECOND
_RETRIED = (5 * SECOND, 300 * SECOND)  # a retry follows after so long, from and to


@dataclass(frozen=True, slots=True)
class Copy:
    """New rows for a table (`schema.table`), as COPY text."""

    table: LiteralString
    rows: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A change of stored rows."""

    kind: str
    sql: LiteralString
    params: tuple[object, ...]


Step = Copy | Statement


@dataclass(frozen=True, slots=True)
class Mix:
    """Changes of payments per new payment: updates (settling, corrections) and deletes."""

    updates: float
    deletes: float


class Traffic:
    """The business going on. Times are µs since 1970, UTC."""

    def __init__(self, world: World, state: State, seed: int, now: int) -> None:
        self.world = world
        self.state = state
        self.rng = np.random.default_rng([seed, now])
        self._last = now
        self._late: list[tuple[int, str, int]] = [
            *((now, "accounts", index) for index in state.missing_accounts),
            *((now, "merchants", index) for index in state.missing_merchants),
        ]
        self._late_rates: list[tuple[int, date, str]] = []
        # Who was about to try again forgets it when the process ends.
        self._retries = Waiting(**no_retries())
        # Plans and reports of fraud end with it, too: a ring that was caught, so to speak.
        self._fraud = Waiting(**no_attempts())
        self._reported = Waiting(due=no_ints(), id=no_ids(), cents=no_ints(), currency=no_ints())
        self._countries = world.accounts.country.copy()
        moved = np.array(list(state.moved), dtype=np.int64)
        self._countries[moved] = list(state.moved.values())
        everyone = np.arange(len(self._countries))
        self.homes = homes(world, everyone, self._countries)

    def reseed(self, seed: int, now: int) -> None:
        """Go on with other random numbers."""
        self.rng = np.random.default_rng([seed, now])

    def tick(self, now: int, count: int, room: int, mix: Mix) -> list[Step]:
        """Everything that happened since the last tick, in the order to write it.

        `count` payments are due, of which at most `room` may be new rows; without room nothing
        grows, but what is stored goes on changing.
        """
        now = max(now, self._last)  # a clock that is set back must not make time run backwards
        seconds = min((now - self._last) / SECOND, 1.0)
        steps: list[Step] = []
        new = min(count, room)
        fresh = self._new_payments(steps, now, new, mix) if new else no_ids()
        settled = self._settle(steps, now)
        if new == count:
            self._new_refunds(steps, now, count)
            self._new_disputes(steps, now, count)
        self._advance_refunds(steps, now)
        self._advance_disputes(steps, now)
        self._correct(steps, now, self._some(count * mix.updates * 0.2), settled)
        self._delete(steps, self._some(count * mix.deletes), fresh)
        self._people(steps, now, seconds)
        self._shops(steps, now, seconds)
        self._addresses(steps, now, seconds)
        self._rates(steps, now, seconds)
        self._last = now
        return steps

    def _some(self, expected: float) -> int:
        return int(self.rng.poisson(expected))

    def _due(self, now: int, shortest: float, longest: float, count: int) -> Ints:
        wait = self.rng.uniform(shortest * SECOND, longest * SECOND, count)
        return now + wait.astype(np.int64)

    def _new_payments(self, steps: list[Step], now: int, count: int, mix: Mix) -> Bytes:
        """Insert payments; returns the ids of those that are final from the start."""
        state, rng = self.state, self.rng
        begin = max(self._last, now - SECOND)
        created = np.linspace(begin, now, count, endpoint=False).astype(np.int64)
        # A few terminals were offline and report hours late.
        offline = rng.random(count) < 0.005
        late_by = np.where(offline, rng.integers(0, 2 * 3600 * SECOND, count), 0)
        payments = draw_payments(
            rng,
            self.world,
            self.homes,
            created=created,
            occurred=created - late_by,
            known_accounts=state.accounts,
            known_merchants=state.merchants,
            pending_share=mix.updates * 0.8,
        )
        self._plant_retries(payments, created, now)
        labels, fraud = self._plant_fraud(payments, begin, now)
        ordinary = np.delete(np.arange(count), fraud)
        self._retries.add(**plan_retries(rng, payments, ordinary, *_RETRIED)[0])
        rows = payments.copy_rows(self.world, np.full(count, now))
        steps.append(Copy("finance.transactions", rows, count))
        if len(fraud):
            steps.append(Copy("finance_meta.fraud_labels", labels, len(fraud)))
        open_ = payments.status == PENDING
        # One in twenty is decided before its own insert commits: two changes, one transaction.
        due = self._due(now, 0.2, 8.0, int(open_.sum()))
        due[rng.random(len(due)) < 0.05] = now
        state.pending.add(
            due=due,
            id=payments.id[open_],
            merchant=payments.merchant[open_],
            cents=payments.cents[open_],
            currency=payments.currency[open_],
        )
        paid = np.flatnonzero(payments.status == SUCCESS)
        if len(state.known.id) >= KNOWN_CAPACITY:
            paid = paid[rng.random(len(paid)) < 0.05]
        state.known.put(rng, payments.id[paid], payments.cents[paid], payments.currency[paid])
        final: Bytes = payments.id[~open_]
        return final

    def _plant_retries(self, payments: Payments, created: Ints, now: int) -> None:
        """Turn some payments into the retries that are due; who tries again is not offline."""
        count = len(payments.id)
        retries = {name: column[:count] for name, column in self._retries.take(now).items()}
        place = self.rng.choice(count, len(retries["due"]), replace=False)
        payments.occurred[place] = created[place]
        plant_retries(self.rng, self.world, payments, place, retries)

    def _plant_fraud(self, payments: Payments, begin: int, now: int) -> tuple[bytes, Ints]:
        """Turn some payments into the attempts that are due; the rows of their labels, and where
        they are."""
        state, rng, count = self.state, self.rng, len(payments.id)
        self._fraud.add(
            **plan_fraud(
                rng, self.world, self.homes, begin, now, count, state.accounts, state.merchants
            )
        )
        attempts = {name: column[:count] for name, column in self._fraud.take(now).items()}
        place = rng.choice(count, len(attempts["due"]), replace=False)
        labels = plant(rng, self.world, payments, place, attempts)
        paid = place[payments.status[place] == SUCCESS]
        paid = paid[rng.random(len(paid)) < REPORTED_SHARE]
        self._reported.add(
            due=self._due(now, 20.0, 120.0, len(paid)),
            id=payments.id[paid],
            cents=payments.cents[paid],
            currency=payments.currency[paid],
        )
        return labels, place

    def _settle(self, steps: list[Step], now: int) -> Ints:
        """Decide pending payments; returns where the successful ones are known now."""
        due = self.state.pending.take(now)
        count = len(due["id"])
        if not count:
            return no_ints()
        fails = self.rng.random(count) < self.world.merchants.decline_share[due["merchant"]]
        codes = np.where(fails, decline_codes(self.rng, self.world, due["merchant"]), NULL)
        statuses = STATUSES[fails.astype(np.int64)]  # SUCCESS 0, FAILED 1
        steps.append(
            Statement(
                "settle",
                "update finance.transactions as t set status = u.status,"
                " decline_code = u.decline_code, updated_at = %s"
                " from unnest(%s::uuid[], %s::text[], %s::text[])"
                " as u (transaction_id, status, decline_code)"
                " where t.transaction_id = u.transaction_id and t.status = 'pending'",
                (_moment(now), array_text(due["id"]), array_text(statuses), array_text(codes)),
            )
        )
        kept = np.flatnonzero(~fails & (self.rng.random(count) < 0.1))
        return self.state.known.put(
            self.rng, due["id"][kept], due["cents"][kept], due["currency"][kept]
        )

    def _new_refunds(self, steps: list[Step], now: int, count: int) -> None:
        known, rng = self.state.known, self.rng
        place = known.pick(rng, self._some(count * REFUND_SHARE))
        if not len(place):
            return
        ids = id_text(time_ordered_ids(rng, np.full(len(place), now)))
        moment = time_text(np.full(len(place), now))
        rows = copy_text(
            [
                ids,
                known.id[place],
                money_text(refund_cents(rng, known.cents[place])),
                CURRENCIES[known.currency[place]],
                text(["pending"] * len(place)),
                rng.choice(REFUND_REASONS, len(place)),
                moment,
                moment,
            ]
        )
        steps.append(Copy("finance.refunds", rows, len(place)))
        self.state.refunds.add(due=self._due(now, 2.0, 20.0, len(place)), id=ids)

    def _advance_refunds(self, steps: list[Step], now: int) -> None:
        due = self.state.refunds.take(now)
        if not len(due["id"]):
            return
        fails = self.rng.random(len(due["id"])) < 0.05
        steps.append(
            Statement(
                "refund",
                "update finance.refunds as t set status = u.status, updated_at = %s"
                " from unnest(%s::uuid[], %s::text[]) as u (refund_id, status)"
                " where t.refund_id = u.refund_id",
                (
                    _moment(now),
                    array_text(due["id"]),
                    array_text(np.where(fails, b"failed", b"succeeded")),
                ),
            )
        )

    def _new_disputes(self, steps: list[Step], now: int, count: int) -> None:
        """Disputes of any payment, and those of payments a ring made."""
        known, rng = self.state.known, self.rng
        place = known.pick(rng, self._some(count * DISPUTE_SHARE))
        reported = self._reported.take(now)
        payments = np.concatenate([known.id[place], reported["id"]])
        cents = np.concatenate([known.cents[place], reported["cents"]])
        currency = np.concatenate([known.currency[place], reported["currency"]])
        reasons = rng.choice(DISPUTE_REASONS, len(payments))
        reasons[len(place) :] = FRAUDULENT
        opened = len(payments)
        if not opened:
            return
        ids = id_text(time_ordered_ids(rng, np.full(opened, now)))
        moment = time_text(np.full(opened, now))
        rows = copy_text(
            [
                ids,
                payments,
                money_text(cents),
                CURRENCIES[currency],
                text(["opened"] * opened),
                reasons,
                moment,
                np.full(opened, NULL),
                moment,
            ]
        )
        steps.append(Copy("finance.disputes", rows, opened))
        self.state.disputes.add(
            due=self._due(now, 5.0, 20.0, opened),
            id=ids,
            reviewed=np.zeros(opened, dtype=np.int64),
        )

    def _advance_disputes(self, steps: list[Step], now: int) -> None:
        due = self.state.disputes.take(now)
        count = len(due["id"])
        if not count:
            return
        ends = due["reviewed"] == 1
        verdict = np.where(self.rng.random(count) < 0.45, b"won", b"lost")
        steps.append(
            Statement(
                "dispute",
                "update finance.disputes as t set status = u.status, updated_at = %s,"
                " closed_at = case when u.status in ('won', 'lost') then %s::timestamptz end"
                " from unnest(%s::uuid[], %s::text[]) as u (dispute_id, status)"
                " where t.dispute_id = u.dispute_id",
                (
                    _moment(now),
                    _moment(now),
                    array_text(due["id"]),
                    array_text(np.where(ends, verdict, b"under_review")),
                ),
            )
        )
        self.state.disputes.add(
            due=self._due(now, 10.0, 60.0, int((~ends).sum())),
            id=due["id"][~ends],
            reviewed=np.ones(int((~ends).sum()), dtype=np.int64),
        )

    def _correct(self, steps: list[Step], now: int, count: int, settled: Ints) -> None:
        """Change amounts by up to a tenth; half of them just settled in this transaction."""
        if not count:
            return
        known, rng = self.state.known, self.rng
        place = np.union1d(known.pick(rng, count), settled[: count // 2])
        place = rng.permutation(place[known.is_alive[place]])[:count]
        if not len(place):
            return
        changed = known.cents[place] * rng.uniform(0.9, 1.1, len(place))
        known.cents[place] = np.maximum(changed.astype(np.int64), 1)
        steps.append(
            Statement(
                "correct",
                "update finance.transactions as t set amount = u.amount, updated_at = %s"
                " from unnest(%s::uuid[], %s::numeric[]) as u (transaction_id, amount)"
                " where t.transaction_id = u.transaction_id",
                (
                    _moment(now),
                    array_text(known.id[place]),
                    array_text(money_text(known.cents[place])),
                ),
            )
        )

    def _delete(self, steps: list[Step], count: int, fresh: Bytes) -> None:
        """Delete payments; one in ten was inserted in this very transaction."""
        if not count:
            return
        known = self.state.known
        own = min(self._some(count / 10), count, len(fresh))
        place = known.pick(self.rng, count - own)
        known.is_alive[place] = False
        ids = np.concatenate([known.id[place], fresh[:own]])
        if own:
            known.is_alive &= ~np.isin(known.id, fresh[:own])
        if len(ids):
            steps.append(
                Statement(
                    "delete",
                    "delete from finance.transactions where transaction_id = any(%s::uuid[])",
                    (array_text(ids),),
                )
            )

    def _people(self, steps: list[Step], now: int, seconds: float) -> None:
        """New accounts, one in ten stored after its first payments, and changed ones."""
        state, rng, people = self.state, self.rng, self.world.accounts
        for _ in range(min(self._some(_NEW_ACCOUNTS * seconds), len(people.id) - state.accounts)):
            late = _LATE_ACCOUNT if rng.random() < 0.1 else 0
            self._late.append((now + late, "accounts", state.accounts))
            state.accounts += 1
        index = self._arrived(now, "accounts")
        if len(index):
            moment = time_text(np.full(len(index), now))
            columns = [people.id, people.user_name, people.email, people.country]
            rows = copy_text([*(column[index] for column in columns), moment, moment])
            steps.append(Copy("finance.accounts", rows, len(index)))
        for _ in range(self._some(_ACCOUNT_CHANGES * seconds)):
            account = int(rng.integers(0, state.accounts))
            if rng.random() < _MOVES:
                self._move(account, str(rng.choice(list(self.world.names))))
            country = self._countries[account].decode()
            first = people.user_name[account].decode().split(" ", 1)[0]
            surname = str(rng.choice(self.world.names[country][1]))
            steps.append(
                Statement(
                    "account",
                    "update finance.accounts set user_name = %s, email = %s, country = %s,"
                    " updated_at = %s where account_id = %s::uuid",
                    (
                        f"{first} {surname}",
                        f"user{account}.{rng.integers(1, 10_000)}@example.com",
                        country,
                        _moment(now),
                        people.id[account].decode(),
                    ),
                )
            )

    def _move(self, account: int, country: str) -> None:
        """Let an account live and pay in another country from now on."""
        self._countries[account] = country.encode()
        index = np.array([account])
        self.homes[index] = homes(self.world, index, self._countries[index])

    def _shops(self, steps: list[Step], now: int, seconds: float) -> None:
        """New merchants, stored after their first payments, and changed ones."""
        state, rng, shops = self.state, self.rng, self.world.merchants
        if self._some(_NEW_MERCHANTS * seconds) and state.merchants < len(shops.id):
            self._late.append((now + _LATE_MERCHANT, "merchants", state.merchants))
            state.merchants += 1
        index = self._arrived(now, "merchants")
        if len(index):
            rows = merchant_rows(self.world, index, np.full(len(index), now))
            steps.append(Copy("finance.merchants", rows, len(index)))
        if self._some(_MERCHANT_CHANGES * seconds):
            merchant = int(rng.integers(0, state.merchants))
            name = shops.name[merchant].decode()
            if rng.random() < 0.3:
                name += " " + str(rng.choice(["Online", "Express", "Plus"]))
            steps.append(
                Statement(
                    "merchant",
                    "update finance.merchants set merchant_name = %s, risk_rating = %s,"
                    " updated_at = %s where merchant_id = %s::uuid",
                    (
                        name,
                        int(rng.integers(1, 6)),
                        _moment(now),
                        shops.id[merchant].decode(),
                    ),
                )
            )

    def _addresses(self, steps: list[Step], now: int, seconds: float) -> None:
        """Addresses that are given to another city; some begin or cease to be a proxy."""
        addresses, rng = self.world.addresses, self.rng
        for _ in range(self._some(_ADDRESS_CHANGES * seconds)):
            address = int(rng.integers(0, len(addresses.ip)))
            cities = self.world.names[addresses.country[address].decode()][2]
            steps.append(
                Statement(
                    "address",
                    "update finance.ip_geo set city = %s, is_proxy_or_vpn = is_proxy_or_vpn != %s,"
                    " updated_at = %s where ip = %s::inet",
                    (
                        str(rng.choice(cities)),
                        bool(rng.random() < _PROXY_CHANGES),
                        _moment(now),
                        addresses.ip[address].decode(),
                    ),
                )
            )

    def _rates(self, steps: list[Step], now: int, seconds: float) -> None:
        """Rates of new days, the foreign ones late, and corrections of stored ones."""
        state, rng = self.state, self.rng
        today = datetime.fromtimestamp(now / SECOND, UTC).date()
        while state.rates_until < today:
            state.rates_until += timedelta(days=1)
            for currency in CURRENCIES.astype(str).tolist():
                late = 0 if currency == "EUR" else _LATE_RATE
                self._late_rates.append((now + late, state.rates_until, currency))
        arrived = [entry for entry in self._late_rates if entry[0] <= now]
        self._late_rates = [entry for entry in self._late_rates if entry[0] > now]
        for _, day, currency in arrived:
            rate = int(fx_rates(self.world.seed, day, day)[currency][0])
            self._store_rate(steps, now, day, currency, rate)
        if self._some(_RATE_CORRECTIONS * seconds):
            day = today - timedelta(days=int(rng.integers(0, FX_CORRECTABLE_DAYS)))
            currency = str(rng.choice(["USD", "GBP"]))
            if old := state.rates.get((day, currency)):
                lowest, highest = rate_bounds(currency)
                rate = round(old * (1 + rng.normal(0, 0.003)))
                self._store_rate(steps, now, day, currency, min(max(rate, lowest), highest))

    def _store_rate(self, steps: list[Step], now: int, day: date, currency: str, rate: int) -> None:
        self.state.rates[day, currency] = rate
        steps.append(
            Statement(
                "rate",
                "insert into finance.fx_rates (rate_date, currency, rate_to_eur, updated_at)"
                " values (%s, %s, %s::numeric, %s) on conflict (rate_date, currency) do update"
                " set rate_to_eur = excluded.rate_to_eur, updated_at = excluded.updated_at",
                (day, currency, rate_text(rate), _moment(now)),
            )
        )

    def _arrived(self, now: int, table: str) -> Ints:
        """Take the rows of a table that were announced and are to be stored by now."""
        index = [row for due, name, row in self._late if name == table and due <= now]
        if index:
            self._late = [entry for entry in self._late if entry[1] != table or entry[0] > now]
        return np.array(index, dtype=np.int64)


def _moment(now: int) -> datetime:
    return datetime.fromtimestamp(now // SECOND, UTC) + timedelta(microseconds=now % SECOND)
