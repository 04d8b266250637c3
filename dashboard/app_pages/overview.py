"""Overview: payments now and over time, all numbers read from gold. Exposure: overview."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import streamlit as st

from dashboard import bar, cards, charts, data, definitions, formats, periods, ui
from dashboard.connection import Answer
from dashboard.queries import api
from dashboard.queries import overview as queries

KPI_HEIGHT = 150
CHART_HEIGHT = 300
SHOWN_DAYS = 7
TABLE_ROWS = 10
TABLE_HEIGHT = 388
SPARK_DAYS = 14
# What each column of the trend is defined as.
MEASURED = {
    "volume_eur": ("successful_amount_eur",),
    "count_attempted": ("count_attempted", "count_successful"),
    "success_percent": ("success_rate",),
}
FEW_HELP = f"Successful / decided. Grey: of fewer than {formats.ENOUGH}."
DAY_COLUMNS = (
    "kpi_date",
    "successful_amount_eur",
    "count_attempted",
    "success_rate",
    "average_ticket_eur",
    "count_successful",
    "attempted_amount_eur",
    "count_active_accounts",
)

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
        with ui.loading("kpis", 2 * KPI_HEIGHT):
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
        shown = cards.kpi_card(
            name,
            known,
            totals,
            complete,
            before,
            [row[column] for row in history],
            filters.money.sign,
            filters.comparison.is_wanted,
        )
        if name == "success_rate":
            shown = cards.sampled(shown, totals, "count_decided", "success", "decided payments")
        ui.metric_card(shown)

    grid = st.grid(4, min_column_width=150, row_height=KPI_HEIGHT)
    with grid.cell(column_span=2):
        card("successful_amount_eur", "volume_eur")
    with grid.cell(column_span=2):
        card("attempted_amount_eur", "attempted_eur")
    with grid:
        card("count_attempted", "count_attempted")
        card("success_rate", "success_percent")
        card("average_ticket_eur", "average_ticket_eur")
        ui.metric_card(accounts)
    names = (
        "successful_amount_eur",
        "attempted_amount_eur",
        "count_attempted",
        "success_rate",
        "average_ticket_eur",
        "count_active_accounts",
    )
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
        ui.definition_lines(known.metric(name) for name in names),
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
    """Volume, payments and success rate over time with the comparison; the newest days."""
    code = filters.money.code
    rows = [st.columns(2), st.columns(2)]
    with rows[0][0]:
        help = f"Successful payments in {code}, per bucket."
        ui.panel(f"Volume, {code}", "volume", CHART_HEIGHT, volume_chart, help)
    with rows[0][1]:
        help = "Attempted payments, and those of them that succeeded, per bucket."
        ui.panel("Payments", "payments", CHART_HEIGHT, payments_chart, help)
    with rows[1][0]:
        help = "Successful / decided, per bucket."
        ui.panel("Success rate", "success", CHART_HEIGHT, success_chart, help)
    with rows[1][1]:
        ui.panel("Recent days", "days", CHART_HEIGHT, days_table)


def volume_chart() -> None:
    """The volume per bucket."""
    window, money = filters.window(datetime.now(UTC)), filters.money
    now, before = trends(window)
    frame = drawn(window, now, before, "volume_eur")
    option = charts.volume_option(frame, filters.versus, window.is_filling, money.sign)
    words = " · ".join(word for word in (filters.per(window), filters.money_words) if word)
    alt = f"Volume in {money.code} {filters.per(window)}; "
    alt += f"highest {money.sign} {frame['value'].max():,.0f}"
    show_trend("volume_eur", window, (now, before), frame, option, alt, words)


def payments_chart() -> None:
    """Attempts per bucket and how many of them worked."""
    window, known = filters.window(datetime.now(UTC)), definitions.load()
    now, before = trends(window)
    frame = drawn(window, now, before, "count_attempted")
    frame["successful"] = [row["count_successful"] for row in now.rows]
    attempted, successful = (known.metric(name).label for name in MEASURED["count_attempted"])
    option = charts.payments_option(frame, attempted, successful, filters.versus, window.is_filling)
    alt = f"{attempted} and {successful} {filters.per(window)}; "
    alt += f"most attempted {frame['value'].max():,.0f}"
    show_trend("count_attempted", window, (now, before), frame, option, alt, filters.per(window))


def success_chart() -> None:
    """The success rate per bucket."""
    window = filters.window(datetime.now(UTC))
    now, before = trends(window)
    frame = drawn(window, now, before, "success_percent")
    charts.sized(frame, now.rows, "value", "count_decided", "success")
    option = charts.rate_option(frame, filters.versus, window.is_filling)
    alt = f"Success rate {filters.per(window)}"
    if frame["value"].notna().any():
        low, high = frame["value"].min(), frame["value"].max()
        alt += f"; lowest {low:.1f} %, highest {high:.1f} %"
    show_trend("success_percent", window, (now, before), frame, option, alt, filters.per(window))


def drawn(window: periods.Window, now: Answer, before: Answer | None, column: str) -> pd.DataFrame:
    """A column of the trend, as it is drawn."""
    earlier = before.rows if before else ()
    return charts.trend_frame(now.rows, earlier, column, filters.offset(window))


def show_trend(
    column: str,
    window: periods.Window,
    answers: tuple[Answer, Answer | None],
    frame: pd.DataFrame,
    option: charts.Option,
    alt: str,
    words: str,
) -> None:
    """One of the charts over time and the line under it."""
    ui.time_chart(frame, option, CHART_HEIGHT, alt, f"chart_{column}", filters.offset(window))
    known = definitions.load()
    ui.footer(
        f"how_{column}",
        [answer for answer in answers if answer],
        f"{words[:1].upper()}{words[1:]}",
        ui.definition_lines(known.metric(name) for name in MEASURED[column]),
    )


def days_table() -> None:
    """Key figures of the newest days, the last one first."""
    days = filters.days.at_least(SHOWN_DAYS)
    answer = data.past(api.daily_kpis(days.first, days.after, chosen))
    if not answer.rows:
        st.caption("No payments on these days.")
        return
    known, rows = definitions.load(), answer.rows[::-1]
    amounts = ("successful_amount_eur", "attempted_amount_eur", "average_ticket_eur")
    counts = ("count_attempted", "count_successful", "count_active_accounts")
    columns = {
        "kpi_date": st.column_config.DateColumn("Day", format="DD MMM", pinned=True, width=70),
        **{name: ui.number_column(known.metric(name), "€ %,.2f") for name in amounts},
        **{name: ui.number_column(known.metric(name), "%,d") for name in counts},
        "success_rate": ui.number_column(known.metric("success_rate"), "%.2f %%"),
    }
    frame = pd.DataFrame([dict(row) for row in rows], columns=DAY_COLUMNS)
    for name in amounts:
        frame[name] = frame[name].map(formats.cents)
    for name in counts:
        frame[name] = frame[name].astype("Int64")
    frame["success_rate"] = 100 * frame["success_rate"].astype("float64")
    decided = [row["count_decided"] for row in rows]
    st.dataframe(
        ui.few_in_grey(frame, ["success_rate"], decided),
        column_config=columns,
        hide_index=True,
        height=CHART_HEIGHT if len(frame) > SHOWN_DAYS else "content",
        placeholder=formats.NOTHING,
        key="days",
        alt=f"Key figures of {len(frame)} days, the newest first",
    )
    ui.footer(
        "how_days",
        [answer],
        f"{days.short}, UTC · booked EUR",
        ui.definition_lines(known.metric(name) for name in DAY_COLUMNS[1:]),
    )


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
            "decided": [row["count_decided"] for row in answer.rows],
            "interval": [
                formats.interval(row["success_low_percent"], row["success_high_percent"])
                for row in answer.rows
            ],
        }
    )
    st.dataframe(
        ui.few_in_grey(frame, ["success", "interval"], frame["decided"]),
        column_config={
            "merchant": st.column_config.TextColumn("Merchant"),
            "volume": st.column_config.NumberColumn("Volume", format=f"{filters.money.sign} %,.2f"),
            "attempts": st.column_config.NumberColumn("Attempts", format="%,d"),
            "success": st.column_config.NumberColumn(
                "Success rate", format="%.2f %%", help=FEW_HELP
            ),
            "decided": st.column_config.NumberColumn("Decided", format="%,d"),
            "interval": st.column_config.TextColumn("95 % interval", help=ui.INTERVAL_HELP),
            "trend": st.column_config.AreaChartColumn("Trend", y_min=0),
        },
        hide_index=True,
        placeholder=formats.NOTHING,
        key="top_merchants",
        alt=f"Top {len(frame)} merchants by volume in {filters.money.code}, {filters.span}",
    )
    known = definitions.load()
    missing = sum(row["successful_amount_eur"] is None for row in answer.rows)
    note = f"By volume, {filters.span}"
    if missing:
        note += f" · {missing} without a full volume ({formats.NO_RATE})"
    shown = ("successful_amount_eur", "count_attempted", "success_rate")
    about = ui.definition_lines(known.metric(name) for name in shown)
    ui.footer("how_merchants", [answer], note, about)


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
