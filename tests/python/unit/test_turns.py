"""Slower models take turns beside the live ones."""

from __future__ import annotations

from pathlib import Path

from infra.settings import Settings
from infra.transform.project import ModelRun
from infra.transform.turns import FAILED_SECONDS, Turns

SETTINGS = Settings(state_dir=Path(), background_seconds=60.0)
TIERS = {"fact": "live", "a": "slow", "b": "slow", "c": "slow", "heavy": "background"}


def ran(*names: str, seconds: float, status: str = "success") -> list[ModelRun]:
    return [ModelRun(name, status, seconds, "") for name in names]


def test_all_rest_at_first_and_live_models_take_no_turn() -> None:
    turns = Turns(TIERS, now=100.0, settings=SETTINGS)
    assert turns.next({"slow", "background"}, 100.0) == []
    later = 160.0
    assert turns.next({"background"}, later - 0.1) == []
    assert turns.next({"background"}, later) == ["heavy"]
    assert "fact" not in turns.next({"slow", "live"}, later)


def test_a_turn_takes_what_fits_and_always_something() -> None:
    turns = Turns(TIERS, now=0.0, settings=SETTINGS)
    turns.done("abc", ran("a", "b", "c", seconds=0.8), 10.0)
    assert turns.next({"slow"}, 20.0) == ["a", "b"]
    turns.done("ab", ran("a", "b", seconds=7.0), 20.0)
    assert turns.next({"slow"}, 30.0) == ["c"]
    turns.done("c", ran("c", seconds=7.0), 30.0)
    assert turns.next({"slow"}, 95.0) == ["a"]


def test_who_waited_longest_comes_first() -> None:
    turns = Turns(TIERS, now=0.0, settings=SETTINGS)
    turns.done("c", ran("c", seconds=1.4), 1.0)
    turns.done("b", ran("b", seconds=1.4), 2.0)
    turns.done("a", ran("a", seconds=1.4), 3.0)
    order = []
    for now in (20.0, 21.0, 22.0):
        chosen = turns.next({"slow"}, now)
        turns.done(chosen, ran(*chosen, seconds=1.4), now)
        order += chosen
    assert order == ["c", "b", "a"]


def test_rest_grows_with_the_cost() -> None:
    turns = Turns({"a": "slow"}, now=0.0, settings=SETTINGS)
    turns.done("a", ran("a", seconds=0.01), 10.0)
    assert turns.next({"slow"}, 19.9) == []
    assert turns.next({"slow"}, 20.0) == ["a"]
    turns.done("a", ran("a", seconds=30.0), 20.0)
    assert turns.next({"slow"}, 49.9) == []
    assert turns.next({"slow"}, 50.0) == ["a"]


def test_what_failed_or_was_not_reached_comes_back_later() -> None:
    turns = Turns({"a": "slow", "b": "slow"}, now=0.0, settings=SETTINGS)
    turns.done("ab", ran("a", seconds=0.0, status="error"), 10.0)
    assert turns.next({"slow"}, 10.0 + FAILED_SECONDS - 0.1) == []
    assert turns.next({"slow"}, 10.0 + FAILED_SECONDS) == ["a", "b"]


def test_those_that_waited_equally_long_keep_the_order_of_their_lineage() -> None:
    turns = Turns({"state": "slow", "dimension": "slow", "fact": "slow"}, 0.0, SETTINGS)
    assert turns.next({"slow"}, 60.0) == ["state", "dimension", "fact"]


def test_what_had_nothing_to_do_rests_as_little_as_its_tier_may() -> None:
    turns = Turns({"heavy": "slow"}, now=0.0, settings=SETTINGS)
    turns.done(["heavy"], ran("heavy", seconds=5.0), 10.0)
    turns.done(["heavy"], ran("heavy", seconds=0.0, status="no-op"), 60.0)
    assert turns.next({"slow"}, 69.9) == []
    assert turns.next({"slow"}, 70.0) == ["heavy"]
