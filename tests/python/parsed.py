"""What dbt has parsed of this checkout, for targets of the tests' own."""

from __future__ import annotations

import shutil
from pathlib import Path

from infra.settings import ROOT


def take_along(target: Path) -> None:
    """What dbt parsed into the checkout's `target` before it need not parse again into another."""
    parsed = ROOT / "target" / "partial_parse.msgpack"
    if parsed.exists():
        target.mkdir(exist_ok=True)
        shutil.copy(parsed, target)
