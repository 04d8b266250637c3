"""`./finhouse gen`: steer the traffic generator that `./finhouse up` started."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from infra.errors import FinhouseError

if TYPE_CHECKING:
    from ingestion.generator.control import GeneratorStatus

_HELP = """Steer the traffic generator.

It streams 123,456 new payments per 24 s by default, evenly, and settles, corrects, refunds,
disputes and deletes some of them. Options change the running stream, are kept over restarts, and
can be combined. Without an option: show what it does.

\b
Examples:
  ./finhouse gen                            what is it doing?
  ./finhouse gen --rate 500 --interval 1    500 new payments per second
  ./finhouse gen --burst                    each interval's payments all at once
  ./finhouse gen --updates 0.5              as many updates as half the payments
  ./finhouse gen --pause                    returns when nothing is written any more
  ./finhouse gen --defaults --resume        back to how it started
"""

app = typer.Typer(help=_HELP, rich_markup_mode=None, subcommand_metavar="", add_completion=False)


@app.callback(invoke_without_command=True)
def gen(
    rate: Annotated[
        int | None, typer.Option(min=1, help="New payments per interval. Default 123456.")
    ] = None,
    interval: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds of an interval. Default 24.")
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="New payments per database transaction. Default: 0.2 s of them."),
    ] = None,
    burst: Annotated[
        bool, typer.Option("--burst", help="One database transaction per interval.")
    ] = False,
    updates: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Updates of payments per new payment. Default 0.1."),
    ] = None,
    deletes: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Deleted payments per new payment. Default 0.01."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Go on with other random numbers. Default 42.")
    ] = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Forget all that was set before.")
    ] = False,
    pause: Annotated[
        bool, typer.Option("--pause", help="Stop, and return when no transaction is open.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Show what it does.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the status as JSON.")] = False,
) -> None:
    """Change what was asked for, wait for the stream's answer, and show its status."""
    from infra.settings import load_settings
    from ingestion.generator import control

    if pause and resume:
        raise typer.BadParameter("--pause and --resume exclude each other")
    if burst and batch is not None:
        raise typer.BadParameter("--burst and --batch exclude each other")
    settings = load_settings()
    asked = {
        "rate": rate,
        "interval_seconds": interval,
        "batch": batch,
        "updates": updates,
        "deletes": deletes,
        "seed": seed,
    }
    changes: dict[str, object] = {
        name: value for name, value in asked.items() if value is not None or defaults
    }
    if burst:
        changes["batch"] = control.WHOLE_INTERVAL
    if pause or resume:
        changes["is_paused"] = pause
    if status and changes:
        raise typer.BadParameter("--status changes nothing, give it alone (every change shows it)")
    now = control.configure(settings, changes) if changes else control.status(settings)
    typer.echo(json.dumps(now.as_json()) if as_json else _text(now))
    if not now.is_alive and not changes:
        raise FinhouseError(
            "the generator is not running",
            why=now.message or f"its last state was '{now.state}'",
            fix="./finhouse up starts it, ./finhouse logs generator shows why it stopped",
            exit_code=1,
        )


def _text(now: GeneratorStatus) -> str:
    lines = [
        f"generator  {now.state if now.is_alive else 'not running'}",
        f"rate       {now.actual_rate:,.0f} new payments/s of {now.target_rate:,.0f}/s asked for",
        f"stored     {now.stored_transactions:,} payments,"
        f" {now.new_transactions:,} of them since the generator started",
    ]
    if now.last_commit_at:
        lines.append(f"commit     {now.last_commit_at:%Y-%m-%d %H:%M:%S} UTC")
    if now.message:
        lines.append(f"note       {now.message}")
    if not now.is_alive:
        lines.append("note       what was asked for is kept for the next start")
    return "\n".join(lines)
