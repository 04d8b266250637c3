"""How numbers look: exact, rounded half to even, and never 0 for unknown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from dashboard import formats


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "n/a: rate missing"),
        ("0", "€ 0.00"),
        ("12345678.9", "€ 12,345,678.90"),
        ("0.125", "€ 0.12"),
        ("0.135", "€ 0.14"),
        ("0.12500001", "€ 0.13"),
        ("-3.005", "\N{MINUS SIGN}€ 3.00"),
        ("-0.001", "€ 0.00"),
        # 30 digits before the point: more than a float or Python's default context holds
        (
            "123456789012345678901234567890.12500001",
            "€ 123,456,789,012,345,678,901,234,567,890.13",
        ),
    ],
)
def test_an_amount_in_euro_is_exact_to_the_cent(amount: str | None, shown: str) -> None:
    assert formats.euro(None if amount is None else Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (999_949, "999.9k"),
        (999_950, "1.0M"),
        (12_345_678, "12.3M"),
        (1_500_000_000_000, "1,500.0bn"),
        (None, "n/a"),
    ],
)
def test_compact_numbers(number: int | None, shown: str) -> None:
    assert formats.compact(number) == shown


def test_counts_and_shares() -> None:
    assert formats.integer(1234567) == "1,234,567"
    assert formats.integer(None) == "n/a"
    assert formats.percent(0.91254) == "91.25 %"
    assert formats.percent(None) == "n/a"
    assert formats.money(Decimal("1234.5"), "USD") == "USD 1,234.50"


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (-0.2, "0.0 s"),
        (1.24, "1.2 s"),
        (59.4, "59 s"),
        (59.9, "1 min 0 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_lengths_of_time(length: float, shown: str) -> None:
    assert formats.seconds(length) == shown


@pytest.mark.parametrize(
    ("count", "shown"), [(512, "512 B"), (362_900, "362.9 kB"), (2 * 10**9, "2.0 GB")]
)
def test_sizes(count: int, shown: str) -> None:
    assert formats.size(count) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (None, "n/a"),
        (0, "0.0000"),
        (0.01314, "0.0131"),
        (-0.5, "-0.5000"),
        (1, "1.00"),
        (1234.567, "1,234.57"),
        (Decimal("0.99999"), "1.0000"),
    ],
)
def test_indices_and_factors(number: float | Decimal | None, shown: str) -> None:
    assert formats.decimal(number) == shown


def test_days() -> None:
    last = date(2026, 1, 2)
    assert formats.days(last, last) == "02 Jan 2026"
    assert formats.days(date(2025, 12, 31), last) == "31 Dec – 02 Jan 2026"


def test_a_merchant_that_has_not_arrived_is_known_by_its_id() -> None:
    row = {"merchant_id": UUID(int=7), "merchant_name": None}
    assert formats.merchant_name(row) == "unknown (00000000)"
    assert formats.merchant_name({**row, "merchant_name": "Harbour Books"}) == "Harbour Books"
