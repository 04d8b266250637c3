"""Rows for COPY are exact text."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest

from ingestion.generator.rows import (
    NULL,
    array_text,
    copy_text,
    id_text,
    money_text,
    text,
    time_ordered_ids,
    time_text,
)


@pytest.mark.parametrize(
    ("cents", "expected"),
    [
        (0, "0.00"),
        (1, "0.01"),
        (99, "0.99"),
        (100, "1.00"),
        (1234, "12.34"),
        (9_007_199_254_740_993, "90071992547409.93"),  # no float holds this one
    ],
)
def test_money_is_exact_with_two_decimals(cents: int, expected: str) -> None:
    assert money_text(np.array([cents], dtype=np.int64))[0].decode() == expected


def test_every_cent_amount_survives() -> None:
    cents = np.arange(0, 100_000, 7, dtype=np.int64)
    back = [int(Decimal(value.decode()) * 100) for value in money_text(cents)]
    assert back == cents.tolist()


def test_identifiers_are_version_7_and_sort_by_time() -> None:
    moments = np.array([1_000_000, 2_000_000, 1_764_000_000_123_456], dtype=np.int64)
    ids = [UUID(value.decode()) for value in id_text(time_ordered_ids(_rng(), moments))]
    assert [uuid.version for uuid in ids] == [7, 7, 7]
    assert [uuid.int >> 80 for uuid in ids] == [1000, 2000, 1_764_000_000_123]
    assert ids == sorted(ids)


def test_times_keep_microseconds_and_say_utc() -> None:
    moments = np.array([0, 951_782_400_000_001], dtype=np.int64)
    assert time_text(moments).tolist() == [
        b"1970-01-01T00:00:00.000000+00",
        b"2000-02-29T00:00:00.000001+00",
    ]


def test_copy_text_keeps_unicode_and_nulls() -> None:
    rows = copy_text([text(["Łukasz", "香織", ""]), np.array([NULL, b"7", b"x"])])
    assert rows.decode() == "Łukasz\t\\N\n香織\t7\n\tx\n"


def test_no_rows_are_no_bytes() -> None:
    assert copy_text([text([]), text([])]) == b""


def test_array_text_marks_nulls() -> None:
    assert array_text(np.array([b"ab", NULL])) == "{ab,NULL}"


def _rng() -> np.random.Generator:
    return np.random.default_rng(7)
