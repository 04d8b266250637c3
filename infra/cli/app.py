"""The command line. Commands import what they need when they run: `--help` stays quick."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.bench import app as bench

PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

app = typer.Typer(
    name="finhouse",
    help="A financial data warehouse that is live: Postgres → Debezium → Kafka → ClickHouse → dbt.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Typical flow: finhouse up · finhouse status · finhouse sql 'select …' · finhouse down",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]

app.add_typer(bench, name="bench", help="Measure what a change costs, as ratios within one run.")


@app.command()
def up(
    only: Annotated[
        str | None,
        typer.Option(help="Start only these components, separated by commas.", metavar="NAMES"),
    ] = None,
    no_load: Annotated[
        bool, typer.Option("--no-load", help="Load no history and generate no traffic.")
    ] = False,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Do not open the dashboard in a browser.")
    ] = False,
) -> None:
    """Start everything, wait until a payment is visible in gold, open the dashboard."""
    from infra.cli import up as command

    raise typer.Exit(
        command.run(only.split(",") if only else None, load=not no_load, browse=not no_open)
    )


@app.command()
def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Delete all data of this stack.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before deleting.")] = False,
) -> None:
    """Stop everything; the data stays."""
    from infra.cli import down as command

    command.run(wipe=wipe, yes=yes)


@app.command()
def status(
    json: Json = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again each second.")] = False,
) -> None:
    """Show every component; exit code 1 if one that should run is down."""
    from infra.cli import status as command

    raise typer.Exit(command.run(as_json=json, watch=watch))


@app.command()
def logs(
    name: Annotated[str | None, typer.Argument(help="Component; all without it.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="Lines of each log.", min=0)] = 30,
) -> None:
    """Show the components' logs."""
    from infra.cli import logs as command

    command.run(name, follow=follow, lines=lines)


@app.command()
def doctor(json: Json = False) -> None:
    """Check this machine and the running stack; each finding comes with its remedy."""
    from infra.cli import doctor as command

    raise typer.Exit(command.run(as_json=json))


@app.command()
def env(
    format: Annotated[
        str, typer.Option(help="dotenv, json or shell.", metavar="FORMAT")
    ] = "dotenv",
) -> None:
    """Print addresses and secrets: eval "$(finhouse env --format shell)"."""
    from infra.cli import tools

    tools.env(format)


@app.command(context_settings=PASS_THROUGH, add_help_option=False)
def dbt(context: typer.Context) -> None:
    """Run dbt on this stack: finhouse dbt build."""
    from infra.cli import tools

    tools.dbt(context.args)


@app.command(context_settings=PASS_THROUGH, add_help_option=False)
def build(context: typer.Context) -> None:
    """Run dbt build: models and their tests."""
    from infra.cli import tools

    tools.dbt(["build", *context.args])


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One statement.")],
    json: Json = False,
) -> None:
    """Ask gold and ops, as the read-only user."""
    from infra.cli import tools

    tools.sql(query, as_json=json)


@app.command()
def peek(
    name: Annotated[str, typer.Argument(help="A Kafka topic or a ClickHouse table.")],
    count: Annotated[int, typer.Option("-n", help="How many.", min=1, max=1000)] = 5,
) -> None:
    """Show the last messages of a topic or the last rows of a table."""
    from infra.cli import tools

    tools.peek(name, count)


@app.command()
def lag(
    seconds: Annotated[float, typer.Option(help="How long to measure.", min=1)] = 10,
    json: Json = False,
) -> None:
    """Measure commit-to-visible times, hop by hop, on real rows."""
    from infra.cli import pipeline

    raise typer.Exit(pipeline.lag(seconds, as_json=json))


@app.command()
def trace(
    payment: Annotated[
        str, typer.Argument(help="Id of a payment (transaction_id).", metavar="TRANSACTION_ID")
    ],
    json: Json = False,
) -> None:
    """Tell the life of one payment, from its commit to gold, with milliseconds per hop.

    One line per change: Postgres' log position and transaction, the time in each hop (debezium,
    kafka, bronze, silver, gold), and what changed. Gold has a change by the end of the transform
    cycle after silver; a time that was not kept is a dash. Then refunds and disputes, the rows of
    gold the payment counts in, and whether silver and gold say what Postgres says: exit code 1 if
    not.

    Find an id: finhouse sql "select transaction_id from gold.live_recent_payments limit 5"
    """
    from infra.cli import trace as command

    raise typer.Exit(command.run(payment, as_json=json))


@app.command()
def reconcile(json: Json = False) -> None:
    """Compare Postgres with silver and gold; exit code 1 on any difference."""
    from infra.cli import pipeline

    raise typer.Exit(pipeline.reconcile(as_json=json))


@app.command()
def evaluate(json: Json = False) -> None:
    """Measure the fraud score against the labels that only the source has, day by day.

    Precision and recall are those of what the score calls suspicious. The stack does it by itself
    every five minutes; the page Risk and fraud shows it.
    """
    from infra.cli import pipeline

    raise typer.Exit(pipeline.evaluate(as_json=json))


@app.command()
def alerts(
    json: Json = False,
    check: Annotated[
        bool, typer.Option("--check", help="Check the rule file and ask every rule once.")
    ] = False,
) -> None:
    """Show how each alert stands; exit code 1 if one fires."""
    from infra.cli import alerts as command

    raise typer.Exit(command.run(as_json=json, check=check))


@app.command()
def recapture() -> None:
    """Take a new snapshot of the source and build everything from it."""
    from infra.cli import recapture as command

    raise typer.Exit(command.run())


@app.command(context_settings=PASS_THROUGH, add_help_option=False)
def gen(context: typer.Context) -> None:
    """Steer the traffic generator: rate, mix, pause, resume."""
    from typer.main import get_command

    from ingestion.generator.cli import app as generator

    get_command(generator).main(context.args, prog_name="finhouse gen", standalone_mode=False)


@app.command()
def docs() -> None:
    """Build the offline documentation site; exit code 1 if its health is below 95."""
    from infra.cli import docs as command

    raise typer.Exit(command.run())


@app.command(context_settings=PASS_THROUGH, add_help_option=False)
def test(context: typer.Context) -> None:
    """Run the tests, all of them on two workers; arguments go to pytest."""
    from infra.cli import tools

    tools.test(context.args)
