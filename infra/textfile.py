"""Files that somebody writes by hand: read whole, but not whatever their size."""

from __future__ import annotations

from pathlib import Path

MOST_BYTES = 1_000_000


def read(path: Path) -> str:
    """The text of a file. Raises OSError, and ValueError if it is too long or no UTF-8."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
    return content.decode()
