"""What is said of a payment's life, and how the command refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from dashboard import charts_payment
from infra.cli import trace as command
from infra.cli.__main__ import main
from infra.transform import trace

MOMENT = datetime(2026, 3, 29, 14, 37, 42, 123999, tzinfo=UTC)


def change(operation: str = "u", **changed: Any) -> dict[str, Any]:
    row = {
        "operation": operation,
        "changes": [("status", "pending", "failed"), ("decline_code", None, "expired_card")],
        "amount": Decimal("1234.50"),
        "currency_code": "USD",
        "merchant_id": UUID(int=7),
        "status": "failed",
        "decline_code": "expired_card",
        "occurred_at": MOMENT,
        "committed_at": MOMENT,
        "silver_at": MOMENT,
        "gold_at": MOMENT,
        "is_in_gold": True,
        "total_ms": 150,
        **dict(zip(trace.HOPS.values(), (10, 20, 30, 40, 50), strict=True)),
    }
    return {**row, **changed}


@pytest.mark.parametrize(
    "text", ["", "x", "00000000", "'; drop table gold.x --", "\x00", "1" * 33, "é" * 32]
)
def test_what_is_no_id_is_none(text: str) -> None:
    assert trace.payment_id(text) is None


def test_an_id_is_read_with_and_without_dashes() -> None:
    id = UUID(int=1)
    assert trace.payment_id(str(id)) == trace.payment_id(id.hex) == id


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (change(), "status pending → failed, decline code nothing → expired_card"),
        (change(changes=[]), "no field"),
        (change("d"), "deleted"),
        (change("c"), "made: USD 1,234.50, failed (expired_card)"),
        (change("r", decline_code=None, status="success"), "found: USD 1,234.50, success"),
    ],
)
def test_a_change_in_words(row: dict[str, Any], words: str) -> None:
    assert trace.what_changed(row) == words


def test_a_position_is_written_as_postgres_writes_it() -> None:
    assert trace.lsn(0x16B374848) == "1/6B374848"
    assert trace.lsn(0x16A0E618) == "0/16A0E618"


def test_milliseconds_are_cut_and_never_rounded_into_the_next() -> None:
    assert trace.moment(MOMENT) == "2026-03-29 14:37:42.123"
    assert trace.clock(MOMENT) == "14:37:42.123"


def test_a_time_that_is_not_known_is_told_from_one_that_is_not_yet() -> None:
    assert trace.in_gold(change()) == "by 14:37:42.123"
    assert trace.in_gold(change(gold_at=None)) == "yes, time not kept"
    assert trace.in_gold(change(gold_at=None, is_in_gold=False)) == "not yet"
    assert trace.in_silver(change(silver_at=None)) == "not yet"


def test_gold_counts_the_newest_change_it_has_and_no_deleted_payment() -> None:
    old, new = change(status="pending"), change(is_in_gold=False)
    assert trace.counted([new, old]) is old
    assert trace.counted([change("d"), old]) is None
    assert trace.counted([change("d", is_in_gold=False), old]) is old
    assert trace.counted([]) is None


def test_a_bucket_is_asked_for_by_its_values() -> None:
    assert trace.by_bucket(change(decline_code=None)) == {
        "occurred_at": "2026-03-29 14:37:42",
        "merchant": str(UUID(int=7)),
        "currency": "USD",
        "status": "failed",
        "decline_code": "",
    }


def test_the_chart_draws_changes_whose_hops_are_all_known() -> None:
    frame = charts_payment.hops_frame([change(), change("c", gold_ms=None)])
    assert frame["change"].tolist() == ["update 14:37:42.123"]
    assert frame["total"].tolist() == ["150 ms"]
    labels = {column: hop for hop, column in trace.HOPS.items()}
    series = charts_payment.hops_option(frame, labels)["series"]
    assert [one["encode"]["x"] for one in series] == list(trace.HOPS.values())
    assert [one["label"]["show"] for one in series] == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("held", "has_arrived", "verdict"),
    [
        ({"status": "success"}, False, "equal"),
        ({"status": "pending"}, False, "behind"),
        ({"status": "pending"}, True, "differs"),
        (None, True, "differs"),
    ],
)
def test_a_layer_is_behind_only_while_a_change_is_on_its_way(
    held: dict[str, str | None] | None, has_arrived: bool, verdict: str
) -> None:
    layer = command._layer("gold", {"status": "success"}, held, has_arrived)
    assert layer.verdict == verdict
    shown = {} if verdict == "equal" else {"status": ("success", (held or {}).get("status"))}
    assert layer.differences == shown


@pytest.mark.parametrize(
    ("differences", "shown"),
    [
        ({"transaction_id": ("7f", None), "amount": ("1.00", None)}, "only Postgres has the row"),
        ({"transaction_id": (None, "7f"), "amount": (None, "1.00")}, "only this has the row"),
        ({"amount": ("1.00", None)}, "amount: Postgres 1.00, here None"),
    ],
)
def test_a_row_that_one_side_lacks_is_said_in_one_line(
    differences: dict[str, Any], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    layer = {"name": "silver", "verdict": "behind", "differences": differences}
    told = {"changes": [], "transaction_id": "7f", "adjustments": [], "counted_in": []}
    command._show(told | {"layers": [layer]})
    lines = capsys.readouterr().out.strip().splitlines()
    assert [line.strip() for line in lines[2:]] == [shown]


def test_the_command_refuses_what_is_no_id(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "nope"]) == 2
    shown = capsys.readouterr().err
    assert "is no payment id" in shown
    assert "live_recent_payments" in shown


def test_without_a_stack_it_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FINHOUSE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("FINHOUSE_POSTGRES_PORT", "1")
    assert main(["trace", str(UUID(int=1))]) == 3
    assert "./finhouse up" in capsys.readouterr().err


def test_its_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "TRANSACTION_ID" in shown
    assert "Find an id" in shown
