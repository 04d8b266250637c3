"""How numbers and names look: exact, in one notation, rounded (half to even) only here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import overload

NO_RATE = "n/a: rate missing"
NOTHING = "n/a"
ENOUGH = 30  # a share of fewer says nothing

_CENT = Decimal("0.01")
_TENTH = Decimal("0.1")
# Decimal(38, 8) has more digits than Python's default precision of 28
_DIGITS = 60


@overload
def cents(amount: Decimal) -> Decimal: ...
@overload
def cents(amount: None) -> None: ...
def cents(amount: Decimal | None) -> Decimal | None:
    """An amount rounded half-even to two places; an unknown one stays so."""
    if amount is None:
        return None
    with localcontext() as context:
        context.prec = _DIGITS
        return amount.quantize(_CENT, rounding=ROUND_HALF_EVEN)


def euro(amount: Decimal | None) -> str:
    """`€ 12,345,678.90`; a NULL says that a rate is missing, never 0."""
    return NO_RATE if amount is None else money(amount, "€")


def money(amount: Decimal, currency: str) -> str:
    """An amount to the cent after its currency: `USD 1,234.50`, `−€ 3.00`."""
    rounded = cents(amount)
    sign = "\N{MINUS SIGN}" if rounded < 0 else ""
    return f"{sign}{currency} {rounded.copy_abs():,.2f}"


def integer(count: int | None) -> str:
    """`1,234,567`."""
    return NOTHING if count is None else f"{count:,d}"


def compact(number: int | Decimal | float | None) -> str:
    """`1.2M`: for places where the exact number stands beside it."""
    return NOTHING if number is None else "".join(_scaled(Decimal(number), ("", "k", "M", "bn")))


def percent(share: float | None) -> str:
    """A share of 0..1 as `91.25 %`."""
    return NOTHING if share is None else f"{100 * share:.2f} %"


def percent_of(
    percent: float | None,
    count: int,
    low: float | None = None,
    high: float | None = None,
    what: str = "",
) -> str:
    """A share with what it is of, and the 95 % interval of it: `91.25 % of 80 (83.0 – 95.7 %)`."""
    if percent is None:
        return NOTHING
    of = f"{percent:.2f} % of {count:,} {what}".rstrip()
    return of if low is None else f"{of} ({interval(low, high)})"


def interval(low: float | None, high: float | None) -> str:
    """The ends of a share's 95 % interval: `83.0 – 95.7 %`."""
    return NOTHING if low is None or high is None else f"{low:.1f} – {high:.1f} %"


def decimal(number: int | Decimal | float | None) -> str:
    """An index or a factor: `0.0131`, `12.35`."""
    if number is None:
        return NOTHING
    return f"{number:.4f}" if -1 < number < 1 else f"{number:,.2f}"


def days(first: date, last: date) -> str:
    """UTC days as one reads them: `24 Nov 2026`, `23 Nov – 24 Nov 2026`."""
    return f"{last:%d %b %Y}" if first == last else f"{first:%d %b} – {last:%d %b %Y}"


def merchant_name(row: Mapping[str, object]) -> str:
    """The merchant's name; a payment may come before its merchant."""
    return str(row["merchant_name"] or f"unknown ({str(row['merchant_id'])[:8]})")


def seconds(length: float) -> str:
    """A length of time as a person says it: `0.4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if length < 10:
        return f"{max(length, 0):.1f} s"
    whole = round(length)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def size(count: int) -> str:
    """Bytes as `1.2 MB`."""
    return " ".join(_scaled(Decimal(count), ("B", "kB", "MB", "GB")))


def _scaled(value: Decimal, units: Sequence[str]) -> tuple[str, str]:
    """A number below 1000 with one decimal, and its unit; each unit is 1000 of the one before."""
    shown, step = value.quantize(_TENTH, rounding=ROUND_HALF_EVEN), 0
    while abs(shown) >= 1000 and step < len(units) - 1:
        value, step = value / 1000, step + 1
        shown = value.quantize(_TENTH, rounding=ROUND_HALF_EVEN)
    return f"{shown:,.1f}" if step else f"{shown.normalize():,f}", units[step]
