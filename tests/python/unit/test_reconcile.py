"""Reconciliation and parity without a database: the data they go by, and their arithmetic."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from infra.transform.comparisons import DERIVED, EVENTS, FACTS, STATUS_CHANGES, TABLES
from infra.transform.figures import Additive, Figures, added, regrouped, unequal_groups
from infra.transform.parity import Mismatch, Suspects, model_of
from infra.transform.snapshot import Snapshot

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# Nobody compares when a heartbeat went by: each is a probe of freshness and in no figure.
UNGUARDED = {"silver_heartbeats", "fct_heartbeats"}


@pytest.fixture
def models(nodes: dict[str, Any]) -> dict[str, Any]:
    """Models of the freshly parsed project by name."""
    return {name: node for name, node in nodes.items() if node["resource_type"] == "model"}


def test_every_additive_fact_is_compared(models: dict[str, Any]) -> None:
    """Add a missing one to infra/transform/comparisons.py."""
    additive = {
        name
        for name, node in models.items()
        if "AggregatingMergeTree" in node["config"].get("engine", "")
    }
    assert len(additive) > 3
    compared = {model_of(name) for name, fact in FACTS.items() if not fact.watermarks}
    # Counts of changes, of which Postgres keeps none, and of intents, of which one is several rows.
    not_of_rows = {model_of(name) for name in (*DERIVED, *STATUS_CHANGES)} & additive
    assert compared == additive - not_of_rows


def test_every_incremental_table_is_guarded(models: dict[str, Any]) -> None:
    """By infra/transform/parity.py; docs/incremental.md says how far."""
    incremental = {
        name for name, node in models.items() if node["config"]["materialized"] == "offset_append"
    }
    tables = {f"silver.{name}_state" for name in TABLES}
    tables |= {f"silver.{name}_deltas" for name in TABLES if TABLES[name].has_deltas}
    tables |= {name for name, fact in FACTS.items() if not fact.watermarks}
    tables |= {*DERIVED, *STATUS_CHANGES, *EVENTS, "gold.fct_adjusted_payments"}
    assert {model_of(table) for table in tables} == incremental - UNGUARDED


def test_a_view_is_as_far_as_the_furthest_of_its_inputs(models: dict[str, Any]) -> None:
    views = {name: fact for name, fact in FACTS.items() if fact.watermarks}
    assert views
    for name, fact in views.items():
        inputs = {id.rsplit(".", 1)[-1] for id in models[model_of(name)]["depends_on"]["nodes"]}
        marked = {table.removeprefix("gold.").replace(".", "_") for table in fact.watermarks}
        assert marked == inputs, name


def test_every_key_and_measure_of_a_fact_is_compared(models: dict[str, Any]) -> None:
    for name, fact in FACTS.items():
        columns = {c for c in models[model_of(name)]["columns"] if not c.startswith("_")}
        assert {*fact.keys, *fact.measures} == columns, name


def test_every_silver_table_is_compared(models: dict[str, Any]) -> None:
    silver = {name for name in models if name.startswith("silver_")}
    states = {name for name in silver if name.endswith("_state")}
    deltas = {name for name in silver if name.endswith("_deltas")}
    assert states == {f"silver_{name}_state" for name in TABLES}
    assert deltas == {f"silver_{name}_deltas" for name in TABLES if TABLES[name].has_deltas}


def test_snapshot_is_read_and_written_as_postgres_does() -> None:
    for text in ("795:799:795,797", "4294967300:4294967300:"):
        assert str(Snapshot.parse(text, NOW)) == text
    assert Snapshot.parse("795:799:795,797", NOW).running == (795, 797)


def test_a_checksum_stays_a_whole_number_however_many_measures_a_fact_has() -> None:
    """A weight of more than 64 bits would make it a floating-point number, equal to nothing."""
    measures = {f"count_{number}": f"c{number}" for number in range(12)}
    fact = Additive("f", "gold.f", "gold.f", {"day": "d"}, measures, {"day": "Date"}, {0: "day"})
    weights = [int(digits) for digits in re.findall(r"(\d+) \* reinterpret", fact.own_sums()[-1])]
    assert len(set(weights)) == len(measures)
    assert max(weights) < 2**64


def test_figures_add_up_by_group_and_by_fewer_groups() -> None:
    now: Figures = {
        ("a", "x"): (3, Decimal("30.00"), 7),
        ("b", "x"): (1, Decimal("0.01"), 2**127),
    }
    steps: Figures = {
        ("a", "x"): (-1, Decimal("-10.00"), -5),
        ("c", "x"): (1, Decimal("5.00"), 9),
    }
    then = added(now, steps)
    assert then[("a", "x")] == (2, Decimal("20.00"), 2)
    assert then[("c", "x")] == (1, Decimal("5.00"), 9)
    assert regrouped(then, [1]) == {("x",): (4, Decimal("25.01"), 2**127 + 11)}


def test_groups_are_unequal_when_one_figure_is() -> None:
    left: Figures = {
        ("same",): (1, Decimal("1.00"), 5),
        ("gone",): (1, Decimal(1), 1),
        ("cent",): (1, 1, 1),
    }
    right: Figures = {
        ("same",): (1, Decimal("1.0"), 5 - 2**128),  # sums of 128 bits come round
        ("zero",): (0, Decimal("0.00"), 0),
        ("cent",): (1, Decimal("1.01"), 1),
    }
    assert unequal_groups(left, right) == [
        (("cent",), (1, 1, 1), (1, Decimal("1.01"), 1)),
        (("gone",), (1, Decimal(1), 1), None),
    ]


STATE_WRONG = Mismatch("silver_refunds_deltas", "silver_refunds_state", 1, "one cent")
FACT_WRONG = Mismatch("fct_refunds_by_day", "silver_refunds_deltas", 1, "one refund")
OTHER_WRONG = Mismatch("fct_payments_by_day", "silver_transactions_deltas", 1, "one payment")


def test_facts_say_which_of_state_and_deltas_is_rebuilt() -> None:
    def first(*found: Mismatch) -> str | None:
        repair = Suspects().next(found)
        return repair.model if repair else None

    assert first(STATE_WRONG) == "silver_refunds_state"
    assert first(STATE_WRONG, OTHER_WRONG) == "silver_refunds_state"
    assert first(STATE_WRONG, FACT_WRONG) == "silver_refunds_deltas"
    assert first(FACT_WRONG) == "fct_refunds_by_day"
    assert first() is None


def test_no_suspect_is_rebuilt_twice_before_all_is_right_again() -> None:
    suspects = Suspects()
    found = [repair.model for _ in range(2) if (repair := suspects.next([STATE_WRONG]))]
    assert found == ["silver_refunds_state", "silver_refunds_deltas"]
    assert suspects.next([STATE_WRONG]) is None
    assert suspects.next([]) is None
    assert suspects.next([STATE_WRONG]) is not None
