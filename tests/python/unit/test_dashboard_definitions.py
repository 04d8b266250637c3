"""Labels, units and descriptions come from dbt's manifest, and follow it when it changes."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dashboard import definitions


def write_manifest(path: Path, columns: dict[str, Any]) -> None:
    nodes = {definitions.KPI_MODEL: {"columns": columns}}
    path.write_text(json.dumps({"nodes": nodes}), encoding="utf-8")


@pytest.mark.parametrize("place", ["meta", "config"])
def test_a_metric_is_what_dbt_says(tmp_path: Path, place: str) -> None:
    meta = {"label": "Tickets", "unit": "EUR", "format": "euro", "better": "down"}
    column = {"description": "Mean.", **({"config": {"meta": meta}, "meta": {}})}
    if place == "meta":
        column = {"description": "Mean.", "meta": meta}
    write_manifest(tmp_path / "manifest.json", {"average_ticket_eur": column})
    metric = definitions.load(tmp_path / "manifest.json").metric("average_ticket_eur")
    assert (metric.label, metric.unit, metric.format) == ("Tickets", "EUR", "euro")
    assert (metric.better, metric.description) == ("down", "Mean.")


def test_a_changed_manifest_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_manifest(path, {"success_rate": {"meta": {"label": "Before"}}})
    assert definitions.load(path).metric("success_rate").label == "Before"
    write_manifest(path, {"success_rate": {"meta": {"label": "After!"}}})
    os.utime(path, ns=(1, 2))
    assert definitions.load(path).metric("success_rate").label == "After!"


@pytest.mark.parametrize(
    "content", [None, "", "{", "[]", '{"nodes": {}}', '{"nodes": {"x": 1}}', "null"]
)
def test_without_a_usable_manifest_names_serve_and_the_problem_is_named(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    known = definitions.load(path)
    assert known.problem is not None
    assert "./finhouse dbt parse" in known.problem
    metric = known.metric("successful_amount_eur")
    assert (metric.label, metric.format, metric.better) == ("Successful amount", "euro", "none")
    assert known.metric("success_rate").format == "percent"
    assert known.metric("count_active_accounts").label == "Active accounts"


def test_an_unknown_format_or_direction_falls_back(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_manifest(path, {"success_rate": {"meta": {"format": "<b>", "better": "sideways"}}})
    metric = definitions.load(path).metric("success_rate")
    assert (metric.format, metric.better) == ("percent", "none")
    assert definitions.load(path).problem is None


def test_a_metric_may_have_lines_and_a_time_until_it_is_ripe(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    meta = {"references": {"Excessive": 0.015}, "matures_after_days": 30, "format": "seconds"}
    write_manifest(path, {"refund_rate": {"meta": meta}, "success_rate": {}})
    known = definitions.load(path)
    assert known.metric("refund_rate").references == {"Excessive": 0.015}
    assert known.metric("refund_rate").matures_after_days == 30
    assert known.metric("refund_rate").format == "seconds"
    # what was paid 30 days ago is ripe
    assert known.metric("refund_rate").grows_from(date(2026, 3, 31)) == date(2026, 3, 2)
    assert known.metric("success_rate").grows_from(date(2026, 3, 31)) is None
    assert not known.metric("success_rate").references
    assert known.metric("success_rate").matures_after_days is None
