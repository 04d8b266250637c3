"""Overview: payments now and over time, all numbers read from gold. Exposure: overview."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import streamlit as st

from dashboard import cards, charts, data, definitions, formats, periods, ui
from dashboard.connection import Answer
from dashboard.queries import overview as queries

KPI_HEIGHT = 172
CHART_HEIGHT = 300
TABLE_ROWS = 10
TABLE_HEIGHT = 388
SPARK_DAYS = 14

filters = ui.filters()


def trends(window: periods.Window) -> tuple[Answer, Answer | None]:
    """Buckets of the window, and those of the comparison if there is data that far back."""
    now = data.recent(queries.trend(window))
    if not data.has_whole_day((window.start - filters.shift).date()):
        return now, None
    return now, data.past(queries.trend_before(window, filters.shift))


@st.fragment(run_every=filters.every("2s"))
def live_strip() -> None:
    """Freshness and KPIs: everything that has to move within seconds of a commit."""
    now = datetime.now(UTC)
    window = periods.window_of(filters.chosen, now)
    known = definitions.load()

    def body() -> None:
        with ui.loading("kpis", KPI_HEIGHT):
            kpi_row(window, now, known)

    ui.headed("Overview", known, body)


def kpi_row(window: periods.Window, now: datetime, known: definitions.Definitions) -> None:
    """The KPI cards, or what to do when there is nothing to count."""
    answer = data.live(queries.kpis(window))
    totals = cards.totals(answer.rows, "now")
    complete = cards.totals(answer.rows, "complete")
    if not totals["count_attempted"]:
        ui.nothing_here(filters.chosen)
    earlier = periods.shifted(window, filters.shift)
    before = None
    if data.has_whole_day(earlier.start.date()):
        before = cards.totals(data.past(queries.kpis(earlier)).rows, "now")
    history = data.recent(queries.trend(window)).rows[:-1]
    accounts_answer, accounts = active_accounts(now, known)

    def card(name: str, column: str) -> None:
        ui.metric_card(
            cards.kpi_card(
                name,
                known,
                totals,
                complete,
                before,
                [row[column] for row in history],
            )
        )

    grid = st.grid(6, min_column_width=150, row_height=KPI_HEIGHT)
    with grid.cell(column_span=2):
        card("successful_amount_eur", "volume_eur")
    with grid:
        card("count_attempted", "count_attempted")
        card("success_rate", "success_percent")
        card("average_ticket_eur", "average_ticket_eur")
        ui.metric_card(accounts)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{window.start:%d %b %Y %H:%M} – now, UTC · changes against {filters.versus}"
            f" · read {now:%H:%M:%S}" + (" · paused" if filters.paused else "")
        )
        names = ("successful_amount_eur", "count_attempted", "success_rate", "average_ticket_eur")
        metrics = [known.metric(name) for name in (*names, "count_active_accounts")]
        ui.how_computed(
            "how_kpis",
            [answer, accounts_answer],
            "  \n".join(ui.definition_line(metric) for metric in metrics),
        )


def active_accounts(now: datetime, known: definitions.Definitions) -> tuple[Answer, cards.Card]:
    """The active accounts of the range's UTC days; today still fills, so deltas leave it out."""
    first, after = periods.activity_days(filters.chosen, now)
    today = after - timedelta(days=1)
    answer = data.recent(queries.active_accounts(first, after))
    column = "count_active_accounts"
    complete = before = None
    if first < today and data.has_whole_day(first - filters.shift):
        complete = data.past(queries.active_accounts(first, today)).rows[0][column]
        before = data.past(
            queries.active_accounts(first - filters.shift, today - filters.shift)
        ).rows[0][column]
    spark_from = min(first, today - timedelta(days=SPARK_DAYS))
    days = data.past(queries.active_accounts_by_day(spark_from, today)).rows
    return answer, cards.active_accounts_card(
        known,
        answer.rows[0][column],
        complete,
        before,
        filters.chosen.activity_days,
        [row[column] for row in days],
    )


@st.fragment(parallel=True, run_every=filters.every("10s"))
def trend_charts() -> None:
    """Volume and success rate over time, with the comparison behind them."""
    left, right = st.columns(2)
    with left, st.container(border=True):
        st.subheader("Volume, EUR", anchor=False, help="Successful payments in EUR, per bucket.")
        with ui.loading("volume", CHART_HEIGHT):
            ui.guarded(lambda: trend_chart("volume_eur"))
    with right, st.container(border=True):
        st.subheader("Success rate", anchor=False, help="Successful / decided, per bucket.")
        with ui.loading("success", CHART_HEIGHT):
            ui.guarded(lambda: trend_chart("success_percent"))


def trend_chart(column: str) -> None:
    """One of the two charts."""
    window = periods.window_of(filters.chosen, datetime.now(UTC))
    now, before = trends(window)
    frame = charts.trend_frame(now.rows, before.rows if before else (), column)
    per = f"per {filters.chosen.bucket_label}, last {filters.chosen.label}, UTC"
    low, high = frame["value"].min(), frame["value"].max()
    if column == "volume_eur":
        option = charts.volume_option(frame, filters.versus)
        name = f"Volume in EUR {per}; highest € {high:,.0f}"
    else:
        option = charts.rate_option(frame, filters.versus)
        name = f"Success rate {per}; lowest {low:.1f} %, highest {high:.1f} %"
    st.echarts_chart(option, height=CHART_HEIGHT, alt=name, key=f"chart_{column}")
    answers = [now, before] if before else [now]
    ui.footer(f"how_{column}", answers, f"{per[:1].upper()}{per[1:]}")


@st.fragment(parallel=True, run_every=filters.every("10s"))
def top_merchants() -> None:
    """The merchants with the largest volume in the range."""
    with st.container(border=True):
        st.subheader("Top merchants", anchor=False)
        with ui.loading("merchants", TABLE_HEIGHT):
            ui.guarded(merchants_table)


def merchants_table() -> None:
    """Volume, attempts, success rate and trend per merchant."""
    window = periods.window_of(filters.chosen, datetime.now(UTC))
    answer = data.recent(queries.top_merchants(window, TABLE_ROWS))
    if not answer.rows:
        st.caption("No payments in this range.")
        return
    frame = pd.DataFrame(
        {
            "merchant": [formats.merchant_name(row) for row in answer.rows],
            "volume": [formats.cents(row["successful_amount_eur"]) for row in answer.rows],
            "attempts": [row["count_attempted"] for row in answer.rows],
            "success": [row["success_percent"] for row in answer.rows],
            # the last bucket still fills: its drop would say nothing
            "trend": [row["volume_trend"][:-1] for row in answer.rows],
        }
    )
    st.dataframe(
        frame,
        column_config={
            "merchant": st.column_config.TextColumn("Merchant"),
            "volume": st.column_config.NumberColumn("Volume", format="€ %,.2f"),
            "attempts": st.column_config.NumberColumn("Attempts", format="%,d"),
            "success": st.column_config.NumberColumn("Success rate", format="%.2f %%"),
            "trend": st.column_config.AreaChartColumn("Trend", y_min=0),
        },
        hide_index=True,
        placeholder=formats.NOTHING,
        key="top_merchants",
        alt=f"Top {len(frame)} merchants by volume in EUR, last {filters.chosen.label}",
    )
    missing = sum(row["successful_amount_eur"] is None for row in answer.rows)
    note = f"By volume, last {filters.chosen.label}"
    if missing:
        note += f" · {missing} without a full volume ({formats.NO_RATE})"
    ui.footer("how_merchants", [answer], note)


@st.fragment(parallel=True, run_every=filters.every("5s"))
def recent_payments() -> None:
    """The payments that changed last."""
    if "picked_payment" in st.session_state:
        st.rerun()
    with st.container(border=True):
        st.subheader("Recent payments", anchor=False)
        with ui.loading("recent", TABLE_HEIGHT):
            ui.guarded(recent_table)


def pick_payment(ids: list[str]) -> None:
    """The reader chose a row: the page, which only a whole run can leave, goes to its payment."""
    rows = st.session_state["recent_payments"]["selection"]["rows"]
    if rows and rows[0] < len(ids):
        st.session_state["picked_payment"] = ids[rows[0]]


def recent_table() -> None:
    """Status, merchant, amount, EUR and time, newest change first."""
    answer = data.live(queries.recent_payments(TABLE_ROWS))
    if not answer.rows:
        st.caption("No payments yet.")
        return
    frame = pd.DataFrame(
        {
            "status": [[row["status"]] for row in answer.rows],
            "merchant": [formats.merchant_name(row) for row in answer.rows],
            "amount": [formats.money(row["amount"], row["currency_code"]) for row in answer.rows],
            "eur": [formats.euro(row["amount_eur"]) for row in answer.rows],
            "time": [row["occurred_at"] for row in answer.rows],
            "reason": [(row["decline_code"] or "").replace("_", " ") for row in answer.rows],
        }
    )
    st.dataframe(
        frame,
        column_config={
            "status": st.column_config.MultiselectColumn(
                "Status",
                options=["success", "failed", "pending"],
                color=["green", "red", "orange"],
                width="small",
            ),
            "merchant": st.column_config.TextColumn("Merchant"),
            "amount": st.column_config.TextColumn("Amount", alignment="right"),
            "eur": st.column_config.TextColumn("EUR", alignment="right"),
            "time": st.column_config.DatetimeColumn(
                "Time (UTC)", format="HH:mm:ss", timezone="UTC"
            ),
            "reason": st.column_config.TextColumn("Reason", help="Decline code"),
        },
        hide_index=True,
        key="recent_payments",
        on_select=lambda: pick_payment([str(row["transaction_id"]) for row in answer.rows]),
        selection_mode="single-row",
        alt=f"The {len(frame)} payments that changed last, newest first",
    )
    ui.footer(
        "how_recent", [answer], "Newest change first, from the live view; a row opens its life"
    )


if "picked_payment" in st.session_state:
    picked = st.session_state.pop("picked_payment")
    st.switch_page("app_pages/payment.py", query_params={"payment": picked})
live_strip()
trend_charts()
left_table, right_table = st.columns(2)
with left_table:
    top_merchants()
with right_table:
    recent_payments()
