"""Pipeline and trust: whether the numbers are right, how long they take, and how the servers before
the warehouse stand. Exposure: pipeline.

Whoever is an operator (FINHOUSE_OPERATOR) may pause, resume and restart the connector.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import bar, charts, data, definitions, formats, trust, ui
from dashboard.cards import Card
from dashboard.connection import Row
from dashboard.queries import overview
from dashboard.queries import pipeline as queries
from infra.errors import FinhouseError
from infra.settings import Settings, load_settings
from infra.transform import trace
from ingestion import connector

CARD_HEIGHT = 110
CHART_HEIGHT = 280
TABLE_HEIGHT = 300
SHOWN_DIFFERENCES = 200
SHOWN_MODELS = 12
SHOWN_FAILURES = 20
SHOWN_REFUSALS = 50
MESSAGE_ROWS = 15
# The transform loop looks at the servers every ten seconds.
STALE_SECONDS = 60
SERVERS = {"kafka": "Kafka", "connect": "Kafka Connect", "postgres": "Postgres"}
ORDERS: dict[str, Callable[[Settings], None]] = {
    "pause": connector.pause,
    "resume": connector.resume,
    "restart": partial(connector.restart, only_failed=False),
}
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


@st.fragment(parallel=True, run_every=filters.every("5s"))
def servers() -> None:
    """How Kafka, the connector and Postgres stand, and each topic."""
    ui.panel(
        "Servers and capture",
        "pipeline_servers",
        CARD_HEIGHT,
        servers_box,
        "What is before ClickHouse, looked at by the transform loop every ten seconds.",
    )
    ui.panel(
        "Topics",
        "pipeline_topics",
        TABLE_HEIGHT,
        topics_table,
        "Each source table has a Kafka topic, and each topic a log in bronze.",
    )


def servers_box() -> None:
    """Who does not answer, the state of connector and slot, and what an operator may do."""
    answer = data.recent(queries.servers())
    if not answer.rows:
        st.caption("Not looked at yet; the transform loop looks every ten seconds.")
        return
    (row,) = answer.rows
    problems(row)
    metric = definitions.of("pipeline_servers").metric

    def card(name: str, value: str, note: str) -> Card:
        return plain(metric(name).label, value or formats.NOTHING, note, metric(name).description)

    kept, wal = row["retained_bytes"], row["wal_bytes"]
    shown = [
        card("connector_state", row["connector_state"], f"task {row['task_state'] or 'unknown'}"),
        card("slot_state", row["slot_state"], f"WAL {row['wal_status'] or 'unknown'}"),
        card("retained_bytes", "" if kept is None else formats.size(kept), "until it is captured"),
        card("wal_bytes", "" if wal is None else formats.size(wal), "what is kept included"),
    ]
    with st.grid(len(shown), min_column_width=190, row_height=CARD_HEIGHT):
        for one in shown:
            ui.metric_card(one)
    controls(str(row["connector_state"]))
    ui.footer("how_servers", [answer], f"Looked at {formats.seconds(row['age_seconds'])} ago")


def problems(row: Row) -> None:
    """What of the newest look somebody has to know."""
    if row["age_seconds"] > STALE_SECONDS:
        st.warning(
            f"**why** the transform loop has not looked for {formats.seconds(row['age_seconds'])}"
            "  \n**fix** `./finhouse status`, `./finhouse logs transform`",
            title="How the servers stand now is not known",
            icon=":material/schedule:",
        )
    for name, title in SERVERS.items():
        if not row[f"{name}_error"]:
            continue
        at = row[f"{name}_answered_at"]
        since = f"{at:%d %b %H:%M:%S} UTC" if at else "it was first looked at"
        st.error(
            f"**why** {ui.plain(row[f'{name}_error'])}  \n"
            f"**fix** `./finhouse status`, `./finhouse logs {name}`",
            title=f"{title} has not answered since {since}",
            icon=":material/cloud_off:",
        )
    if row["connector_state"] in connector.HELD:
        st.warning(
            "Nothing new reaches the warehouse until it is resumed, here or by `./finhouse up`. "
            "Postgres keeps its log meanwhile, so nothing is lost.",
            title=f"Capture is {row['connector_state'].lower()}",
            icon=":material/pause_circle:",
        )
    if row["connector_error"]:
        st.error(
            f"**why** {ui.plain(row['connector_error'])}  \n"
            "**fix** the transform loop starts it anew; if it stays: `./finhouse logs connect`",
            title="The connector has failed",
            icon=":material/error:",
        )


def controls(state: str) -> None:
    """Pause, resume and restart of the connector, for an operator."""
    if not load_settings().operator:
        st.caption(
            "Pausing, resuming and restarting the connector needs the setting "
            "`FINHOUSE_OPERATOR=1`: `./finhouse down`, then `FINHOUSE_OPERATOR=1 ./finhouse up`."
        )
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if state in connector.HELD:
            button("resume", "Resume", ":material/play_arrow:")
        else:
            with st.popover("Pause", icon=":material/pause:", key="ask_pause"):
                st.markdown(
                    "Nothing new reaches the warehouse until somebody resumes it. Postgres keeps "
                    "its log meanwhile, up to `max_slot_wal_keep_size`; beyond that the copy is "
                    "made anew."
                )
                button("pause", "Pause capture now", ":material/pause:")
        button("restart", "Restart", ":material/restart_alt:")
    ordered = st.session_state.get("ordered")
    if isinstance(ordered, FinhouseError):
        st.error(
            f"**why** {ui.plain(ordered.why or '')}  \n**fix** {ordered.fix}",
            title=ordered.message,
            icon=":material/block:",
        )
    elif ordered:
        st.caption(ordered)


def button(name: str, label: str, icon: str) -> None:
    """A button that tells Kafka Connect to do something with the connector."""
    st.button(label, icon=icon, key=f"order_{name}", on_click=give_order, args=(name,))


def give_order(name: str) -> None:
    """Tell Kafka Connect, and keep what became of it for the page to show."""
    try:
        ORDERS[name](load_settings())
    except FinhouseError as error:
        st.session_state["ordered"] = error
    else:
        st.session_state["ordered"] = (
            f"{datetime.now(UTC):%H:%M:%S} UTC: Kafka Connect was told to {name} the connector; "
            "its state is shown here within ten seconds or so."
        )


def topics_table() -> None:
    """Messages, positions and lag of each topic."""
    answer = data.recent(queries.topics())
    metric = definitions.of("pipeline_topics").metric
    rows = answer.rows
    st.dataframe(
        pd.DataFrame(
            {
                "topic": [row["topic"] for row in rows],
                "messages": [row["count_received"] for row in rows],
                "end": [row["end_offset"] for row in rows],
                "next": [row["next_offset"] for row in rows],
                "lag": [row["consumer_lag"] for row in rows],
                "newest": [age(row["newest_age_seconds"]) for row in rows],
            }
        ),
        column_config={
            "topic": st.column_config.TextColumn("Topic", pinned=True),
            "messages": ui.number_column(metric("count_received"), "%,d"),
            "end": ui.number_column(metric("end_offset"), "%,d"),
            "next": ui.number_column(metric("next_offset"), "%,d"),
            "lag": ui.number_column(metric("consumer_lag"), "%,d"),
            "newest": st.column_config.TextColumn(
                metric("newest_age_seconds").label, help=metric("newest_age_seconds").description
            ),
        },
        hide_index=True,
        height="content",
        placeholder=formats.NOTHING,
        key="topics_table",
        alt=f"{len(rows)} topics with their messages, offsets and consumer lag",
    )
    looked = [row["age_seconds"] for row in rows if row["age_seconds"] is not None]
    ui.footer(
        "how_topics",
        [answer],
        f"Kafka was asked {formats.seconds(max(looked))} ago" if looked else "Kafka not asked yet",
    )


def age(seconds: float | None) -> str:
    """How long ago, if ever."""
    return formats.NOTHING if seconds is None else f"{formats.seconds(seconds)} ago"


@st.fragment(run_every=filters.every("5s"))
def messages() -> None:
    """The newest messages of one topic."""
    ui.panel(
        "Newest messages",
        "pipeline_messages",
        TABLE_HEIGHT,
        messages_table,
        "As they are in bronze, at most 10,000 offsets back. What is personal is masked; of a "
        "message in quarantine only the reason is told.",
    )


def first_page() -> None:
    """Another topic begins with its newest messages."""
    st.session_state["messages_page"] = 1


def messages_table() -> None:
    """A page of the messages of the chosen topic, and the way to ask more of them."""
    tables = [str(row["source_table"]) for row in data.recent(queries.topics()).rows]
    if not tables:
        st.caption("There is no topic yet.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        table = st.selectbox(
            "Topic",
            tables,
            index=tables.index("transactions"),
            key="topic",
            bind="query-params",
            on_change=first_page,
            width=260,
        )
        st.page_link(
            "app_pages/sql.py",
            label="Query this topic",
            icon=":material/terminal:",
            query_params={"q": queries.about_a_topic(table)},
        )
    answer = data.recent(queries.messages(table, ui.asked_page("messages_page"), MESSAGE_ROWS))
    rows = answer.rows
    if not rows:
        st.caption("This topic has no message.")
        return

    def moment(label: str) -> Any:
        return st.column_config.DatetimeColumn(
            f"{label} (UTC)", format="DD MMM HH:mm:ss.SSS", timezone="UTC"
        )

    st.dataframe(
        pd.DataFrame(
            {
                "kafka": [f"{row['kafka_partition']} / {row['kafka_offset']}" for row in rows],
                "operation": [
                    trace.OPERATIONS.get(row["operation"], row["operation"]) for row in rows
                ],
                "committed": [None if row["refusal"] else row["committed_at"] for row in rows],
                "captured": [None if row["refusal"] else row["captured_at"] for row in rows],
                "ingested": [row["ingested_at"] for row in rows],
                "key": [row["masked_key"] for row in rows],
                "before": [row["masked_before"] for row in rows],
                "after": [row["masked_after"] for row in rows],
                "refusal": [row["refusal"] for row in rows],
            }
        ),
        column_config={
            "kafka": st.column_config.TextColumn("Partition / offset", pinned=True),
            "operation": "Operation",
            "committed": moment("Committed"),
            "captured": moment("Captured"),
            "ingested": moment("In bronze"),
            "key": "Key",
            "before": st.column_config.TextColumn("Before", width="medium"),
            "after": st.column_config.TextColumn("After", width="large"),
            "refusal": st.column_config.TextColumn("In quarantine for"),
        },
        hide_index=True,
        height="content",
        key="messages_table",
        alt=f"{len(rows)} messages of the topic of finance.{table}, newest first",
    )
    which = ui.pages(
        "messages_page", rows[0]["page"], MESSAGE_ROWS, len(rows), rows[0]["count_found"]
    )
    ui.footer("how_messages", [answer], f"{which} · newest first")


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
    ui.panel(
        "Quarantine",
        "pipeline_quarantine",
        CARD_HEIGHT,
        quarantine_table,
        "Messages that break the contract of the source are kept in `bronze.quarantine` and are in "
        "no figure.",
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


def quarantine_table() -> None:
    """Refused messages by table and reason."""
    answer = data.recent(queries.quarantine(SHOWN_REFUSALS))
    if not answer.rows:
        st.caption("No message was refused.")
        return
    metric = definitions.of("pipeline_quarantine").metric
    st.dataframe(
        pd.DataFrame(
            {
                "table": [f"finance.{row['source_table']}" for row in answer.rows],
                "refusal": [row["refusal"] for row in answer.rows],
                "messages": [row["count_messages"] for row in answer.rows],
                "newest": [row["newest_ingested_at"] for row in answer.rows],
            }
        ),
        column_config={
            "table": st.column_config.TextColumn("Source table", pinned=True),
            "refusal": st.column_config.TextColumn("Refused for", width="large"),
            "messages": ui.number_column(metric("count_messages"), "%,d", "Messages"),
            "newest": st.column_config.DatetimeColumn(
                "Newest (UTC)", format="DD MMM HH:mm:ss", timezone="UTC"
            ),
        },
        hide_index=True,
        height="content",
        key="quarantine_table",
        alt=f"{len(answer.rows)} reasons that messages were refused for, newest first",
    )
    ui.footer(
        "how_quarantine",
        [answer],
        "What to do: the file `docs/runbook.md`, section Quarantine. Messages themselves are not "
        "shown here.",
    )


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
servers()
proofs()
messages()
transform()
st.caption(
    "Lineage, columns and tests of every model: [documentation](/lineage/), "
    "once `./finhouse docs` has built it."
)
