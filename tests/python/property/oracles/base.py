"""What every oracle is made of: what a model has seen, and definitions that several share."""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any, Protocol, TypeVar

from infra.settings import ROOT
from tests.python.property.source import Event, Row


class Seen(Protocol):
    """What a model has had a chance to see of the source."""

    @property
    def now(self) -> datetime:
        """The moment of every query, UTC."""
        ...

    def rows(self, table: str) -> list[Row]:
        """The rows of a table as of the model's position in the table's log."""
        ...

    def latest(self, table: str) -> list[Event]:
        """The event that made each of these rows."""
        ...

    def events(self, table: str) -> list[Event]:
        """All valid events up to there."""
        ...

    def refused(self, table: str) -> list[Event]:
        """The messages up to there that do not fit the contract."""
        ...

    def at(self, relation: str) -> Seen:
        """The same as of the position of another relation, e.g. `silver.heartbeats`."""
        ...

    def next_offset(self, relation: str) -> int:
        """The Kafka offset a relation reads from next."""
        ...


Rows = Iterator[Row]


@dataclass(frozen=True, slots=True)
class Oracle:
    """The expectation of one model. Not compared: columns in `ignore`, and rows for which the SQL
    condition `where` is not true."""

    rows: Callable[[Seen], Iterable[Row]]
    ignore: tuple[str, ...]
    where: str


ORACLES: dict[str, Oracle] = {}
Number = TypeVar("Number", int, float)
# Wide enough for Decimal(38, 8) products; the default of 28 digits would round.
EXACT = Context(prec=76)


def oracle(
    model: str, *, ignore: tuple[str, ...] = (), where: str = ""
) -> Callable[[Callable[[Seen], Rows]], Callable[[Seen], Rows]]:
    """Register the expectation of a model."""

    def register(function: Callable[[Seen], Rows]) -> Callable[[Seen], Rows]:
        assert model not in ORACLES, model
        ORACLES[model] = Oracle(function, ignore, where)
        return function

    return register


# Helpers that definitions share.


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Exact sum."""
    result = Decimal(0)
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result


def total_or_none(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Exact sum; unknown as soon as one summand is."""
    known = []
    for amount in amounts:
        if amount is None:
            return None
        known.append(amount)
    return total(known)


class Rates:
    """EUR rates as of a position: the last known rate not after a day."""

    def __init__(self, seen: Seen) -> None:
        self._rates: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
        for row in sorted(seen.rows("fx_rates"), key=lambda row: row["rate_date"]):
            if row["currency"] != "EUR":
                self._rates[row["currency"]].append((row["rate_date"], row["rate_to_eur"]))
        self._rates["EUR"] = [(date(1970, 1, 1), Decimal(1))]

    def items(self) -> Iterator[tuple[str, date, Decimal]]:
        """Every known rate: currency, day, EUR for one unit."""
        for currency, rates in self._rates.items():
            for day, rate in rates:
                yield currency, day, rate

    def of(self, currency: str) -> list[tuple[date, Decimal]]:
        """The known rates of a currency, by day."""
        return self._rates.get(currency, [])

    def on(self, currency: str, day: date) -> Decimal | None:
        """EUR for one unit of a currency on a day; None if no rate is known up to then."""
        found = self._last(currency, day)
        return found and found[1]

    def known_on(self, currency: str, day: date) -> date | None:
        """The day that the rate of a day is from."""
        found = self._last(currency, day)
        return found and found[0]

    def _last(self, currency: str, day: date) -> tuple[date, Decimal] | None:
        known = self.of(currency)
        index = bisect_right(known, day, key=lambda rate: rate[0])
        return known[index - 1] if index else None

    def eur(self, amount: Decimal, currency: str, day: date) -> Decimal | None:
        """An amount in EUR, exact. Nothing is nothing in any currency, known or not."""
        if amount == 0:
            return Decimal(0)
        rate = self.on(currency, day)
        return None if rate is None else EXACT.multiply(amount, rate)

    def sum(self, rows: Iterable[Row], moment: str = "occurred_at") -> Decimal | None:
        """EUR of rows, booked on their days; None if a rate that matters is missing."""
        amounts: dict[tuple[str, date], list[Decimal]] = defaultdict(list)
        for row in rows:
            amounts[row["currency"], row[moment].date()].append(row["amount"])
        return total_or_none(
            self.eur(total(parts), currency, day) for (currency, day), parts in amounts.items()
        )


GAMMA = Decimal("1.02")


def log_bucket(value: Decimal) -> int:
    """Histogram bucket of a value: i for (1.02^(i-1), 1.02^i], -32768 for nothing and less."""
    if value <= 0:
        return -32768
    bucket = round(math.log(value) / math.log(GAMMA))  # or a neighbour of it
    while EXACT.power(GAMMA, bucket) < value:
        bucket += 1
    while EXACT.power(GAMMA, bucket - 1) >= value:
        bucket -= 1
    return bucket


def value_of_bucket(bucket: int) -> float:
    """What stands for a bucket: at most 1 % from all that is in it."""
    return 0.0 if bucket == -32768 else 2 * 1.02**bucket / 2.02


def quantile(values: Iterable[Number], percent: int) -> Number:
    """The smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[-(-len(ordered) * percent // 100) - 1]


def day_of(payment: Row) -> date:
    """UTC day of a payment."""
    moment: datetime = payment["occurred_at"]
    return moment.date()


def minute_of(payment: Row) -> datetime:
    """UTC minute of a payment."""
    moment: datetime = payment["occurred_at"]
    return moment.replace(second=0, microsecond=0)


def grouped(rows: Iterable[Row], *keys: Callable[[Row], Any]) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by the values of these functions."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(key(row) for key in keys)].append(row)
    return groups


def column(name: str) -> Callable[[Row], Any]:
    """The function that reads a column."""
    return lambda row: row[name]


def successful(payments: Iterable[Row]) -> list[Row]:
    """The payments with status success."""
    return [payment for payment in payments if payment["status"] == "success"]


def decided(payments: Iterable[Row]) -> list[Row]:
    """The payments that succeeded or failed."""
    return [payment for payment in payments if payment["status"] in ("success", "failed")]


def ratio(part: Decimal | int | None, whole: Decimal | int | None) -> float | None:
    """A share; None if there is nothing to divide by or a part is unknown."""
    if part is None or whole is None or whole <= 0:
        return None
    return float(part) / float(whole)


def minus(*amounts: Decimal | None) -> Decimal | None:
    """The first amount without the others; None if one is unknown."""
    if None in amounts:
        return None
    first, *others = (amount for amount in amounts if amount is not None)
    return EXACT.subtract(first, total(others))


def seed_rows(name: str) -> list[dict[str, str]]:
    """Rows of a seed, as text."""
    with (ROOT / "seeds" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def trailing(seen: Seen, days: int = 30) -> list[Row]:
    """Payments of the last so many days, today included."""
    first = seen.now.date() - timedelta(days=days - 1)
    return [row for row in seen.rows("transactions") if day_of(row) >= first]


def decline_code_of(payment: Row) -> str:
    return payment["decline_code"] or ""
