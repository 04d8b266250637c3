"""`finhouse logs`: the components' log files, one or all, with or without an end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TextIO

from rich.text import Text

from infra.cli import console
from infra.embedded import stack
from infra.embedded.supervisor import log_path
from infra.errors import FinhouseError
from infra.settings import Settings, load_settings

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "white", "bright_cyan")


def run(name: str | None, *, follow: bool, lines: int) -> None:
    """Print the last lines of one log or of all. Raises FinhouseError for an unknown name."""
    settings = load_settings()
    known = sorted(path.stem for path in settings.logs_dir.glob("*.log"))
    if name is not None and name not in known:
        raise FinhouseError(
            f"there is no log of {name!r}",
            why=f"there are logs of {', '.join(known)}" if known else "nothing was started yet",
            fix="./finhouse up" if not known else f"./finhouse logs {known[0]}",
            exit_code=2,
        )
    names = [name] if name else known
    for shown in names:
        for line in stack.tail(settings, shown, lines):
            _print(line, shown, names)
    if follow:
        _follow(settings, names)


def _print(line: str, name: str, names: list[str]) -> None:
    if len(names) == 1:
        console.out.print(line, markup=False)
        return
    colour = COLOURS[names.index(name) % len(COLOURS)]
    console.out.print(Text.assemble((f"{name:<12} ", colour), line))


def _follow(settings: Settings, names: list[str]) -> None:
    """Print what is appended, across rotations, until interrupted."""
    files = {name: _open(log_path(settings, name), at_end=True) for name in names}
    while True:
        is_idle = True
        for name, file in files.items():
            for line in file:
                is_idle = False
                _print(line.rstrip("\n"), name, names)
            path = log_path(settings, name)
            if path.exists() and path.stat().st_size < file.tell():  # rotated
                files[name] = _open(path, at_end=False)
        if is_idle:
            time.sleep(0.2)


def _open(path: Path, *, at_end: bool) -> TextIO:
    file = path.open(encoding="utf-8", errors="replace")
    if at_end:
        file.seek(0, 2)
    return file
