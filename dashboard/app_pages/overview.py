"""Overview: payments now and over time, all numbers read from gold. Exposure: overview."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import streamlit as st

from dashboard import bar, cards, charts, data, definitions, formats, periods, ui
from dashboard.connection import Answer
from dashboard.queries import overview as queries

KPI_HEIGHT = 172
CHART_HEIGHT = 300
TABLE_ROWS = 10
TABLE_HEIGHT = 388
SPARK_DAYS = 14

filters = bar.current("overview")
chosen = filters.selection


def trends(window: periods.Window) -> tuple[Answer, Answer | None]:
    """Buckets of the window, and those of the comparison if there is data that far back."""
    now = data.recent(queries.trend(window, chosen, filters.money))
    if not filters.compares_from((window.start - filters.shift).date()):
        return now, None
    return now, data.past(queries.trend_before(window, filters.shift, chosen, filters.money))


@st.fragment(run_every=filters.every("2s"))
def live_strip() -> None:
    """Freshness and KPIs: everything that has to move within seconds of a commit."""
    now = datetime.now(UTC)
    window = filters.window(now)
    known = definitions.load()

    def body() -> None:
        with ui.loading("kpis", KPI_HEIGHT):
            kpi_row(window, now, known)

    ui.headed("Overview", known, body)


def kpi_row(window: periods.Window, now: datetime, known: definitions.Definitions) -> None:
    """The KPI cards, or what to do when there is nothing to count."""
    answer = data.live(queries.kpis(window, chosen, filters.money))
    totals = cards.totals(answer.rows, "now")
    complete = cards.totals(answer.rows, "complete")
    if not totals["count_attempted"]:
        bar.nothing_here(filters)
    earlier = periods.shifted(window, filters.shift)
    before = None
    if filters.compares_from(earlier.start.date()):
        before = cards.totals(data.past(queries.kpis(earlier, chosen, filters.money)).rows, "now")
    history = window.over(data.recent(queries.trend(window, chosen, filters.money)).rows)
    accounts_answers, accounts = active_accounts(known)

    def card(name: str, column: str) -> None:
        ui.metric_card(
            cards.kpi_card(
                name,
                known,
                totals,
                complete,
                before,
                [row[column] for row in history],
                filters.money.sign,
                filters.comparison.is_wanted,
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
    names = ("successful_amount_eur", "count_attempted", "success_rate", "average_ticket_eur")
    words = [
        filters.times(window),
        filters.money_words,
        filters.against,
        f"read {filters.time(now, '%H:%M:%S')}",
        "paused" if filters.paused else "",
    ]
    ui.footer(
        "how_kpis",
        [answer, *accounts_answers],
        " · ".join(word for word in words if word),
        ui.definition_lines(known.metric(name) for name in (*names, "count_active_accounts")),
    )


def active_accounts(known: definitions.Definitions) -> tuple[list[Answer], cards.Card]:
    """The active accounts of the UTC days; today still fills, so deltas leave it out."""
    column = "count_active_accounts"
    if chosen.of("category") or chosen.of("country"):
        why = "Accounts are not counted by the category or country of merchants."
        return [], cards.unknown_card(column, known, "not by merchant", why)
    days = filters.active_days
    answer = data.recent(queries.active_accounts(days, chosen))
    complete = before = None
    over = days.complete
    if over and filters.compares_from(over.first - filters.day_shift):
        complete = data.past(queries.active_accounts(over, chosen)).rows[0][column]
        earlier = over.shifted(filters.day_shift)
        before = data.past(queries.active_accounts(earlier, chosen)).rows[0][column]
    history = []
    if not chosen.of("currency"):
        spark_from = min(days.first, days.open_from - timedelta(days=SPARK_DAYS))
        rows = data.past(queries.active_accounts_by_day(spark_from, days.open_from)).rows
        history = [row[column] for row in rows]
    words = days.short if filters.selection.zoom else f"last {days.count} days incl. today"
    if over is None:
        words = "today, so far"
    value = answer.rows[0][column]
    return [answer], cards.day_card(column, known, value, complete, before, words, history)


@st.fragment(parallel=True, run_every=filters.every("10s"))
def trend_charts() -> None:
    """Volume and success rate over time, with the comparison behind them."""
    left, right = st.columns(2)
    with left, st.container(border=True):
        help = f"Successful payments in {filters.money.code}, per bucket."
        st.subheader(f"Volume, {filters.money.code}", anchor=False, help=help)
        with ui.loading("volume", CHART_HEIGHT):
            ui.guarded(lambda: trend_chart("volume_eur"))
    with right, st.container(border=True):
        st.subheader("Success rate", anchor=False, help="Successful / decided, per bucket.")
        with ui.loading("success", CHART_HEIGHT):
            ui.guarded(lambda: trend_chart("success_percent"))


def trend_chart(column: str) -> None:
    """One of the two charts."""
    window = filters.window(datetime.now(UTC))
    now, before = trends(window)
    offset = filters.offset(window)
    frame = charts.trend_frame(now.rows, before.rows if before else (), column, offset)
    per = filters.per(window)
    low, high = frame["value"].min(), frame["value"].max()
    if column == "volume_eur":
        option = charts.volume_option(frame, filters.versus, window.is_filling, filters.money.sign)
        name = f"Volume in {filters.money.code} {per}; highest {filters.money.sign} {high:,.0f}"
        per += f" · {filters.money_words}" if filters.money_words else ""
    else:
        option = charts.rate_option(frame, filters.versus, window.is_filling)
        name = f"Success rate {per}; lowest {low:.1f} %, highest {high:.1f} %"
    ui.time_chart(frame, option, CHART_HEIGHT, name, f"chart_{column}", offset)
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
    window = filters.window(datetime.now(UTC))
    answer = data.recent(queries.top_merchants(window, TABLE_ROWS, chosen, filters.money))
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
            "trend": [window.over(row["volume_trend"]) for row in answer.rows],
        }
    )
    st.dataframe(
        frame,
        column_config={
            "merchant": st.column_config.TextColumn("Merchant"),
            "volume": st.column_config.NumberColumn("Volume", format=f"{filters.money.sign} %,.2f"),
            "attempts": st.column_config.NumberColumn("Attempts", format="%,d"),
            "success": st.column_config.NumberColumn("Success rate", format="%.2f %%"),
            "trend": st.column_config.AreaChartColumn("Trend", y_min=0),
        },
        hide_index=True,
        placeholder=formats.NOTHING,
        key="top_merchants",
        alt=f"Top {len(frame)} merchants by volume in {filters.money.code}, {filters.span}",
    )
    missing = sum(row["successful_amount_eur"] is None for row in answer.rows)
    note = f"By volume, {filters.span}"
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
    answer = data.live(queries.recent_payments(TABLE_ROWS, chosen))
    if not answer.rows:
        st.caption(
            "None of the payments that changed last has all of this."
            if chosen.chosen
            else "No payments yet."
        )
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
                f"Time ({filters.zone_title})", format="HH:mm:ss", timezone=filters.zone
            ),
            "reason": st.column_config.TextColumn("Reason", help="Decline code"),
        },
        hide_index=True,
        key="recent_payments",
        on_select=lambda: pick_payment([str(row["transaction_id"]) for row in answer.rows]),
        selection_mode="single-row",
        alt=f"The {len(frame)} payments that changed last, newest first",
    )
    ui.footer("how_recent", [answer], "Newest change first; a row opens its life")


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
