"""Where the command line writes: results to stdout, everything else readable to stderr too."""

from __future__ import annotations

import sys

from rich.console import Console

from infra.errors import FinhouseError

# Long lines stay whole: without a terminal a wrapped path could not be copied.
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def whole_lines() -> None:
    """A table that goes to a file or a pipe keeps whole values."""
    if not out.is_terminal:
        out.width = 10_000


def ok(title: str, detail: str = "", seconds: float | None = None) -> None:
    """One finished step: `  ok  postgres 18        127.0.0.1:5432    0.9 s`."""
    time = f"{seconds:6.1f} s" if seconds is not None else ""
    out.print(f"  [green]ok[/]  {title:<20} {detail:<38}{time}".rstrip(), markup=True)


def note(text: str) -> None:
    """A remark on the way."""
    out.print(f"      {text}", style="dim", markup=False)


def fail(error: FinhouseError) -> None:
    """What happened, why, and the way out."""
    sys.stdout.flush()
    err.print(f"[bold red]error:[/] {_plain(error.message)}")
    if error.why:
        err.print(f"  [bold]why:[/]  {_plain(error.why)}")
    if error.fix:
        err.print(f"  [bold]fix:[/]  {_plain(error.fix)}")


def _plain(text: str) -> str:
    """Text in which square brackets are no markup."""
    return text.replace("[", r"\[")
