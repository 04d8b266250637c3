"""Pipeline and trust: whether the numbers are right, and how long they take. Exposure: pipeline."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import bar, charts, data, definitions, formats, trust, ui
from dashboard.cards import Card
from dashboard.connection import Row
from dashboard.queries import overview
from dashboard.queries import pipeline as queries

CARD_HEIGHT = 110
CHART_HEIGHT = 280
TABLE_HEIGHT = 300
SHOWN_DIFFERENCES = 200
SHOWN_MODELS = 12
SHOWN_FAILURES = 20
STATUS_COLORS = {
    "equal": "green",
    "complete": "green",
    "repaired": "orange",
    "failed": "orange",
    "differs": "red",
    "not repaired": "red",
    "refused": "red",
}
LAYERS = {"bronze_seconds": "Bronze", "silver_seconds": "Silver", "gold_seconds": "Gold"}

filters = bar.current("pipeline")


@st.fragment(run_every=filters.every("2s"))
def header() -> None:
    """Title, freshness and the verdict."""
    ui.headed("Pipeline and trust", definitions.of("pipeline_freshness"), verdict_box)


def verdict_box() -> None:
    """Whether the numbers are right, and what mends them if not."""
    found = trust.verdict(
        data.recent(queries.reconciliation()).rows,
        data.recent(queries.parity()).rows,
        data.recent(queries.capture()).rows,
    )
    text = found.why[:1].upper() + found.why[1:]
    if found.level == "equal":
        st.success(ui.plain(text), title=found.title, icon=":material/verified:")
        return
    box = st.error if found.level == "wrong" else st.warning
    box(
        f"**why** {ui.plain(found.why)}  \n**fix** `{found.fix}`",
        title=found.title,
        icon=":material/gpp_maybe:",
    )


@st.fragment(run_every=filters.every("5s"))
def lag_strip() -> None:
    """How long a commit takes to each layer, and how often the numbers were proved."""
    with ui.loading("pipeline_cards", CARD_HEIGHT):
        ui.guarded(lag_cards)


def lag_cards() -> None:
    """One card per layer, and one of the reconciliations."""
    lags = data.recent(queries.lags())
    runs = data.recent(queries.reconciled_runs())
    about = f"Heartbeats of the last {queries.MINUTES} minutes, one a second"
    shown = []
    for row in lags.rows:
        p50, p95, p99 = (formats.seconds(row[f"{name}_seconds"]) for name in ("p50", "p95", "p99"))
        label = f"Commit to {row['layer']}"
        reading = f"Half of the heartbeats took no longer. {about}."
        shown.append(plain(label, p50, f"p95 {p95} · p99 {p99}", reading))
    (counted,) = runs.rows
    wrong = counted["count_differing"]
    shown.append(
        plain(
            f"Proved in the last {queries.HOURS} hours",
            f"{counted['count_runs'] - wrong - counted['count_failed']:,} times",
            f"{wrong:,} found differences · {counted['count_failed']:,} could not be made",
            "Reconciliations of every table with Postgres that found no difference.",
        )
    )
    grid = st.grid(len(shown), min_column_width=190, row_height=CARD_HEIGHT)
    with grid:
        for card in shown:
            ui.metric_card(card)
    ui.footer("how_lags", [lags, runs], f"{about}; as a reader sees them, `./finhouse lag`")


def plain(label: str, value: str, note: str, help: str) -> Card:
    """A card of a figure that is compared with nothing."""
    return Card(label, value, None, "off", note, help, ())


@st.fragment(parallel=True, run_every=filters.every("5s"))
def hops() -> None:
    """How long each layer takes over time, and where the newest heartbeat is."""
    left, right = st.columns([3, 2])
    with left:
        ui.panel("From commit to each layer", "pipeline_trend", CHART_HEIGHT, lag_chart)
    with right:
        ui.panel("Every hop now", "pipeline_hops", CHART_HEIGHT, hops_table)


def lag_chart() -> None:
    """Median seconds per ten seconds, a line per layer."""
    answer = data.recent(queries.lag_trend())
    if not answer.rows:
        st.caption(f"No heartbeat has reached gold in the last {queries.MINUTES} minutes.")
        return
    frame = lag_frame(answer.rows)
    worst = frame["gold_seconds"].max()
    ui.chart(
        {
            "useUTC": True,
            "dataset": {"source": frame},
            "grid": charts.GRID,
            "legend": {"top": 0, "left": 0},
            "tooltip": {"trigger": "axis", "valueFormatter": "%.2f s"},
            "xAxis": {"type": "time"},
            "yAxis": {"type": "value", "min": 0, "axisLabel": {"formatter": "{value} s"}},
            "series": [charts.line(name, column) for column, name in LAYERS.items()],
        },
        height=CHART_HEIGHT,
        alt=f"Seconds from commit to bronze, silver and gold, median of ten seconds, last "
        f"{queries.MINUTES} minutes, UTC; at most {worst:.1f} s to gold",
        key="chart_lag",
    )
    ui.footer("how_lag_trend", [answer], "Median of ten seconds, UTC")


def lag_frame(rows: tuple[Row, ...]) -> pd.DataFrame:
    """One row per ten seconds: `drawn_at`, UTC, and seconds to each layer."""
    frame = pd.DataFrame([dict(row) for row in rows], columns=["drawn_at", *LAYERS])
    frame["drawn_at"] = pd.to_datetime(frame["drawn_at"], utc=True)
    return frame


def hops_table() -> None:
    """Each hop: how far what lies behind it is, and how long the newest heartbeat took there."""
    answer = data.live(overview.freshness())
    metric = definitions.of("pipeline_freshness").metric
    st.dataframe(
        pd.DataFrame(
            {
                "hop": [row["hop"] for row in answer.rows],
                "behind": [row["lag_seconds"] for row in answer.rows],
                "spent": [row["hop_seconds"] for row in answer.rows],
            }
        ),
        column_config={
            "hop": st.column_config.TextColumn("Hop", pinned=True),
            "behind": ui.number_column(metric("lag_seconds"), "%.1f s", "Behind the source"),
            "spent": ui.number_column(metric("hop_seconds"), "%.2f s", "Time in hop"),
        },
        hide_index=True,
        height="content",
        placeholder=formats.NOTHING,
        key="hops_table",
        alt=f"{len(answer.rows)} hops from Postgres to gold",
    )
    ui.footer("how_hops", [answer], "The newest heartbeat after each hop")


@st.fragment(parallel=True, run_every=filters.every("15s"))
def proofs() -> None:
    """What the checks compared and found."""
    ui.panel(
        "Compared with Postgres",
        "pipeline_reconciliation",
        TABLE_HEIGHT,
        reconciliation_table,
        "Each minute every table is compared with Postgres as of one snapshot. Traffic goes on.",
    )
    left, right = st.columns(2)
    with left:
        ui.panel(
            "Compared with itself",
            "pipeline_parity",
            TABLE_HEIGHT,
            parity_table,
            "Deltas against states and facts against deltas, every few seconds. "
            "What stays wrong is rebuilt.",
        )
    with right:
        ui.panel(
            "Complete capture",
            "pipeline_capture",
            TABLE_HEIGHT,
            capture_table,
            "Whether each bronze log has the whole of its Kafka topic: "
            "no message was deleted before it was read.",
        )


def status_column() -> Any:
    """A column of coloured words."""
    return st.column_config.MultiselectColumn(
        "Status",
        options=list(STATUS_COLORS),
        color=list(STATUS_COLORS.values()),
        width="small",
    )


def reconciliation_table() -> None:
    """The newest reconciliation per comparison, and the rows at fault if there are any."""
    answer = data.recent(queries.reconciliation())
    if not answer.rows:
        st.caption("Not compared yet; `./finhouse reconcile` does it now.")
        return
    st.dataframe(
        pd.DataFrame(
            {
                "comparison": [row["comparison"] for row in answer.rows],
                "status": [[row["status"]] for row in answer.rows],
                "rows": [row["count_rows"] for row in answer.rows],
                "groups": [row["count_groups"] for row in answer.rows],
                "differences": [row["count_differences"] for row in answer.rows],
                "message": [row["message"] for row in answer.rows],
            }
        ),
        column_config={
            "comparison": st.column_config.TextColumn("Table", pinned=True),
            "status": status_column(),
            "rows": st.column_config.NumberColumn("Rows in Postgres", format="%,d"),
            "groups": st.column_config.NumberColumn(
                "Groups", format="%,d", help="Such as one day, currency and status."
            ),
            "differences": st.column_config.NumberColumn("Differences", format="%,d"),
            "message": st.column_config.TextColumn("Why not", width="medium"),
        },
        hide_index=True,
        height=TABLE_HEIGHT,
        key="reconciliation_table",
        alt=f"{len(answer.rows)} tables compared with Postgres, those that differ first",
    )
    when = answer.rows[0]["finished_at"]
    answers = [answer]
    if any(row["count_differences"] for row in answer.rows):
        answers.append(data.recent(queries.differences(SHOWN_DIFFERENCES)))
        differences_table(answers[-1].rows)
    ui.footer("how_reconciliation", answers, f"Done {when:%d %b %Y %H:%M:%S} UTC")


def differences_table(rows: tuple[Row, ...]) -> None:
    """The rows at fault, column by column."""
    st.dataframe(
        pd.DataFrame([dict(row) for row in rows]),
        column_config={
            "comparison": "Table",
            "group_key": "Group",
            "row_key": "Key",
            "problem": "What is wrong",
            "column_name": "Column",
            "in_postgres": "In Postgres",
            "in_warehouse": "In the warehouse",
        },
        hide_index=True,
        height="content",
        placeholder=formats.NOTHING,
        key="differences_table",
        alt=f"{len(rows)} columns of rows that differ",
    )


def parity_table() -> None:
    """The newest parity check per model, and the repairs of the last day."""
    answer = data.recent(queries.parity())
    if not answer.rows:
        st.caption("Not checked yet; the first check follows the first build.")
        return
    st.dataframe(
        pd.DataFrame(
            {
                "model": [row["model"] for row in answer.rows],
                "status": [[row["status"]] for row in answer.rows],
                "check": [row["check_name"].replace("_", " ") for row in answer.rows],
                "age": [formats.seconds(row["age_seconds"]) for row in answer.rows],
                "message": [row["message"] for row in answer.rows],
            }
        ),
        column_config={
            "model": st.column_config.TextColumn("Model", pinned=True),
            "status": status_column(),
            "check": "Check",
            "age": "Ago",
            "message": st.column_config.TextColumn("Found", width="medium"),
        },
        hide_index=True,
        height=TABLE_HEIGHT,
        key="parity_table",
        alt=f"{len(answer.rows)} checks and repairs",
    )
    ui.footer("how_parity", [answer], f"Newest check, and repairs of {queries.HOURS} hours")


def capture_table() -> None:
    """Each source table's log, and the command that repairs it."""
    answer = data.recent(queries.capture())
    if not answer.rows:
        st.caption("Not checked yet; the first check precedes the first cycle.")
        return
    st.dataframe(
        pd.DataFrame(
            {
                "table": [f"finance.{row['source_table']}" for row in answer.rows],
                "status": [["refused" if row["problem"] else "complete"] for row in answer.rows],
                "offset": [row["complete_until"] for row in answer.rows],
                "age": [formats.seconds(row["age_seconds"]) for row in answer.rows],
                "problem": [row["problem"] for row in answer.rows],
                "fix": [row["fix"] for row in answer.rows],
            }
        ).sort_values("table"),
        column_config={
            "table": st.column_config.TextColumn("Source table", pinned=True),
            "status": status_column(),
            "offset": st.column_config.NumberColumn(
                "Complete below", format="%,d", help="Kafka offset below which nothing is missing."
            ),
            "age": "Checked ago",
            "problem": st.column_config.TextColumn("Problem", width="medium"),
            "fix": "Fix",
        },
        hide_index=True,
        height=TABLE_HEIGHT,
        key="capture_table",
        alt=f"{len(answer.rows)} source tables and whether their logs are complete",
    )
    ui.footer("how_capture", [answer], "Newest check of each table")


@st.fragment(parallel=True, run_every=filters.every("15s"))
def transform() -> None:
    """What dbt does, how long it takes, and what failed."""
    left, right = st.columns([2, 3])
    with left:
        ui.panel("Transform cycles", "pipeline_cycles", TABLE_HEIGHT, cycles_table)
    with right:
        ui.panel("Where the time goes", "pipeline_models", TABLE_HEIGHT, models_table)
    ui.panel("Failed runs", "pipeline_failures", TABLE_HEIGHT, failures_table)


def cycles_table() -> None:
    """Cycles per tier with their length."""
    answer = data.recent(queries.cycles())
    if not answer.rows:
        st.caption(f"No cycle in the last {queries.MINUTES} minutes: `./finhouse logs transform`.")
        return
    st.dataframe(
        pd.DataFrame([dict(row) for row in answer.rows]),
        column_config={
            "tier": st.column_config.TextColumn(
                "Tier",
                pinned=True,
                help="live: facts, each second; background: a turn of the other models; snapshot: "
                "histories of dimensions; build: the whole project; repair: after a check.",
            ),
            "count_cycles": st.column_config.NumberColumn("Cycles", format="%,d"),
            "p50_seconds": st.column_config.NumberColumn("p50", format="%.2f s"),
            "p95_seconds": st.column_config.NumberColumn("p95", format="%.2f s"),
            "count_failed": st.column_config.NumberColumn("Failed", format="%,d"),
        },
        hide_index=True,
        height="content",
        key="cycles_table",
        alt=f"{len(answer.rows)} tiers with the length of their cycles",
    )
    ui.footer("how_cycles", [answer], f"Last {queries.MINUTES} minutes")


def models_table() -> None:
    """The models that took most of the time."""
    answer = data.recent(queries.slowest_models(SHOWN_MODELS))
    if not answer.rows:
        st.caption(f"No model ran in the last {queries.MINUTES} minutes.")
        return
    st.dataframe(
        pd.DataFrame([dict(row) for row in answer.rows]),
        column_config={
            "model": st.column_config.TextColumn("Model", pinned=True),
            "tier": "Tier",
            "count_runs": st.column_config.NumberColumn("Runs", format="%,d"),
            "p50_seconds": st.column_config.NumberColumn("p50", format="%.2f s"),
            "max_seconds": st.column_config.NumberColumn("Longest", format="%.2f s"),
            "total_seconds": st.column_config.ProgressColumn(
                "Together",
                format="%.1f s",
                max_value=float(answer.rows[0]["total_seconds"]) or 1.0,
            ),
        },
        hide_index=True,
        height="content",
        key="models_table",
        alt=f"{len(answer.rows)} models that took most of the time",
    )
    ui.footer("how_models", [answer], f"Most of the time first, last {queries.MINUTES} minutes")


def failures_table() -> None:
    """The newest failures with their message."""
    answer = data.recent(queries.failures(SHOWN_FAILURES))
    if not answer.rows:
        st.caption(f"No model failed in the last {queries.HOURS} hours.")
        return
    st.dataframe(
        pd.DataFrame([dict(row) for row in answer.rows]),
        column_config={
            "finished_at": st.column_config.DatetimeColumn(
                "When (UTC)", format="DD MMM HH:mm:ss", timezone="UTC", pinned=True
            ),
            "tier": "Tier",
            "model": "Model",
            "message": st.column_config.TextColumn("Message", width="large"),
        },
        hide_index=True,
        height="content",
        key="failures_table",
        alt=f"{len(answer.rows)} newest failures",
    )
    ui.footer(
        "how_failures", [answer], "Newest first; a failed batch is not there, and comes again"
    )


header()
lag_strip()
hops()
proofs()
transform()
st.caption(
    "Lineage, columns and tests of every model: [documentation](/lineage/), "
    "once `./finhouse docs` has built it."
)
