"""What the stack has to know about each of its processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from infra.settings import ROOT


@dataclass(frozen=True, slots=True)
class Component:
    """One supervised process."""

    name: str
    title: str
    address: str
    command: list[str]
    # Returns once the component serves a real request; raises any exception until then.
    probe: Callable[[], None]
    port: int | None = None
    environment: dict[str, str] = field(default_factory=dict)
    directory: Path = ROOT
    stop_signal: str = "TERM"
    stop_seconds: int = 8
    # How long the first answer may take before `up` gives up.
    start_seconds: int = 60
    # A one-off task ends by itself and is not started again.
    restarts: bool = True
