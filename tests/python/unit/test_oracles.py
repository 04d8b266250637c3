"""The oracles of the random histories, without a warehouse."""

from __future__ import annotations

from typing import Any

from tests.python.property.oracles import EXEMPT, ORACLES


def test_every_model_of_silver_and_gold_has_an_oracle(nodes: dict[str, Any]) -> None:
    models = {
        name
        for name, node in nodes.items()
        if node["resource_type"] == "model" and node["schema"] in ("silver", "gold")
    }
    assert models - ORACLES.keys() - EXEMPT.keys() == set()
    assert EXEMPT.keys() <= models
    assert not EXEMPT.keys() & ORACLES.keys()
    assert all(EXEMPT.values())
    # Each table has a state or deltas or both: oracles of both are registered.
    gone = {name for name in ORACLES if not name.endswith(("_state", "_deltas"))} - models
    assert gone == set()
