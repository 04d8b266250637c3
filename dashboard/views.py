"""Saved views and annotations: two files of the project, read again when they change.

`views.yml` names filters of a page, `annotations.yml` what happened when. A mistake is a
FinhouseError that names the entry, what is wrong with it, and what to write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from dashboard import filters, periods
from dashboard.filters import DIMENSIONS, OFFERS
from infra import textfile
from infra.errors import FinhouseError
from infra.settings import ROOT

VIEWS = ROOT / "views.yml"
ANNOTATIONS = ROOT / "annotations.yml"
MOST_ENTRIES = 200
ZONES = (
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "America/Sao_Paulo",
)
MODES = ("Booked EUR", "Constant EUR", "Original currency")
# What the sidebar offers, by its names in the URL; the first one is what counts if nothing is said.
CONTROLS: Mapping[str, tuple[str, ...]] = {
    "range": (periods.DEFAULT_RANGE, *periods.RANGES),
    "compare": tuple(periods.COMPARISONS),
    "grain": tuple(filters.GRAINS),
    "amounts": MODES,
    "tz": ZONES,
}
EXAMPLES = {
    "views": "a list of `name`, `page` and `filters`, as in views.yml of the repository",
    "annotations": "a list of `at`, `label` and `kind`, as its first lines show",
}

Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


def controls_of(page: str) -> tuple[str, ...]:
    """The names of the sidebar's controls that a page has."""
    offer = OFFERS[page]
    asked = {
        "compare": offer.has_comparison,
        "grain": offer.has_grain,
        "amounts": offer.has_modes,
        "tz": offer.has_zone,
    }
    return tuple(name for name in CONTROLS if asked.get(name, True))


class View(BaseModel):
    """Filters of a page under a name; `filters` by the names that the URL has for them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Label
    page: str
    filters: Mapping[str, str | tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_offered(self) -> View:
        if self.page not in OFFERS:
            raise ValueError(f"there is no page `{self.page}` with filters: {', '.join(OFFERS)}")
        controls, offer = controls_of(self.page), OFFERS[self.page]
        for name, value in self.filters.items():
            if name not in (*controls, *offer.names):
                known = ", ".join((*controls, *offer.names))
                raise ValueError(f"the page {self.page} has no `{name}`: it has {known}")
            if name in controls and value not in CONTROLS[name]:
                options = ", ".join(dict.fromkeys(CONTROLS[name]))
                raise ValueError(f"`{name}` is one of {options}")
        written = {name: values for name, values in self.values.items() if values}
        kept = filters.parse(self.values).url
        for name, values in written.items():
            if len(kept[name]) != len(set(values)):
                raise ValueError(f"`{name}` has a value that is none")
        return self

    @property
    def values(self) -> dict[str, list[str]]:
        """The chosen values and the time, for the URL."""
        names = (*DIMENSIONS, filters.FROM, filters.TO)
        return {
            name: [value] if isinstance(value, str) else list(value)
            for name, value in self.filters.items()
            if name in names
        }


def _moment(value: object) -> object:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    raise ValueError("write a moment in UTC: 2026-03-29T14:37:00Z")


class Mark(BaseModel):
    """Something that happened, for the time charts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: Annotated[datetime, BeforeValidator(_moment)]
    label: Label
    kind: Literal["deploy", "incident", "fx"]


@dataclass(frozen=True, slots=True)
class _Seen:
    path: Path
    changed_ns: int
    size: int


def saved(path: Path | None = None) -> tuple[View, ...]:
    """The saved views, in the order of the file; none without a file. Raises FinhouseError."""
    found = _entries(path or VIEWS, "views")
    return tuple(_checked(path or VIEWS, View, found))


def marks(start: datetime, end: datetime, path: Path | None = None) -> list[Mark]:
    """The annotations of [start, end), by time; none while the file cannot be used."""
    try:
        found = all_marks(path)
    except FinhouseError:
        return []  # the sidebar tells
    return [mark for mark in found if start <= mark.at < end]


def all_marks(path: Path | None = None) -> list[Mark]:
    """All annotations, by time. Raises FinhouseError."""
    found = _checked(path or ANNOTATIONS, Mark, _entries(path or ANNOTATIONS, "annotations"))
    return sorted(found, key=lambda mark: mark.at)


def as_text(page: str, chosen: Mapping[str, Any]) -> str:
    """A view as it is written into the file."""
    view = {"name": "A name of yours", "page": page, "filters": dict(chosen)}
    return str(yaml.safe_dump([view], sort_keys=False, allow_unicode=True))


def _entries(path: Path, key: str) -> Sequence[Any]:
    try:
        stat = path.stat()
    except OSError:
        return ()
    return _read(_Seen(path, stat.st_mtime_ns, stat.st_size), key)


@lru_cache(maxsize=8)
def _read(seen: _Seen, key: str) -> Sequence[Any]:
    path = seen.path
    try:
        root = yaml.safe_load(textfile.read(path))
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        why = " ".join(str(error).split())[:300]
        raise _unusable(path.name, why, f"write {EXAMPLES[key]}") from error
    entries = root.get(key) if isinstance(root, dict) and set(root) == {key} else None
    if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
        why = f"it is not `{key}:` and a list of at most {MOST_ENTRIES}"
        raise _unusable(path.name, why, f"write {EXAMPLES[key]}")
    return entries


def _checked(path: Path, kind: Any, entries: Sequence[Any]) -> list[Any]:
    adapter = TypeAdapter(kind)
    found = []
    for number, entry in enumerate(entries, start=1):
        try:
            found.append(adapter.validate_python(entry))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            said = first["msg"].removeprefix("Value error, ")
            why = f"`{where}`: {said}" if where else said
            raise _unusable(f"{path.name}: entry {number}", why, "correct the entry") from error
    return found


def _unusable(what: str, why: str, fix: str) -> FinhouseError:
    return FinhouseError(f"{what} cannot be used", why=why, fix=fix, exit_code=2)
