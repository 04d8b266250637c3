"""Accounts: how many are active, who comes and goes, and who stays. Exposure: accounts.

The marts are read at most once a minute (`data.past`): they look at every account's days.
"""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from dashboard import bar, cards, charts, charts_accounts, data, definitions, periods, ui
from dashboard.queries import accounts as queries

KPI_HEIGHT = 172
CHART_HEIGHT = 300
COHORT_HEIGHT = 340
DRAWN_DAYS = 30
COHORT_WEEKS = 12
DAY = timedelta(days=1)
ACTIVE = ("count_active_1d", "count_active_7d", "count_active_30d")
MOVING = ("count_new", "count_activated", "count_resurrected")
# What the cohorts' cells are shares of: the column of the query and of the model.
SHARES = {
    "Accounts": ("accounts_percent", "retention_rate"),
    "Volume": ("volume_percent", "volume_retention"),
}
MODEL = "agg_active_accounts_daily"

filters = bar.current("accounts")


@st.fragment(run_every=filters.every("2s"))
def header() -> None:
    """Title and freshness; the figures below change more slowly."""
    ui.headed("Accounts and cohorts", definitions.of(MODEL))


@st.fragment(run_every=filters.every("30s"))
def kpi_strip() -> None:
    """Active, new and dormant accounts."""
    with ui.loading("accounts_kpis", KPI_HEIGHT):
        ui.guarded(kpi_row)


def kpi_row() -> None:
    """Today so far; what is over is compared with its like."""
    today = filters.days.last
    yesterday = today - DAY
    earlier = yesterday - filters.day_shift
    days = periods.Days(min(earlier, today - DRAWN_DAYS * DAY), today)
    answer = data.past(queries.activity(days))
    by_day = {row["drawn_at"]: row for row in answer.rows}
    if today not in by_day:
        bar.nothing_here(filters)
        return
    known = definitions.of(MODEL)
    names = (*ACTIVE, "stickiness", "count_new", "count_dormant")
    grid = st.grid(len(names), min_column_width=150, row_height=KPI_HEIGHT)
    with grid:
        for name in names:
            ui.metric_card(
                cards.day_card(
                    name,
                    known,
                    by_day[today][name],
                    by_day[yesterday][name] if yesterday in by_day else None,
                    by_day[earlier][name] if earlier in by_day else None,
                    "today, so far",
                    [row[name] for row in answer.rows if row["drawn_at"] < today],
                )
            )
    ui.footer(
        "how_accounts_kpis",
        [answer],
        f"Today so far; compared: {yesterday:%d %b} with {filters.versus_days}",
        ui.definition_lines([known.metric(name) for name in names]),
    )


@st.fragment(parallel=True, run_every=filters.every("30s"))
def trends() -> None:
    """Active accounts, and those that come."""
    left, right = st.columns(2)
    with left:
        ui.panel("Active accounts", "accounts_active", CHART_HEIGHT, lambda: trend(ACTIVE))
    with right:
        ui.panel("Who comes", "accounts_moving", CHART_HEIGHT, lambda: trend(MOVING))


def trend(names: tuple[str, ...]) -> None:
    """A line per metric over days."""
    days = filters.days.at_least(DRAWN_DAYS)
    answer = data.past(queries.activity(days))
    if not answer.rows:
        st.caption("No payments on these days.")
        return
    known = definitions.of(MODEL)
    metrics = [known.metric(name) for name in names]
    labels = {metric.name: metric.label for metric in metrics}
    frame = charts.day_frame(answer.rows, names)
    filling = bool(answer.rows[-1]["drawn_at"] == days.open_from)
    ui.time_chart(
        frame,
        charts.lines_option(frame, labels, "%,.0f", {"min": 0}, filling=filling),
        height=CHART_HEIGHT,
        alt=f"{', '.join(labels.values())} per day, {days.words}",
        key=f"chart_{names[0]}",
    )
    ui.footer(f"how_{names[0]}", [answer], f"Per day, {days.words}", ui.definition_lines(metrics))


@st.fragment(parallel=True, run_every=filters.every("30s"))
def cohorts() -> None:
    """Who stays, by week of signup."""
    ui.panel("Retention by week of signup", "accounts_cohorts", COHORT_HEIGHT, cohort_map)


def cohort_map() -> None:
    """Cohorts by weeks since signup."""
    column, name = periods.choose(st.session_state.get("share_of"), SHARES, "Accounts")
    answer = data.past(queries.retention(COHORT_WEEKS))
    frame = charts_accounts.cohort_frame(answer.rows, column)
    if frame.empty:
        st.caption("No week of payments is over yet.")
        return
    ui.chart(
        charts_accounts.cohort_option(frame),
        height=COHORT_HEIGHT,
        alt=f"Retention of {frame['cohort'].nunique()} weekly cohorts, from "
        f"{frame['percent'].min():.1f} % to {frame['percent'].max():.1f} %",
        key="chart_cohorts",
    )
    metric = definitions.of("agg_cohort_retention_weekly").metric(name)
    ui.footer(
        "how_cohorts",
        [answer],
        f"Cohorts of the last {COHORT_WEEKS} weeks, UTC; only weeks that are over",
        ui.definition_line(metric),
    )


header()
kpi_strip()
trends()
st.segmented_control(
    "Share of",
    list(SHARES),
    default="Accounts",
    required=True,
    key="share_of",
    bind="query-params",
    help="Accounts of the cohort that paid in the week, or its volume against its first week.",
)
cohorts()
