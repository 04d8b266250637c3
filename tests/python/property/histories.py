"""Random histories of a payments business: what may happen to rows, in any order.

A history has days, merchants, accounts, payments and a currency of its own; the rates of the larger
currencies and the last days before now it shares with others. Equal seeds and numbers of histories
give equal changes.

Every third is crowded: many payments within half an hour, small and large ones, by a few accounts
at few addresses (card testing, travel) or by a single account, whose other payments lie in the
month before (outliers); half of them lie in the last 24 hours.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from tests.python.property.source import FULL_BEFORE, KEYS, Key, Row, Source, key_of

# The days of all histories together end today: some lie in the trailing windows of the marts.
DAYS = 3
WINDOWS = 300
SHARED_CURRENCIES = ("USD", "GBP", "CHF")
DECLINE_CODES = ("do_not_honor", "insufficient_funds", "expired_card", "suspected_fraud", "", None)
COUNTRIES = ("DE", "FR", "US", "NG")
EDGES = (time(0), time(23, 59, 59, 999_999), time(12, 0, 59, 999_999), time(12, 1))
REASONS = {"refunds": ("damaged", "duplicate"), "disputes": ("fraudulent", "not_received")}
STATUSES = {
    "transactions": ("success", "failed", "pending"),
    "refunds": ("pending", "succeeded", "failed"),
    "disputes": ("opened", "under_review", "won", "lost"),
}


def currency_of(number: int) -> str:
    """The currency that only this history uses: three small letters."""
    letters = [chr(ord("a") + number // 26**place % 26) for place in (2, 1, 0)]
    return "".join(letters)


class History:
    """One random history. Each `step` is one transaction of one to three changes."""

    def __init__(self, source: Source, seed: int, number: int) -> None:
        self.number = number
        self._source = source
        self._rng = rng = Random(f"{seed}/{number}")
        first = source.now.date() - timedelta(days=DAYS * (number % WINDOWS + 1) - 1)
        self._days = [first + timedelta(days=day) for day in range(DAYS)]
        shared = rng.choice(SHARED_CURRENCIES)
        self._is_crowded = number % 3 == 0
        euros = ("EUR",) * (6 if self._is_crowded else 2)
        self._currencies = (*euros, currency_of(number), shared)
        self._is_single = self._is_crowded and rng.random() < 0.5
        accounts = rng.randint(2, 4) if self._is_crowded else rng.randint(1, 3)
        payments = rng.randint(14, 20) if self._is_crowded else rng.randint(2, 8)
        payments *= 1 + self._is_single
        # Well within the trailing 24 hours, which end at the moment of all queries.
        self._rush = source.now.replace(minute=0, second=0, microsecond=0) - timedelta(
            hours=rng.choice((3, 3, 3, 12)), minutes=rng.randint(0, 20)
        )
        if number % 2:
            self._rush = datetime.combine(self._days[0], time(23, rng.randint(20, 59)), UTC)
        self._know_all_rates(seed)
        # Ids that rows may point to before, while and after the row itself exists.
        self._ids = {
            "accounts": [self._uuid() for _ in range(1 if self._is_single else accounts)],
            "merchants": [self._uuid() for _ in range(rng.randint(1, 3))],
            "transactions": [self._uuid() for _ in range(payments)],
            "refunds": [self._uuid() for _ in range(2)],
            "disputes": [self._uuid() for _ in range(2)],
        }
        # Few: payments of one intent are attempts of it, minutes to days apart.
        self._intents = [self._new_intent() for _ in range(2)]
        self._ips = [f"10.{number // 250 % 250}.{number % 250}.{host}" for host in (1, 2)]
        self.steps = rng.randint(30, 60) if self._is_crowded else rng.randint(5, 40)
        self.steps *= 1 + self._is_single
        self._now = source.begin()

    def _know_all_rates(self, seed: int) -> None:
        """In every second run each currency has a rate from long ago, so that figures which one
        missing rate makes unknown are numbers as well."""
        if seed % 2:
            return
        self._source.begin()
        for currency in sorted(set(self._currencies) - {"EUR"}):
            day = self._source.now.date() - timedelta(days=DAYS * WINDOWS + 100)
            if (day, currency) not in self._source.tables["fx_rates"]:
                rate = Decimal(self._rng.randint(1, 3_000_000)).scaleb(-6)
                self._source.insert(
                    "fx_rates",
                    {
                        "rate_date": day,
                        "currency": currency,
                        "rate_to_eur": rate,
                        "updated_at": self._source.now,
                    },
                )

    def step(self) -> None:
        """One transaction."""
        self._now = self._source.begin()
        actions: dict[Callable[[], None], int] = {
            self._payment: 60,
            self._dimension: 12,
            self._rate: 10,
            self._aftermath: 14,
            self._address: 12 if self._is_crowded else 3,
            self._heartbeat: 3,
            self._disturb: 1,
        }
        for _ in range(self._rng.choice((1, 1, 1, 2, 3))):
            action = self._rng.choices(list(actions), list(actions.values()))[0]
            action()

    def _payment(self) -> None:
        id = self._rng.choice(self._ids["transactions"])
        self._change("transactions", (id,), self._new_payment, self._payment_changes)

    def _new_payment(self, key: Key) -> Row:
        values = {
            name: value
            for change in (self._status, self._moved, self._address_of_payment)
            for name, value in change().items()
        }
        return {
            "transaction_id": key[0],
            "occurred_at": values["occurred_at"],
            **self._intent(),
            "status": values["status"],
            "decline_code": values["decline_code"],
            "ip": values["ip"],
            "device_id": self._rng.choice((None, "", 'naïve ☃ "\\', "d1")),
            "updated_at": self._now,
        }

    def _payment_changes(self) -> Row:
        """New values of some columns of a payment."""
        columns: list[Callable[[], Row]] = [
            self._status,
            self._status,
            self._amount,
            self._moved,
            self._intent,
            self._address_of_payment,
            lambda: {"merchant_id": self._rng.choice(self._ids["merchants"])},
            lambda: {"account_id": self._rng.choice(self._ids["accounts"])},
            lambda: {"currency": self._rng.choice(self._currencies)},
        ]
        changes: Row = {}
        for change in self._rng.sample(columns, self._rng.choice((0, 1, 1, 1, 2, 4))):
            changes |= change()
        return changes

    def _intent(self) -> Row:
        """Who pays whom how much: mostly what others of the history try, too."""
        return self._rng.choice(self._intents) if self._rng.random() < 0.7 else self._new_intent()

    def _new_intent(self) -> Row:
        return {
            "account_id": self._rng.choice(self._ids["accounts"]),
            "merchant_id": self._rng.choice(self._ids["merchants"]),
            "currency": self._rng.choice(self._currencies),
            **self._amount(),
        }

    def _status(self) -> Row:
        """A status, mostly with a code that goes with it: the source does not check that."""
        status = self._rng.choice(STATUSES["transactions"])
        has_code = status == "failed" or self._rng.random() < 0.2
        return {
            "status": status,
            "decline_code": self._rng.choice(DECLINE_CODES) if has_code else None,
        }

    def _amount(self) -> Row:
        kind = self._rng.random()
        if kind < 0.05:
            return {"amount": Decimal(self._rng.choice(("0.00", "-0.01", "9999999999999.99")))}
        digits = self._rng.randint(2, 6)
        if self._is_crowded:
            digits = self._rng.choice((2, 3, 3, 3, 6))
        return {"amount": Decimal(self._rng.randint(1, 10**digits)).scaleb(-2)}

    def _moved(self) -> Row:
        return {"occurred_at": self._moment()}

    def _address_of_payment(self) -> Row:
        ips = (*self._ips[:1] * 5, *self._ips) if self._is_crowded else self._ips
        return {"ip": self._rng.choice((None, *ips))}

    def _moment(self) -> datetime:
        if self._rng.random() < 0.15:  # shortly before its commit: milliseconds to days
            latest = min(self._now, self._source.now)
            return latest - timedelta(milliseconds=10 ** self._rng.uniform(0, 8.5))
        if self._is_single and self._rng.random() < 0.6:
            return self._rush - timedelta(days=self._rng.randint(0, 31))
        if self._is_crowded and self._rng.random() < 0.9:
            seconds = self._rng.randint(0, self._rng.choice((500, 500, 1800)))
            return self._rush + timedelta(seconds=seconds)
        day = self._rng.choice(self._days)
        at = self._rng.choice((*EDGES, time(9, self._rng.randint(0, 59), self._rng.randint(0, 59))))
        return datetime.combine(day, at, UTC)

    def _dimension(self) -> None:
        table = self._rng.choice(("accounts", "merchants"))
        key = (self._rng.choice(self._ids[table]),)
        if table == "accounts":
            self._change(table, key, self._new_account, self._account_changes)
        else:
            self._change(table, key, self._new_merchant, self._merchant_changes)

    def _account_changes(self) -> Row:
        return {
            "user_name": self._rng.choice(("Ada", "Łukasz 晩い", "")),
            "country": self._rng.choice(COUNTRIES),
        }

    def _new_account(self, key: Key) -> Row:
        return {
            "account_id": key[0],
            "user_name": "Ada",
            "email": f"{key[0]}@example.org",
            "country": self._rng.choice(COUNTRIES),
            "signup_at": self._moment(),
            "updated_at": self._now,
        }

    def _merchant_changes(self) -> Row:
        changes: Row = {
            "merchant_name": self._rng.choice(("Shop", "Łate 晩い", "O'Neil \\ Söhne")),
            "risk_rating": self._rng.randint(1, 5),
        }
        if self._rng.random() < 0.3:
            changes |= self._profile()
        return changes

    def _profile(self) -> Row:
        """A text; a long one is not sent again by changes that leave it alone."""
        return {
            "profile_text": self._rng.choice((None, "", "short", self._rng.choice("äß") * 3000))
        }

    def _new_merchant(self, key: Key) -> Row:
        return {
            "merchant_id": key[0],
            "merchant_name": "Shop",
            "merchant_category": self._rng.choice(("travel", "grocery")),
            "country": self._rng.choice(COUNTRIES),
            "risk_rating": self._rng.randint(1, 5),
            "updated_at": self._now,
            **self._profile(),
        }

    def _rate(self) -> None:
        day = self._rng.choice(self._days) - timedelta(days=self._rng.choice((0, 0, 1, 40)))
        currency = self._rng.choice(self._currencies)

        def value() -> Row:
            return {"rate_to_eur": Decimal(self._rng.randint(1, 3_000_000)).scaleb(-6)}

        self._change(
            "fx_rates",
            (day, currency),
            lambda key: {
                "rate_date": key[0],
                "currency": key[1],
                **value(),
                "updated_at": self._now,
            },
            value,
        )

    def _aftermath(self) -> None:
        """A refund or dispute, whether or not its payment exists."""
        table = self._rng.choice(("refunds", "disputes"))
        moment = "created_at" if table == "refunds" else "opened_at"

        def new(key: Key) -> Row:
            row = {
                KEYS[table][0]: key[0],
                "transaction_id": self._rng.choice(self._ids["transactions"]),
                **self._amount(),
                "currency": self._rng.choice(self._currencies),
                "status": self._rng.choice(STATUSES[table]),
                "reason": self._rng.choice(REASONS[table]),
                moment: self._moment(),
            }
            if table == "disputes":
                row["closed_at"] = self._rng.choice((None, self._moment()))
            return {**row, "updated_at": self._now}

        def changes() -> Row:
            values: Row = {"status": self._rng.choice(STATUSES[table])}
            if self._rng.random() < 0.3:
                values |= self._amount()
            if self._rng.random() < 0.2:
                values["transaction_id"] = self._rng.choice(self._ids["transactions"])
            if table == "disputes":
                closed = values["status"] in ("won", "lost")
                values["closed_at"] = self._moment() if closed else None
            return values

        self._change(table, (self._rng.choice(self._ids[table]),), new, changes)

    def _address(self) -> None:
        def changes() -> Row:
            return {
                "country": self._rng.choice(COUNTRIES),
                "is_proxy_or_vpn": self._rng.random() < 0.3,
            }

        self._change(
            "ip_geo",
            (self._rng.choice(self._ips),),
            lambda key: {
                "ip": key[0],
                "country": changes()["country"],
                "city": self._rng.choice(("Köln", "Lagos")),
                "is_proxy_or_vpn": changes()["is_proxy_or_vpn"],
                "updated_at": self._now,
            },
            changes,
        )

    def _heartbeat(self) -> None:
        values = {"beat_at": self._now, "marker": self._rng.choice((None, "", "here"))}
        if (1,) in self._source.tables["heartbeat"]:
            self._source.update("heartbeat", (1,), **values)
        else:
            self._source.insert("heartbeat", {"id": 1, **values})

    def _disturb(self) -> None:
        self._source.disturb(self._rng.choice(list(KEYS)))

    def _change(
        self,
        table: str,
        key: Key,
        new: Callable[[Key], Row],
        changes: Callable[[], Row],
    ) -> None:
        """Insert the row if it is not there (for the first time or again); else update, re-key or
        delete it."""
        if key not in self._source.tables[table]:
            self._source.insert(table, new(key))
            return
        kind = self._rng.random()
        if kind < 0.70:
            self._source.update(table, key, **changes(), updated_at=self._now)
        elif kind < 0.85:
            self._source.delete(table, key)
        else:
            self._rekey(table, key, changes() if kind < 0.95 else {})

    def _rekey(self, table: str, key: Key, changes: Row) -> None:
        """Another primary key for the row: a new one, or one that a deleted row had."""
        values: dict[str, Any]
        if table == "fx_rates":
            values = {"rate_date": self._rng.choice(self._days)}
        elif table == "ip_geo":
            values = {"ip": self._rng.choice(self._ips)}
        else:
            values = {KEYS[table][0]: self._rng.choice((self._uuid(), *self._ids[table]))}
        if table == "merchants":
            values |= self._profile()
        row = {**self._source.tables[table][key], **changes, **values}
        if key_of(table, row) in self._source.tables[table]:
            return
        self._source.update(table, key, **{**changes, **values}, updated_at=self._now)
        if table in FULL_BEFORE and values[KEYS[table][0]] not in self._ids[table]:
            self._ids[table].append(values[KEYS[table][0]])

    def _uuid(self) -> UUID:
        return UUID(int=self._rng.getrandbits(128), version=4)
