"""What each metric is called, means and looks like: read from dbt's manifest, never written twice.

The models' yml says `meta: {label, unit, format, better}` and `description` per column, and where
there is one, lines to draw (`references`) and after how many days a figure of the past has stopped
growing (`matures_after_days`); a page shows just that. Without a manifest the names alone must do,
and the page says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

import orjson

from infra.settings import ROOT

Format = Literal["compact", "percent", "euro", "integer", "decimal", "seconds"]
Better = Literal["up", "down", "none"]

MANIFEST = ROOT / "target" / "manifest.json"
KPI_MODEL = "model.finhouse.agg_kpis_daily"

_FORMATS = ("compact", "percent", "euro", "integer", "decimal", "seconds")
_BETTER = ("up", "down", "none")
PARSE_HINT = "run `./finhouse dbt parse`"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as dbt defines it."""

    name: str
    label: str
    unit: str
    format: Format
    better: Better
    description: str
    references: Mapping[str, float] = field(default_factory=dict)
    matures_after_days: int | None = None
    model: str = ""  # dbt's id of what has it as a column

    def grows_from(self, today: date) -> date | None:
        """The first day of the past whose figure still grows; None if none is said to."""
        if self.matures_after_days is None:
            return None
        return today - timedelta(days=self.matures_after_days - 1)


@dataclass(frozen=True, slots=True)
class Definitions:
    """One model and its metrics; `problem` says why they are missing, if they are."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    problem: str | None = None
    model: str = ""
    description: str = ""

    def metric(self, name: str) -> Metric:
        """A metric's definition; its bare name where dbt has none."""
        return self.metrics.get(name) or _undefined(name)


def load(path: Path = MANIFEST, model: str = KPI_MODEL) -> Definitions:
    """The definitions of now: read again when the file has changed. Never raises."""
    try:
        stat = path.stat()
    except OSError:
        return Definitions(problem=f"{path.name} is missing: {PARSE_HINT}")
    return _parse(path, model, stat.st_mtime_ns, stat.st_size)


def of(model: str) -> Definitions:
    """The definitions of a gold model by its bare name. Never raises."""
    return load(model=f"model.finhouse.{model}")


@lru_cache(maxsize=64)  # a page shows several models
def _parse(path: Path, model: str, _modified: int, _size: int) -> Definitions:
    try:
        node = orjson.loads(path.read_bytes())["nodes"][model]
        metrics = {name: _metric(name, column, model) for name, column in node["columns"].items()}
        description = " ".join(str(node.get("description") or "").split())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Definitions(problem=f"{path.name} does not define {model}: {PARSE_HINT}")
    return Definitions(metrics, model=model, description=description)


def _metric(name: str, column: dict[str, Any], model: str) -> Metric:
    # dbt 1.10+ keeps meta under config, and copies it to the column itself
    meta = column.get("meta") or column.get("config", {}).get("meta") or {}
    plain = _undefined(name)
    shown_as, better = meta.get("format"), meta.get("better")
    references = meta.get("references") or {}
    matures = meta.get("matures_after_days")
    return Metric(
        name=name,
        label=str(meta.get("label") or plain.label),
        unit=str(meta.get("unit") or plain.unit),
        format=cast(Format, shown_as) if shown_as in _FORMATS else plain.format,
        better=cast(Better, better) if better in _BETTER else plain.better,
        description=str(column.get("description") or plain.description),
        references={str(label): float(value) for label, value in references.items()},
        matures_after_days=None if matures is None else int(matures),
        model=model,
    )


def _undefined(name: str) -> Metric:
    """What a name alone tells."""
    words = name.removeprefix("count_").removesuffix("_eur").replace("_", " ")
    is_money = name.endswith("_eur")
    is_rate = name.removesuffix("_by_value").endswith(("_rate", "_share"))
    is_index = name.endswith(("_index", "_score"))
    return Metric(
        name=name,
        label=words.capitalize(),
        unit="EUR" if is_money else "",
        format=(
            "euro" if is_money else "percent" if is_rate else "decimal" if is_index else "integer"
        ),
        better="none",
        description=f"No definition found: {PARSE_HINT}.",
    )
