"""`finhouse lag`, `reconcile` and `evaluate`: what the pipeline proves about itself."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from infra.cli import console
from infra.settings import load_settings
from infra.transform import evaluate as evaluation
from infra.transform import lag as lag_of
from infra.transform import reconcile as reconciliation
from infra.transform.warehouse import connect

SHOWN_DIFFERENCES = 20
SHOWN_KEYS = 5
SESSIONS = "select count() > 0 from gold.fct_sessions_by_day"
QUALITY = """
    select
        payment_date,
        count_measured_payments,
        count_fraud,
        precision_share,
        recall_share,
        f1_score,
        precision_at_100,
        area_under_curve
    from gold.agg_fraud_quality_daily
    where payment_date >= {first:Date}
    order by payment_date
"""


def lag(seconds: float, *, as_json: bool) -> int:
    """Measure commit-to-visible times and print them; 0."""
    settings = load_settings()
    with Progress(
        TextColumn("measuring"),
        BarColumn(),
        console=console.err,
        transient=True,
        disable=not console.err.is_terminal,
    ) as progress:
        task = progress.add_task("lag", total=1.0)
        lags = lag_of.measure(settings, seconds, lambda done: progress.update(task, completed=done))
    if as_json:
        console.out.print_json(json.dumps([asdict(one) for one in lags]))
        return 0
    table = Table("commit →", "rows", "p50 s", "p95 s", "p99 s", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for one in lags:
        figures = (f"{value:.2f}" for value in (one.p50, one.p95, one.p99))
        table.add_row(one.layer, f"{one.rows:,}", *figures)
    console.out.print(table)
    return 0


def reconcile(*, as_json: bool) -> int:
    """Compare Postgres with the warehouse; 0 if all is equal, 1 if not."""
    settings = load_settings()
    started_at = datetime.now(UTC)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        console=console.err,
        transient=True,
        disable=not console.err.is_terminal,
    ) as progress:
        task = progress.add_task("starting", total=None)
        outcome = reconciliation.reconcile(
            settings, lambda text: progress.update(task, description=text)
        )
    with closing(connect(settings)) as client:
        reconciliation.record(client, started_at, outcome)
    if as_json:
        console.out.print_json(json.dumps(asdict(outcome), default=str))
        return 0 if outcome.is_equal else 1
    for comparison in outcome.comparisons:
        if comparison.note:
            console.out.print(f"  [yellow]unknown[/]  {comparison.name:<34} {comparison.note}")
    for difference in outcome.differences[:SHOWN_DIFFERENCES]:
        _show(difference)
    hidden = len(outcome.differences) - SHOWN_DIFFERENCES
    if hidden > 0:
        console.note(f"and {hidden} more; --json lists all")
    console.out.print(
        f"{outcome.rows:,} rows, {len(outcome.comparisons)} comparisons of"
        f" {outcome.groups:,} groups in {outcome.seconds:.1f} s:"
        f" {len(outcome.differences)} differences"
    )
    return 0 if outcome.is_equal else 1


def evaluate(*, as_json: bool) -> int:
    """Compare the fraud scores with the labels and print how good they are; 0."""
    settings = load_settings()
    found = evaluation.run(settings)
    days: list[dict[str, Any]] = []
    with closing(connect(settings)) as client:
        if found:
            first = min(one.payment_date for one in found)
            days = list(client.query(QUALITY, parameters={"first": first}).named_results())
        has_sessions = days or client.query(SESSIONS).result_rows[0][0]
    if as_json:
        console.out.print_json(json.dumps(days, default=str))
    elif not has_sessions:
        console.note("no session has a score yet: the background makes them after the build")
    elif not days:
        console.note("the source has no labels of fraud in the last 7 days: nothing to measure")
    else:
        names = ("precision", "recall", "f1", "precision@100", "auc")
        table = Table("day", "payments", "fraud", *names, box=None)
        for column in table.columns[1:]:
            column.justify = "right"
        for day, payments, fraud, *shares in (row.values() for row in days):
            shown = ("n/a" if share is None else f"{share:.4f}" for share in shares)
            table.add_row(str(day), f"{payments:,}", f"{fraud:,}", *shown)
        console.out.print(table)
    return 0


def _show(difference: reconciliation.Difference) -> None:
    """One group: its figures on both sides, then the rows at fault."""
    group = " ".join(difference.group)
    console.out.print(f"  [red]differs[/]  {difference.comparison:<34} {group}")
    for index, figure in enumerate(difference.figures):
        left = difference.postgres[index] if difference.postgres else "nothing"
        right = difference.warehouse[index] if difference.warehouse else "nothing"
        if left != right:
            console.out.print(f"           {figure}: Postgres {left}, warehouse {right}")
    for key in difference.keys[:SHOWN_KEYS]:
        name = " ".join(str(value) for value in key.key.values())
        console.out.print(f"           → {name}: {key.problem}", markup=False)
        for column, (stored, held) in key.columns.items():
            text = f"             {column}: Postgres {stored}, warehouse {held}"
            console.out.print(text, markup=False)
    if len(difference.keys) > SHOWN_KEYS:
        console.note(f"     and {len(difference.keys) - SHOWN_KEYS} more; --json lists all")
