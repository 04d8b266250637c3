"""`finhouse bench`: what a change costs, as ratios within one run."""

from __future__ import annotations

import dataclasses
import json as jsonlib
from typing import Annotated

import typer

from infra.cli import console

app = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


@app.command()
def cycle(
    small: Annotated[int, typer.Option(help="Payments stored, first.", min=10_000)] = 1_000_000,
    large: Annotated[int, typer.Option(help="Payments stored, then.", min=10_000)] = 30_000_000,
    cycles: Annotated[int, typer.Option(help="Cycles timed at each size.", min=3)] = 20,
    json: Json = False,
) -> None:
    """Time transform cycles with few and with many payments stored.

    Starts a ClickHouse of its own in a temporary folder (about 4 GB for 30 million payments).
    """
    from rich.table import Table

    from infra.bench import cycle as benchmark

    costs = benchmark.run(sorted({small, large}), cycles, console.note)
    if json:
        print(jsonlib.dumps([dataclasses.asdict(cost) for cost in costs], indent=2))
        return
    table = Table("tier", "payments stored", "p50 s", "p95 s", "p50 to the first", box=None)
    first = {cost.tier: cost.p50 for cost in reversed(costs)}
    for cost in costs:
        ratio = cost.p50 / first[cost.tier]
        table.add_row(
            cost.tier, f"{cost.payments:,}", f"{cost.p50:.2f}", f"{cost.p95:.2f}", f"{ratio:.2f}"
        )
    console.out.print(table)


@app.command()
def strategies(
    payments: Annotated[int, typer.Option(help="Payments stored.", min=10_000)] = 10_000_000,
    json: Json = False,
) -> None:
    """Apply one cycle's changes to a fact incrementally, and in the ways dbt offers otherwise.

    Starts a ClickHouse of its own in a temporary folder (about 1.5 GB for 10 million payments).
    """
    from rich.table import Table

    from infra.bench import strategies as benchmark

    costs = benchmark.run(payments, console.note)
    if json:
        print(jsonlib.dumps([dataclasses.asdict(cost) for cost in costs], indent=2))
        return
    table = Table("strategy", "seconds", "to incremental", "atomic", box=None)
    for cost in costs:
        table.add_row(
            cost.strategy,
            f"{cost.seconds:.2f}",
            f"{cost.ratio:.1f}",
            "yes" if cost.is_atomic else "no",
        )
    console.out.print(table)


@app.command()
def dashboard(
    viewers: Annotated[int, typer.Option(help="Viewers at once.", min=1, max=200)] = 20,
    seconds: Annotated[float, typer.Option(help="How long they look.", min=5)] = 60,
    every: Annotated[float, typer.Option(help="Seconds from run to run.", min=1)] = 5,
    json: Json = False,
) -> None:
    """Time every page of the running stack's dashboard, then the Overview with many viewers."""
    from rich.table import Table

    from infra.bench import dashboard as benchmark

    visited = benchmark.pages(console.note)
    looked = benchmark.crowd(viewers, seconds, every, console.note)
    if json:
        found = {
            "pages": list(map(dataclasses.asdict, visited)),
            "crowd": dataclasses.asdict(looked),
        }
        print(jsonlib.dumps(found, indent=2))
        return
    titles = ("first s", "again s", "queries", "p50 ms", "p95 ms", "longest ms", "errors")
    table = Table("page", *titles, box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for page in visited:
        times = (f"{page.first:.2f}", f"{page.again:.2f}", f"{page.queries}")
        asked = (page.query_p50, page.query_p95, page.query_longest)
        table.add_row(page.page, *times, *(f"{ms:,.0f}" for ms in asked), f"{page.errors}")
    console.out.print(table)
    console.out.print(
        f"\n{looked.viewers} viewers, {looked.visits} runs of the Overview: p50 {looked.p50:.2f} s,"
        f" p95 {looked.p95:.2f} s, longest {looked.longest:.2f} s, {looked.errors} errors"
    )
