"""Merchants: how much hangs on few, who is risky, and one in detail. Exposure: merchants."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import pandas as pd
import streamlit as st

from dashboard import (
    bar,
    cards,
    charts,
    charts_acceptance,
    charts_merchants,
    data,
    definitions,
    exports,
    formats,
    periods,
    tables,
    ui,
)
from dashboard.connection import Answer
from dashboard.filters import Selection
from dashboard.queries import adjustments
from dashboard.queries import merchants as queries

KPI_HEIGHT = 124
PORTFOLIO_HEIGHT = 172
CHART_HEIGHT = 320
DETAIL_HEIGHT = 280
BARS = 10
PAGE_ROWS = 15
EXPORT_ROWS = 10_000
ROW_HEIGHT = 35
TABLE_HEIGHT = (PAGE_ROWS + 1) * ROW_HEIGHT + 3
DRAWN_DAYS = 14
SEARCH_LENGTH = 100
PROFILE_LENGTH = 280
TRAILING = "last 30 days, today included, UTC"
# What the table can be sorted by: columns of agg_merchants_trailing and agg_merchant_risk.
MEASURES = {
    "Volume": "successful_amount_eur",
    "Attempts": "count_attempted",
    "Acceptance": "acceptance_rate",
    "Refunds": "refund_rate",
    "Disputes": "dispute_rate",
    "Risk score": "risk_score",
}
ORDERS = {"Highest first": False, "Lowest first": True}
# The cards of all merchants together: a column of the query and the model that defines it.
PORTFOLIO = (
    ("agg_merchants_trailing", "successful_amount_eur"),
    ("agg_merchants_trailing", "count_attempted"),
    ("agg_merchant_concentration", "count_merchants"),
    ("agg_merchant_concentration", "top_10_share"),
    ("agg_merchant_concentration", "herfindahl_index"),
    ("agg_merchants_trailing", "refund_rate"),
    ("agg_merchants_trailing", "dispute_rate"),
)
COHORTS = ("refund_rate", "dispute_rate")  # what became of the payments of the days
COMPONENTS = ("dispute_rate", "decline_rate", "refund_rate", "geo_share", "velocity", "risk_rating")

filters = bar.current("merchants")
chosen = filters.selection


def chosen_merchant() -> UUID | None:
    """The merchant the URL names; None for anything that is no id."""
    try:
        return UUID(st.query_params.get("merchant", ""))
    except ValueError:
        return None


def pick(table: str, ids: list[UUID]) -> None:
    """The reader chose a row of the table, or unchose it: the URL says whose details are shown."""
    rows = st.session_state[table]["selection"]["rows"]
    if rows and rows[0] < len(ids):
        st.query_params["merchant"] = str(ids[rows[0]])
    else:
        st.query_params.pop("merchant", None)
    for name in ("merchant_payments_page", "merchant_adjustments_page"):
        if name in st.session_state:
            st.session_state[name] = 1
    st.session_state["merchant_picked"] = True


def close() -> None:
    """Take the merchant out of the URL, and out of the selection: that of a new table."""
    st.query_params.pop("merchant", None)
    st.session_state["merchants_closed"] = st.session_state.get("merchants_closed", 0) + 1
    st.session_state["merchant_picked"] = True


def draw_again_if_picked() -> None:
    """The details are outside of the fragment whose callback chose them."""
    if st.session_state.pop("merchant_picked", False):
        st.rerun()


@st.fragment(run_every=filters.every("2s"))
def header() -> None:
    """Title and freshness; the figures below change more slowly."""
    ui.headed("Merchants", definitions.of("agg_merchants_trailing"))


@st.fragment(run_every=filters.every("30s"))
def portfolio() -> None:
    """The figures of all merchants together."""
    with ui.loading("merchants_kpis", 2 * PORTFOLIO_HEIGHT):
        ui.guarded(portfolio_row)


def portfolio_row() -> None:
    """Volume, concentration, and what became of the payments of the days."""
    days, earlier = filters.days, filters.days_before
    answer = data.past(queries.portfolio(days, chosen, days.at_least(DRAWN_DAYS)))
    answers, before = [answer], None
    if earlier:
        answers.append(data.past(queries.portfolio(earlier, chosen)))
        before = answers[1].rows
    if not cards.totals(answer.rows, "now").get("count_attempted"):
        bar.nothing_here(filters)
    # the rows of single days, which are over
    by_day = [row for row in answer.rows if row["period"] < days.open_from.isoformat()]
    grid = st.grid(4, min_column_width=150, row_height=PORTFOLIO_HEIGHT)
    for model, name in PORTFOLIO:
        card = cards.cohort_card if name in COHORTS else cards.totals_card
        history = [None if row[name] is None else float(row[name]) for row in by_day]
        with grid.cell(column_span=2 if name == "successful_amount_eur" else 1):
            ui.metric_card(
                card(
                    name,
                    definitions.of(model),
                    answer.rows,
                    before,
                    days,
                    history,
                    filters.comparison.is_wanted,
                )
            )
    ui.footer(
        "how_portfolio",
        answers,
        f"{days.words} · {filters.against_days}"
        + (" · concentration among those chosen" if chosen.chosen else "")
        + (" · paused" if filters.paused else ""),
        ui.definition_lines(definitions.of(model).metric(name) for model, name in PORTFOLIO),
    )


@st.fragment(parallel=True, run_every=filters.every("60s"))
def concentration_and_risk() -> None:
    """The ten largest merchants, and the ten riskiest with what makes them so."""
    left, right = st.columns(2)
    with left:
        ui.panel("Ten largest by volume", "merchants_largest", CHART_HEIGHT, largest_chart)
    with right:
        ui.panel(
            "Ten highest risk scores",
            "merchants_riskiest",
            CHART_HEIGHT,
            riskiest_chart,
            help=definitions.of("agg_merchant_risk").metric("risk_score").description,
        )


def largest_chart() -> None:
    """Share of the volume of the largest merchants."""
    days = filters.days
    answer = data.past(queries.largest(days, BARS, chosen))
    if not answer.rows:
        st.caption("No successful payments on these days.")
        return
    frame = charts_merchants.shares_frame(answer.rows)
    metric = definitions.of("agg_merchants_trailing").metric("volume_share")
    ui.chart(
        charts_merchants.shares_option(frame),
        height=CHART_HEIGHT,
        alt=f"{len(frame)} largest merchants by share of volume, {days.words}; largest "
        f"{frame['merchant'].iloc[-1]}, {frame['share'].iloc[-1]}",
        key="chart_largest",
    )
    about = f"{metric.label}, {days.words}"
    if chosen.chosen:
        about += " · of all volume"
    if frame["percent"].isna().any():
        about += f" · {formats.NO_RATE}"
    ui.footer("how_largest", [answer], about, ui.definition_line(metric))


def riskiest_chart() -> None:
    """The highest risk scores, made of their parts."""
    answer = data.past(queries.riskiest(BARS, chosen))
    if not answer.rows:
        st.caption("No payments in the last 30 days.")
        return
    known = definitions.of("agg_merchant_risk")
    labels = {component: known.metric(component).label for component in COMPONENTS}
    frame = charts_merchants.parts_frame(answer.rows, COMPONENTS)
    ui.chart(
        charts_merchants.parts_option(frame, labels),
        height=CHART_HEIGHT,
        alt=f"{len(frame)} merchants with the highest risk scores and their parts; highest "
        f"{frame['merchant'].iloc[-1]}, {answer.rows[0]['risk_score']:.2f}",
        key="chart_riskiest",
    )
    metrics = [known.metric(name) for name in ("risk_score", "dispute_rate_rank", *COMPONENTS)]
    ui.footer(
        "how_riskiest",
        [answer],
        f"Rank × weight of each component, {TRAILING}",
        ui.definition_lines(metrics),
    )


@st.fragment(run_every=filters.every("60s"))
def merchants() -> None:
    """All merchants, to search, sort and choose from."""
    draw_again_if_picked()
    with st.container(border=True):
        st.subheader("All merchants", anchor=False)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input(
                "Search",
                key="search",
                placeholder="Name or id",
                icon=":material/search:",
                max_chars=SEARCH_LENGTH,
                bind="query-params",
                on_change=first_page,
                live=True,
                width=260,
            )
            st.selectbox(
                "Sort by",
                list(MEASURES),
                key="sort",
                bind="query-params",
                on_change=first_page,
                width=180,
            )
            st.segmented_control(
                "Order",
                list(ORDERS),
                default="Highest first",
                required=True,
                key="order",
                bind="query-params",
                on_change=first_page,
            )
        with ui.loading("merchants_table", TABLE_HEIGHT):
            ui.guarded(merchants_table)


def first_page() -> None:
    """Another search or order begins at its first page."""
    st.session_state["page"] = 1


def merchants_table() -> None:
    """One page of merchants; a chosen row goes into the URL."""
    state = st.session_state
    search = str(state.get("search") or "").strip()[:SEARCH_LENGTH]
    sort = periods.choose(state.get("sort"), MEASURES, "Volume")
    lowest_first = periods.choose(state.get("order"), ORDERS, "Highest first")
    answer = data.past(
        queries.merchants(search, sort, lowest_first, ui.asked_page("page"), PAGE_ROWS, chosen)
    )
    if not answer.rows:
        st.caption(
            "No merchant has this name or id." if search else "No payments in the last 30 days."
        )
        return
    known = definitions.of("agg_merchants_trailing")
    risk = definitions.of("agg_merchant_risk").metric("risk_score")
    ids = [row["merchant_id"] for row in answer.rows]
    frame = pd.DataFrame(
        {
            "merchant": [formats.merchant_name(row) for row in answer.rows],
            "category": [row["merchant_category"] for row in answer.rows],
            "volume": [formats.cents(row["successful_amount_eur"]) for row in answer.rows],
            "share": [row["share_percent"] for row in answer.rows],
            "attempts": [row["count_attempted"] for row in answer.rows],
            "acceptance": [row["acceptance_percent"] for row in answer.rows],
            "refunds": [row["refund_percent"] for row in answer.rows],
            "disputes": [row["dispute_percent"] for row in answer.rows],
            "risk": [row["risk_score"] for row in answer.rows],
        }
    )
    picked = chosen_merchant()
    at = ids.index(picked) if picked in ids else None
    # other rows are another table: a selection is a place, which would then be somebody else's
    table = f"merchants_{hash(tuple(ids))}_{state.get('merchants_closed', 0)}"
    st.dataframe(
        frame,
        column_config={
            "merchant": st.column_config.TextColumn("Merchant", pinned=True, width="medium"),
            "category": st.column_config.TextColumn("Category"),
            "volume": ui.number_column(known.metric("successful_amount_eur"), "€ %,.2f"),
            "share": ui.number_column(known.metric("volume_share"), "%.2f %%"),
            "attempts": ui.number_column(known.metric("count_attempted"), "%,d"),
            "acceptance": ui.number_column(known.metric("acceptance_rate"), "%.2f %%"),
            "refunds": ui.number_column(known.metric("refund_rate"), "%.2f %%"),
            "disputes": ui.number_column(known.metric("dispute_rate"), "%.2f %%"),
            "risk": st.column_config.ProgressColumn(
                risk.label, help=risk.description, min_value=0, max_value=1, format="%.2f"
            ),
        },
        hide_index=True,
        height="content",
        row_height=ROW_HEIGHT,
        placeholder=formats.NOTHING,
        key=table,
        on_select=lambda: pick(table, ids),
        selection_mode="single-row",
        selection_default={"selection": {"rows": [] if at is None else [at]}},
        alt=f"{len(frame)} merchants by {known.metric(sort).label}, select a row for details",
    )
    found, page = answer.rows[0]["count_found"], answer.rows[0]["page"]
    with st.container(horizontal=True, vertical_alignment="center"):
        which = ui.pages("page", page, PAGE_ROWS, len(ids), found)
        ui.footer(
            "how_merchants_table",
            [answer],
            f"{which} · {TRAILING} · a row opens its details below",
            ui.definition_lines([risk if sort == risk.name else known.metric(sort)]),
            lambda: exports.of_answer(
                data.past(queries.merchants(search, sort, lowest_first, 1, EXPORT_ROWS, chosen))
            ),
        )


@st.fragment(run_every=filters.every("10s"))
def detail(merchant_id: UUID) -> None:
    """One merchant: what it is, how it does in the range, and what makes it risky."""
    draw_again_if_picked()
    with ui.loading(f"merchant_{merchant_id}", 2 * DETAIL_HEIGHT):
        ui.guarded(lambda: merchant_detail(merchant_id))


def merchant_detail(merchant_id: UUID) -> None:
    """Heading, key figures, trends and mixes of one merchant."""
    answer = data.past(queries.merchant(merchant_id))
    days = filters.days.at_least(DRAWN_DAYS)
    status = data.recent(queries.status_by_day(days, merchant_id))
    risk = data.past(queries.risk_parts(merchant_id))
    if not (answer.rows or status.rows or risk.rows):
        st.info(
            "Choose one in the table above.",
            title=f"No merchant has the id {merchant_id}",
            icon=":material/search_off:",
        )
        return
    st.divider()
    heading(merchant_id, answer)
    merchant_kpis(merchant_id, risk)
    left, right = st.columns(2)
    with left:
        ui.panel(
            "Volume, EUR",
            "merchant_volume",
            DETAIL_HEIGHT,
            lambda: trend_chart(merchant_id, "volume_eur"),
        )
    with right:
        ui.panel(
            "Success rate",
            "merchant_success",
            DETAIL_HEIGHT,
            lambda: trend_chart(merchant_id, "success_percent"),
        )
    left, middle, right = st.columns([3, 3, 4])
    with left:
        ui.panel(
            "Status per day",
            "merchant_status",
            DETAIL_HEIGHT,
            lambda: status_chart(status, days),
        )
    with middle:
        ui.panel(
            "Decline reasons",
            "merchant_declines",
            DETAIL_HEIGHT,
            lambda: declines_chart(merchant_id, days),
        )
    with right:
        ui.panel("Risk and its parts", "merchant_risk", DETAIL_HEIGHT, lambda: risk_table(risk))
    ui.panel(
        "Payments",
        "merchant_payments",
        tables.HEIGHT,
        lambda: payments_table(merchant_id),
    )
    ui.panel(
        "Refunds and disputes",
        "merchant_adjustments",
        tables.HEIGHT,
        lambda: tables.adjustments(
            "merchant_adjustments", partial(adjustments.of_merchant, merchant_id)
        ),
    )


def payments_table(merchant_id: UUID) -> None:
    """The merchant's payments of the range, and the way to all that Explore says of them."""
    of_merchant = Selection().having("merchant", [str(merchant_id)])
    tables.payments("merchant_payments", filters, "merchant", of_merchant)
    st.page_link(
        "app_pages/explore.py",
        label="Its payments in Explore",
        icon=":material/explore:",
        query_params={"merchant": str(merchant_id)},
    )


def heading(merchant_id: UUID, answer: Answer) -> None:
    """The merchant's name and attributes, as they are now."""
    row = answer.rows[0] if answer.rows else {"merchant_name": None, "merchant_id": merchant_id}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(ui.plain(formats.merchant_name(row)), anchor=False, width="content")
        if answer.rows:
            st.badge(ui.plain(row["merchant_category"]), color="gray")
            st.badge(ui.plain(row["merchant_country"]), icon=":material/public:", color="gray")
            rating = row["risk_rating"]
            st.badge(
                f"Stated risk {rating} of 5",
                color="green" if rating < 3 else "orange" if rating == 3 else "red",
                help=definitions.of("dim_merchants").metric("risk_rating").description,
            )
        st.button(
            "Close",
            icon=":material/close:",
            key="close_merchant",
            type="tertiary",
            on_click=close,
        )
    if not answer.rows:
        st.caption(f"{merchant_id} · the merchant itself has not arrived, its payments have")
        return
    changed = filters.time(row["updated_at"], "%d %b %Y %H:%M:%S")
    st.caption(f"`{merchant_id}` · last changed {changed}, {filters.zone}")
    profile = row["profile_text"] or ""
    if profile:
        cut = profile[:PROFILE_LENGTH].rstrip()
        st.text(cut + (" …" if len(cut) < len(profile) else ""))


def merchant_kpis(merchant_id: UUID, risk: Answer) -> None:
    """Key figures of the range with their change, and the risk score."""
    window = filters.window(datetime.now(UTC))
    known = definitions.load()
    answer = data.recent(queries.merchant_kpis(window, merchant_id))
    totals = cards.totals(answer.rows, "now")
    complete = cards.totals(answer.rows, "complete")
    earlier = periods.shifted(window, filters.shift)
    before = None
    if filters.compares_from(earlier.start.date()):
        before = cards.totals(data.past(queries.merchant_kpis(earlier, merchant_id)).rows, "now")
    names = ("successful_amount_eur", "count_attempted", "success_rate", "average_ticket_eur")
    grid = st.grid(5, min_column_width=150, row_height=KPI_HEIGHT)
    with grid:
        for name in names:
            ui.metric_card(
                cards.kpi_card(
                    name,
                    known,
                    totals,
                    complete,
                    before,
                    [],
                    compared=filters.comparison.is_wanted,
                )
            )
        ui.metric_card(
            cards.plain_card(
                "risk_score",
                definitions.of("agg_merchant_risk"),
                risk.rows[0]["risk_score"] if risk.rows else None,
                "last 30 days",
                f"Covers the {TRAILING}.",
            )
        )
    ui.footer(
        "how_merchant_kpis",
        [answer, risk],
        f"{filters.times(window)} · {filters.against}",
        ui.definition_lines(known.metric(name) for name in names),
    )


def trend_chart(merchant_id: UUID, column: str) -> None:
    """Volume or success rate of the merchant over the range."""
    window = filters.window(datetime.now(UTC))
    now = data.recent(queries.merchant_trend(window, merchant_id))
    answers = [now]
    if filters.compares_from((window.start - filters.shift).date()):
        answers.append(data.past(queries.merchant_trend_before(window, filters.shift, merchant_id)))
    before = answers[1].rows if len(answers) > 1 else ()
    frame = charts.trend_frame(now.rows, before, column, filters.offset(window))
    per = filters.per(window)
    if frame["value"].isna().all():
        st.caption(f"No payments, or no rate for them: {filters.span}.")
        return
    if column == "volume_eur":
        option = charts.volume_option(frame, filters.versus, window.is_filling)
        name = "Volume in EUR"
    else:
        option = charts.rate_option(frame, filters.versus, window.is_filling)
        name = "Success rate"
    ui.time_chart(
        frame,
        option,
        DETAIL_HEIGHT,
        f"{name} of the merchant {per}",
        f"merchant_{column}",
        filters.offset(window),
    )
    ui.footer(f"how_merchant_{column}", answers, f"{per[:1].upper()}{per[1:]}")


def status_chart(answer: Answer, days: periods.Days) -> None:
    """Payments per day by status."""
    shown = days.short
    if not answer.rows:
        st.caption(f"No payments, {shown}.")
        return
    frame = charts.day_frame(answer.rows, list(charts_merchants.STATUS_COLORS))
    ui.time_chart(
        frame,
        charts_merchants.status_option(frame),
        height=DETAIL_HEIGHT,
        alt=f"Payments of the merchant per day by status, {shown}",
        key="merchant_status_chart",
    )
    ui.footer("how_merchant_status", [answer], f"{shown}, UTC")


def declines_chart(merchant_id: UUID, days: periods.Days) -> None:
    """Why payments of the merchant were declined."""
    answer = data.recent(queries.merchant_declines(days, merchant_id))
    shown = days.short
    if not answer.rows:
        st.caption(f"No declined payments, {shown}.")
        return
    first = answer.rows[0]
    ui.chart(
        charts_acceptance.declines_option(charts_acceptance.declines_frame(answer.rows)),
        height=DETAIL_HEIGHT,
        alt=f"Decline reasons of the merchant, {shown}; most frequent "
        f"{charts_acceptance.reason(first['decline_code'])}, {first['share_percent']:.1f} %",
        key="merchant_declines_chart",
    )
    ui.footer("how_merchant_declines", [answer], f"Share of its declines, {shown}, UTC")


def risk_table(answer: Answer) -> None:
    """Each component of the score: what it is, where it ranks, what it adds."""
    if not answer.rows:
        st.caption("No payments in the last 30 days, so no score.")
        return
    known = definitions.of("agg_merchant_risk")
    metrics = [known.metric(row["component"]) for row in answer.rows]
    rank = known.metric("dispute_rate_rank").description
    frame = pd.DataFrame(
        {
            "component": [metric.label for metric in metrics],
            "value": [
                cards.show(row["value"], metric.format)
                for row, metric in zip(answer.rows, metrics, strict=True)
            ],
            "rank": [row["component_rank"] for row in answer.rows],
            "points": [row["points"] for row in answer.rows],
        }
    )
    st.dataframe(
        frame,
        column_config={
            "component": st.column_config.TextColumn("Component"),
            "value": st.column_config.TextColumn("Value", alignment="right"),
            "rank": st.column_config.ProgressColumn(
                "Rank", help=rank, min_value=0, max_value=1, format="%.2f", width="small"
            ),
            "points": st.column_config.NumberColumn(
                "Adds", format="%.3f", help="Rank × weight: its part of the score.", width="small"
            ),
        },
        hide_index=True,
        height="content",
        placeholder=formats.NOTHING,
        key="merchant_risk_table",
        alt=f"The {len(frame)} parts of the risk score {answer.rows[0]['risk_score']:.2f}",
    )
    ui.footer(
        "how_merchant_risk",
        [answer],
        f"Largest part first, {TRAILING}",
        ui.definition_lines([known.metric("risk_score"), *metrics]),
    )


header()
portfolio()
concentration_and_risk()
merchants()
selected = chosen_merchant()
if selected is not None:
    detail(selected)
