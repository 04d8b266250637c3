"""Explore: figures that every list filters, and searches for single rows. Exposure: explore."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import (
    bar,
    cards,
    charts_explore,
    data,
    definitions,
    exports,
    filters,
    formats,
    periods,
    ui,
    views,
    workbench,
)
from dashboard.connection import Answer, Row
from dashboard.filters import DIMENSIONS, Selection
from dashboard.queries import explore as queries
from dashboard.tables import account_column, account_link, payment_link

KPI_HEIGHT = 150
TREND_HEIGHT = 260
BOARD_ROWS = 8
BOARD_HEIGHT = BOARD_ROWS * charts_explore.ROW_HEIGHT
PAGE_ROWS = 50
TABLE_HEIGHT = 560
EXPORT_ROWS = 10_000
SEARCH_LENGTH = 100
# By the names a reader chooses from; columns of agg_kpis_daily, which defines them.
MEASURES = (
    "successful_amount_eur",
    "count_attempted",
    "count_successful",
    "success_rate",
    "average_ticket_eur",
)
TABLES = ("Transactions", "Merchants", "Accounts")
RATINGS = {"1 of 5": "green", "2 of 5": "green", "3 of 5": "orange", "4 of 5": "red"}
RATINGS["5 of 5"] = "red"
# What an empty answer means for each of the sums and rates.
NO_TOTALS: Mapping[str, Any] = {**cards.NO_PAYMENTS}

state = st.session_state
common = bar.current("explore")
known = definitions.load()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the URL and the controls ask for."""

    selection: Selection
    window: periods.Window
    measure: str


def selected() -> Selection:
    """What is chosen now: a click within a fragment may have changed it."""
    return bar.selected("explore")


def first_page() -> None:
    """Another search or order begins at its first page."""
    state["explore_page"] = 1


def asked() -> Asked:
    """What is to be shown now."""
    now = bar.current("explore")
    measure = state.get("measure")
    return Asked(
        now.selection,
        now.window(datetime.now(UTC)),
        measure if measure in MEASURES else MEASURES[0],
    )


@st.fragment(run_every=common.every("2s"))
def header() -> None:
    """Title and freshness; the figures below change more slowly."""
    ui.headed("Explore", known)


def controls() -> None:
    """What is measured; the rest stands in the bar and the sidebar."""
    st.segmented_control(
        "Measure",
        MEASURES,
        default=MEASURES[0],
        required=True,
        format_func=lambda name: known.metric(name).label,
        key="measure",
        bind="query-params",
    )
    if selected().is_empty:
        st.caption(
            "Click a value of a list to filter everything by it, and again to take it out. "
            "Drag over the chart for a part of the time."
        )


@st.fragment(run_every=common.every("10s"))
def figures() -> None:
    """Big numbers, trend and lists, all of one query."""
    bar.draw_again_if_changed()
    with ui.loading("explore_figures", KPI_HEIGHT + TREND_HEIGHT + 2 * BOARD_HEIGHT):
        ui.guarded(figures_body)


def figures_body() -> None:
    """The figures of what is asked for."""
    want = asked()
    answer = data.recent(queries.slices(want.window, want.selection, want.measure))
    totals = one(answer, "now")
    if not totals["count_attempted"]:
        bar.nothing_here(common)
    shift = want.window.bucket * -(-common.shift // want.window.bucket)
    before = earlier(want, shift)
    numbers(want, answer, totals, before)
    with st.container(border=True):
        trend(want, answer, before, shift)
    cells = [cell for _ in range(2) for cell in st.columns(3)]
    for position, name in enumerate(DIMENSIONS):
        with cells[position], st.container(border=True, height="stretch"):
            board(want, answer, name)


def one(answer: Answer, dimension: str) -> Row:
    """The single row of totals."""
    found = next((row for row in answer.rows if row["dimension"] == dimension), None)
    return found or dict(NO_TOTALS)


def earlier(want: Asked, shift: timedelta) -> Answer | None:
    """The same buckets earlier, if there is data that far back; `complete` has what is compared."""
    window = want.window
    if not common.compares_from((window.start - shift).date()):
        return None
    moved = periods.Window(
        start=window.start - shift,
        end=window.fill_to - shift,
        complete_end=(window.filling_from if window.is_filling else window.fill_to) - shift,
        filling_from=window.filling_from - shift,
        bucket=window.bucket,
    )
    return data.past(queries.slices(moved, want.selection, want.measure))


def numbers(want: Asked, answer: Answer, totals: Row, before: Answer | None) -> None:
    """A card per measure, compared with the same buckets earlier."""
    window = want.window
    history = {row["value"]: row for row in answer.rows if row["dimension"] == "trend"}
    drawn = window.over([history[at] for at in sorted(history)])
    grid = st.grid(5, min_column_width=150, row_height=KPI_HEIGHT)
    with grid:
        for name in MEASURES:
            card = cards.kpi_card(
                name,
                known,
                totals,
                one(answer, "complete"),
                one(before, "complete") if before else None,
                [None if row[name] is None else float(row[name]) for row in drawn],
                compared=common.comparison.is_wanted,
            )
            reading = f"{known.metric(name).description}\n\nCompares whole buckets of the chart."
            ui.metric_card(replace(card, help=reading))
    ui.footer(
        "how_explore",
        [answer, before] if before else [answer],
        f"{window.start:%d %b %Y %H:%M} – "
        + ("now" if window.is_filling else f"{window.end:%d %b %Y %H:%M}")
        + f", UTC · {common.against}"
        + (" · paused" if common.paused else ""),
        ui.definition_lines(known.metric(name) for name in MEASURES),
    )


def trend(want: Asked, answer: Answer, before: Answer | None, shift: timedelta) -> None:
    """The chosen measure over time, with the comparison; a drag zooms everything."""
    metric = known.metric(want.measure)
    per = filters.grain_label(want.window.bucket)
    st.subheader(f"{metric.label} per {per}", anchor=False, help=metric.description)
    earlier_rows = before.rows if before else ()
    frame = charts_explore.trend_frame(answer.rows, want.window, metric, earlier_rows, shift)
    marks = views.marks(want.window.start, want.window.fill_to)
    key = f"explore_trend_{state.get('filters_changed', 0)}"
    st.altair_chart(
        charts_explore.trend_chart(frame, metric, common.versus, marks, TREND_HEIGHT, ui.ink()),
        key=key,
        on_select=lambda: zoom(key),
        selection_mode=charts_explore.BRUSH,
        alt=f"{metric.label} per {per}, {len(frame)} buckets from "
        f"{want.window.start:%d %b %Y %H:%M} UTC on; drag to zoom{ui.marks_said(marks)}",
    )


def zoom(key: str) -> None:
    """The reader marked a part of the time: everything shows that part."""
    marked = charts_explore.brushed(state[key]["selection"].get(charts_explore.BRUSH))
    found = marked and filters.zoom_of(*marked)
    if found:
        bar.select(replace(selected(), zoom=found))


def board(want: Asked, answer: Answer, name: str) -> None:
    """The largest values of a dimension; a click on one filters everything by it."""
    dimension, chosen = DIMENSIONS[name], want.selection.of(name)
    metric = known.metric(want.measure)
    rows = [row for row in answer.rows if row["dimension"] == name]
    top = rows[:BOARD_ROWS]
    top += [row for row in rows[BOARD_ROWS:] if row["value"] in chosen]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(dimension.label, anchor=False, width="stretch")
        more = f"{BOARD_ROWS} of {len(rows)}" if len(rows) > BOARD_ROWS else ""
        st.caption(more or " ", width="content")
    if not top:
        st.caption("None here.", width="stretch")
        return
    names = [
        formats.merchant_name({"merchant_id": row["value"], "merchant_name": row["merchant_name"]})
        if name == "merchant"
        else bar.shown_value(name, row["value"])
        for row in top
    ]
    frame = charts_explore.board_frame(top, names, metric, chosen)
    values = [row["value"] for row in top]
    # a click is one event and no lasting selection: what is chosen is in the URL alone
    key = f"board_{name}_{state.get('filters_changed', 0)}"
    ui.chart(
        charts_explore.board_option(frame, metric.label, ui.ink("textColor")),
        height=len(top) * charts_explore.ROW_HEIGHT,
        key=key,
        on_select=lambda: toggle(key, name, values),
        alt=f"{dimension.label} by {metric.label}: {names[0]} first, {frame['shown'].iloc[-1]}"
        + (
            f"; filtered by {', '.join(bar.shown_value(name, one) for one in chosen)}"
            if chosen
            else ""
        ),
    )


def toggle(key: str, name: str, values: Sequence[str]) -> None:
    """The reader clicked a value."""
    at = charts_explore.clicked(state[key]["selection"], len(values))
    if at is not None:
        bar.select(selected().toggled(name, values[at]))


@st.fragment(run_every=common.every("10s"))
def tables() -> None:
    """Single payments, merchants and accounts, to search."""
    bar.draw_again_if_changed()
    st.subheader("Find", anchor=False)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.segmented_control(
                "Table",
                TABLES,
                default=TABLES[0],
                required=True,
                key="table",
                bind="query-params",
                on_change=first_page,
            )
            shown = state.get("table")
            table = shown if shown in TABLES else TABLES[0]
            hints = {
                "Transactions": "Payment, account or merchant id, merchant, amount",
                "Merchants": "Name, category, country or id",
                "Accounts": "Id, country, or a whole name or e-mail address",
            }
            st.text_input(
                "Search",
                key="search",
                placeholder=hints[table],
                icon=":material/search:",
                max_chars=SEARCH_LENGTH,
                bind="query-params",
                on_change=first_page,
                live=True,
                width=360,
            )
            orders = {
                "Transactions": list(queries.PAYMENT_ORDERS),
                "Merchants": list(queries.MERCHANT_ORDERS),
                "Accounts": list(queries.ACCOUNT_ORDERS),
            }[table]
            st.selectbox(
                "Sort by",
                orders,
                key=f"sort_{table.lower()}",
                bind="query-params",
                on_change=first_page,
                width=200,
            )
        search = str(state.get("search") or "").strip()[:SEARCH_LENGTH].replace("\x00", "")
        wished = state.get(f"sort_{table.lower()}")
        order = str(wished) if wished in orders else orders[0]
        body = {
            "Transactions": transactions,
            "Merchants": merchants,
            "Accounts": accounts,
        }[table]
        with ui.loading(f"explore_{table}", TABLE_HEIGHT):
            ui.guarded(lambda: body(search, order))


def badge_column(label: str, colors: Mapping[str, str], help: str = "") -> Any:
    """A column of coloured badges."""
    return st.column_config.MultiselectColumn(
        label,
        options=list(colors),
        color=list(colors.values()),
        width="small",
        help=help or None,
    )


def foot(
    answers: Sequence[Answer],
    page: int,
    rows: int,
    found: int,
    note: str,
    export: Callable[[], workbench.Result],
    name: str,
) -> None:
    """Pages, what is shown of how many, how computed, and the files."""
    with st.container(horizontal=True, vertical_alignment="center"):
        which = ui.pages("explore_page", page, PAGE_ROWS, rows, found)
        st.caption(f"{which} · {note}")
        ui.how_computed(f"how_explore_{name}", answers, f"{which} · {note}")
    with st.container(horizontal=True, vertical_alignment="center"):
        help = f"What was found, in this order, at most {EXPORT_ROWS:,} rows"
        ui.downloads(f"download_{name}", name, export, help)


PAYMENT_COLUMNS = (
    "transaction_id",
    "occurred_at",
    "status",
    "decline_code",
    "merchant_id",
    "merchant_name",
    "merchant_category",
    "merchant_country",
    "amount",
    "currency_code",
    "amount_eur",
    "account_id",
)
MERCHANT_COLUMNS = (
    "merchant_id",
    "merchant_name",
    "merchant_category",
    "merchant_country",
    "risk_rating",
    "updated_at",
)
ACCOUNT_COLUMNS = (
    "account_id",
    "initials",
    "masked_email",
    "account_country",
    "signup_at",
    "updated_at",
    "count_payments",
    "last_date",
)


def transactions(search: str, order: str) -> None:
    """Payments that pass every filter."""
    want = asked()

    def rows_of(page: int, size: int) -> tuple[Answer, Answer | None]:
        found = data.recent(queries.places(want.window, want.selection, search, order, page, size))
        if not found.rows:
            return found, None
        (place,) = found.rows
        skip = (place["page"] - 1) * size - place["count_before"]
        bounds = (place["lowest"], place["highest"])
        call = queries.payments(want.window, want.selection, search, order, bounds, size, skip)
        return found, data.recent(call)

    found, answer = rows_of(ui.asked_page("explore_page"), PAGE_ROWS)
    if answer is None or not answer.rows:
        st.caption(
            "No payment is like this." if search else "No payment passes the filters of this page."
        )
        return
    rows = answer.rows
    frame = pd.DataFrame(
        {
            "payment": [payment_link(row["transaction_id"]) for row in rows],
            "time": [row["occurred_at"] for row in rows],
            "status": [[row["status"]] for row in rows],
            "merchant": [formats.merchant_name(row) for row in rows],
            "amount": [formats.money(row["amount"], row["currency_code"]) for row in rows],
            "eur": [formats.euro(row["amount_eur"]) for row in rows],
            "reason": [row["decline_code"].replace("_", " ") for row in rows],
            "category": [row["merchant_category"] for row in rows],
            "country": [row["merchant_country"] for row in rows],
            "account": [account_link(row["account_id"]) for row in rows],
        }
    )
    st.dataframe(
        frame,
        column_config={
            "payment": st.column_config.LinkColumn(
                "Payment",
                display_text=r"payment=(.{13})",
                help="Opens the payment from Postgres to gold",
                pinned=True,
                width=130,
            ),
            "time": st.column_config.DatetimeColumn(
                "Time (UTC)", format="DD MMM YYYY HH:mm:ss", timezone="UTC"
            ),
            "status": badge_column("Status", bar.STATUSES),
            "merchant": st.column_config.TextColumn("Merchant"),
            "amount": st.column_config.TextColumn("Amount", alignment="right"),
            "eur": st.column_config.TextColumn(
                "EUR", alignment="right", help="At the rate of the payment's day"
            ),
            "reason": st.column_config.TextColumn("Decline reason", width=140),
            "category": st.column_config.TextColumn("Category"),
            "country": st.column_config.TextColumn("Country", help="Of the merchant"),
            "account": account_column(),
        },
        hide_index=True,
        height=TABLE_HEIGHT,
        placeholder=formats.NOTHING,
        key="explore_transactions",
        alt=f"{len(frame)} payments, {order.lower()}",
    )
    (place,) = found.rows
    foot(
        [found, answer],
        place["page"],
        len(rows),
        place["count_found"],
        f"{order.lower()}, with the filters above",
        lambda: exports.of_answer(rows_of(1, EXPORT_ROWS)[1] or answer, PAYMENT_COLUMNS),
        "transactions",
    )


def page_of(ask: Callable[[int], Answer]) -> tuple[int, Answer]:
    """The page asked for; the first one where there is no such page."""
    page = ui.asked_page("explore_page")
    answer = ask(page)
    if not answer.rows and page > 1:
        page, answer = 1, ask(1)
    return page, answer


def merchants(search: str, order: str) -> None:
    """Merchants as they are now; each leads to its details."""
    page, answer = page_of(
        lambda page: data.recent(queries.merchants(search, order, page, PAGE_ROWS))
    )
    if not answer.rows:
        st.caption("No merchant is like this." if search else "There are no merchants yet.")
        return
    rows = answer.rows
    frame = pd.DataFrame(
        {
            "link": [f"/merchants?merchant={row['merchant_id']}" for row in rows],
            "merchant": [row["merchant_name"] for row in rows],
            "risk": [[f"{row['risk_rating']} of 5"] for row in rows],
            "category": [row["merchant_category"] for row in rows],
            "country": [row["merchant_country"] for row in rows],
            "changed": [row["updated_at"] for row in rows],
        }
    )
    rating = definitions.of("dim_merchants").metric("risk_rating")
    st.dataframe(
        frame,
        column_config={
            "link": st.column_config.LinkColumn(
                "Details", display_text=r"merchant=(.{8})", pinned=True, width=100
            ),
            "merchant": st.column_config.TextColumn("Merchant", width="large"),
            "risk": badge_column("Stated risk", RATINGS, rating.description),
            "category": st.column_config.TextColumn("Category"),
            "country": st.column_config.TextColumn("Country"),
            "changed": st.column_config.DatetimeColumn(
                "Last changed (UTC)", format="DD MMM YYYY HH:mm:ss", timezone="UTC"
            ),
        },
        hide_index=True,
        height=TABLE_HEIGHT,
        key="explore_merchants",
        alt=f"{len(frame)} merchants by {order.lower()}",
    )
    foot(
        [answer],
        page,
        len(rows),
        rows[0]["count_found"],
        "as they are now, whatever the filters above",
        lambda: exports.of_answer(
            data.recent(queries.merchants(search, order, 1, EXPORT_ROWS)), MERCHANT_COLUMNS
        ),
        "merchants",
    )


def accounts(search: str, order: str) -> None:
    """Accounts as they are now, without what says who somebody is."""
    page, answer = page_of(
        lambda page: data.recent(queries.accounts(search, order, page, PAGE_ROWS))
    )
    if not answer.rows:
        st.caption("No account is like this." if search else "There are no accounts yet.")
        return
    rows = answer.rows
    frame = pd.DataFrame(
        {
            "payments": [f"/explore?search={row['account_id']}&range=30d" for row in rows],
            "account": [account_link(row["account_id"]) for row in rows],
            "initials": [row["initials"] for row in rows],
            "email": [row["masked_email"] for row in rows],
            "country": [row["account_country"] for row in rows],
            "signup": [row["signup_at"] for row in rows],
            "count": [row["count_payments"] for row in rows],
            "last": [row["last_date"] for row in rows],
            "changed": [row["updated_at"] for row in rows],
        }
    )
    st.dataframe(
        frame,
        column_config={
            "payments": st.column_config.LinkColumn(
                "Payments", display_text="Show", help="Its payments of the last 30 days", width=90
            ),
            "account": account_column(),
            "initials": st.column_config.TextColumn("Initials", width="small"),
            "email": st.column_config.TextColumn(
                "E-mail",
                help="Names and addresses are personal and not shown; search the whole one",
            ),
            "country": st.column_config.TextColumn("Country"),
            "signup": st.column_config.DatetimeColumn(
                "Opened (UTC)", format="DD MMM YYYY HH:mm", timezone="UTC"
            ),
            "count": st.column_config.NumberColumn("Payments, 30 d", format="%,d"),
            "last": st.column_config.DateColumn("Last payment", format="DD MMM YYYY"),
            "changed": st.column_config.DatetimeColumn(
                "Last changed (UTC)", format="DD MMM YYYY HH:mm:ss", timezone="UTC"
            ),
        },
        hide_index=True,
        height=TABLE_HEIGHT,
        placeholder=formats.NOTHING,
        key="explore_accounts",
        alt=f"{len(frame)} accounts, {order.lower()}",
    )
    foot(
        [answer],
        page,
        len(rows),
        rows[0]["count_found"],
        "as they are now, whatever the filters above",
        lambda: exports.of_answer(
            data.recent(queries.accounts(search, order, 1, EXPORT_ROWS)), ACCOUNT_COLUMNS
        ),
        "accounts",
    )


header()
controls()
figures()
tables()
