"""What the API takes and how it writes values; the server itself runs in tests of the stack."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from dashboard import server
from infra.errors import FinhouseError

TODAY = date(2026, 11, 27)


def test_without_parameters_the_last_seven_days() -> None:
    assert server.days_of({}, TODAY) == (date(2026, 11, 21), date(2026, 11, 28))


def test_a_range_is_what_it_says() -> None:
    asked = {"from": "2025-11-27", "to": "2026-11-28"}
    assert server.days_of(asked, TODAY) == (date(2025, 11, 27), date(2026, 11, 28))


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-11-01"},
        {"to": "2026-11-01"},
        {"from": "2026-11-01", "to": "2026-11-01"},
        {"from": "2026-11-02", "to": "2026-11-01"},
        {"from": "2025-11-27", "to": "2026-11-29"},
        {"from": "0001-01-01", "to": "9999-12-31"},
        {"from": "yesterday", "to": "2026-11-01"},
        {"from": "2026-02-30", "to": "2026-03-01"},
        {"from": "2026-11-01' or '1'='1", "to": "2026-11-02"},
        {"from": "", "to": ""},
        {"from": "2026-11-01", "to": "2026-11-02", "format": "CSV"},
        {"x" * 10_000: ""},
    ],
)
def test_anything_else_is_refused_with_the_usage(query: dict[str, str]) -> None:
    with pytest.raises(FinhouseError) as refused:
        server.days_of(query, TODAY)
    assert refused.value.exit_code == 2
    assert refused.value.fix == server.USAGE
    assert len(str(refused.value.why)) < 300


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("12345678901234567890.10"), "12345678901234567890.10"),
        (Decimal("0E-8"), "0.00000000"),
        (date(2026, 11, 27), "2026-11-27"),
        (
            datetime(2026, 11, 27, 1, 30, tzinfo=timezone(timedelta(hours=1))),
            "2026-11-27T00:30:00+00:00",
        ),
        (datetime(2026, 11, 27, tzinfo=UTC), "2026-11-27T00:00:00+00:00"),
        (2**63, 2**63),
        (None, None),
        (0.5, 0.5),
    ],
)
def test_values_lose_nothing(value: Any, written: Any) -> None:
    assert server.encoded(value) == written
