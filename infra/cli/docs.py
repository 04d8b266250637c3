"""`finhouse docs`: build the documentation site and hold its health."""

from __future__ import annotations

from infra.cli import console
from infra.docs import site
from infra.settings import load_settings

LEAST_HEALTH = 95


def run() -> int:
    """Build the site and say where it is; 1 if its health score is below LEAST_HEALTH."""
    built = site.build(load_settings(), console.ok)
    if not built.is_live:
        console.note(
            "ClickHouse does not answer: types are those of the contracts; "
            "after ./finhouse up they are what the server says"
        )
    console.out.print(f"\n  {built.folder / 'index.html'}   {built.bytes / 1e6:.1f} MB, offline")
    if built.health < LEAST_HEALTH:
        console.out.print(f"  [red]health {built.health:.1f} is below {LEAST_HEALTH}[/]")
        console.note(f"what it lacks: {built.folder / 'health' / 'index.html'}#/health")
        return 1
    return 0
