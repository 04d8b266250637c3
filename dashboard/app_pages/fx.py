"""FX and settlement: what is owed, what is pending, what is left of the fees. Exposure: fx."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import bar, cards, charts, charts_fx, data, definitions, formats, ui
from dashboard.queries import fx as queries

KPI_HEIGHT = 124
BOOKED_HEIGHT = 172
CHART_HEIGHT = 300
TABLE_HEIGHT = 260
DRAWN_DAYS = 30
# From what is earned over what is taken away to what is left.
STEPS = (
    "gross_fees_eur",
    "scheme_cost_eur",
    "refunded_fees_eur",
    "lost_amount_eur",
    "dispute_fees_eur",
    "net_revenue_eur",
)

# The figures of the days, each with its change.
BOOKED = ("net_settled_amount_eur", "net_revenue_eur", "take_rate")

filters = bar.current("fx")
chosen = filters.selection
# What is said where a figure is not known per currency, in place of one of all currencies.
ALL_ONLY = "Not known per currency: take the currency out to see it."


@st.fragment(run_every=filters.every("2s"))
def header() -> None:
    """Title and freshness; the figures below change more slowly."""
    ui.headed("FX and settlement", definitions.of("agg_fx_exposure"))


@st.fragment(run_every=filters.every("15s"))
def kpi_strip() -> None:
    """What is owed and pending as of now, and what the days earned."""
    with ui.loading("fx_kpis", KPI_HEIGHT + BOOKED_HEIGHT):
        ui.guarded(now_row)
        ui.guarded(booked_row)


def now_row() -> None:
    """The cards of what is open now, which no range is about."""
    totals = data.recent(queries.exposure_totals(chosen))
    pending = data.recent(queries.pending(chosen))
    shown = [
        (name, definitions.of(model), answer.rows[0][name])
        for name, model, answer in (
            ("exposure_eur", "agg_fx_exposure", totals),
            ("revaluation_eur", "agg_fx_exposure", totals),
            ("count_pending", "agg_pending_now", pending),
            ("pending_amount_eur", "agg_pending_now", pending),
            ("age_p50_seconds", "agg_pending_now", pending),
            ("age_p95_seconds", "agg_pending_now", pending),
        )
    ]
    grid = st.grid(len(shown), min_column_width=150, row_height=KPI_HEIGHT)
    with grid:
        for name, known, value in shown:
            card = cards.plain_card(name, known, value, "as of now", "As of now.")
            ui.metric_card(card)
    ui.footer(
        "how_fx_kpis",
        [totals, pending],
        "As of now, whatever the range: not compared",
        ui.definition_lines(known.metric(name) for name, known, _ in shown),
    )


def booked_row() -> None:
    """The cards of what was booked on the days."""
    known = definitions.of("agg_revenue_daily")
    if chosen.chosen:
        grid = st.grid(len(BOOKED), min_column_width=150, row_height=KPI_HEIGHT)
        with grid:
            for name in BOOKED:
                ui.metric_card(cards.unknown_card(name, known, "not by currency", ALL_ONLY))
        return
    days, earlier = filters.days, filters.days_before
    answers = [data.past(queries.revenue(one)) for one in (days, earlier) if one]
    now, before = answers[0].rows, answers[1].rows if earlier else None
    by_day = data.past(queries.revenue_by_day(days.at_least(DRAWN_DAYS))).rows
    over = [row for row in by_day if row["drawn_at"] < days.open_from]
    grid = st.grid(len(BOOKED), min_column_width=150, row_height=BOOKED_HEIGHT)
    with grid:
        for name in BOOKED:
            history = [None if row[name] is None else float(row[name]) for row in over]
            wanted = filters.comparison.is_wanted
            ui.metric_card(cards.totals_card(name, known, now, before, days, history, wanted))
    ui.footer(
        "how_fx_booked",
        answers,
        f"By booking day, {days.words} · {filters.against_days}",
        ui.definition_lines(known.metric(name) for name in BOOKED),
    )


@st.fragment(parallel=True, run_every=filters.every("30s"))
def currencies() -> None:
    """What is owed per currency, how its rate moved, and what that did to the volume."""
    ui.panel("Owed to merchants by currency", "fx_exposure", TABLE_HEIGHT, exposure_table)
    left, right = st.columns(2)
    with left:
        ui.panel("Rates", "fx_rates", CHART_HEIGHT, rates_chart)
    with right:
        ui.panel("Volume in three currency modes", "fx_volume", CHART_HEIGHT, volume_table)


def exposure_table() -> None:
    """Open amounts, their value now, what the rate made of them, and what it may do in a day."""
    answer = data.recent(queries.exposure(chosen))
    if not answer.rows:
        st.caption("No currency but the euro has a rate or an open payment.")
        return
    known = definitions.of("agg_fx_exposure")
    money = {
        name: [formats.euro(row[name]) for row in answer.rows]
        for name in ("exposure_eur", "revaluation_eur")
    }
    risks = [row["value_at_risk_eur"] for row in answer.rows]
    st.dataframe(
        pd.DataFrame(
            {
                "currency": [row["currency_code"] for row in answer.rows],
                "open": [row["count_open"] for row in answer.rows],
                "amount": [
                    formats.money(row["open_amount"], row["currency_code"]) for row in answer.rows
                ],
                "rate": [str(row["latest_rate_to_eur"] or "") for row in answer.rows],
                "since": [row["latest_rate_date"] for row in answer.rows],
                **money,
                "risk": risks,
                "volatility": [
                    None if row["volatility_30d"] is None else 100 * row["volatility_30d"]
                    for row in answer.rows
                ],
            }
        ),
        column_config={
            "currency": st.column_config.TextColumn("Currency", pinned=True),
            "open": ui.number_column(known.metric("count_open"), "%,d"),
            "amount": st.column_config.TextColumn(
                "Open amount", help=known.metric("open_amount").description, alignment="right"
            ),
            "rate": st.column_config.TextColumn("EUR rate", alignment="right"),
            "since": st.column_config.DateColumn("Rate of", format="DD MMM YYYY"),
            **{
                name: st.column_config.TextColumn(
                    known.metric(name).label,
                    help=known.metric(name).description,
                    alignment="right",
                )
                for name in money
            },
            "risk": ui.number_column(known.metric("value_at_risk_eur"), "€ %,.2f"),
            "volatility": ui.number_column(known.metric("volatility_30d"), "%.2f %%"),
        },
        hide_index=True,
        height="content",
        placeholder=formats.NOTHING,
        key="exposure_table",
        alt=f"{len(answer.rows)} currencies by what is owed in them",
    )
    names = ("exposure_eur", "revaluation_eur", "value_at_risk_eur")
    ui.footer(
        "how_exposure",
        [answer],
        "As of now; values at risk do not add up",
        ui.definition_lines([known.metric(name) for name in names]),
    )


def rates_chart() -> None:
    """Rates in EUR, 100 on the first day that is drawn."""
    days = filters.days.at_least(DRAWN_DAYS)
    answer = data.past(queries.rates(days, chosen))
    if not answer.rows:
        st.caption("No exchange rate is known on these days.")
        return
    frame = charts_fx.rates_frame(answer.rows)
    names = {str(column): str(column) for column in frame.columns if column != "drawn_at"}
    ui.time_chart(
        frame,
        charts.lines_option(frame, names, "%.2f", {"scale": True}, filling=False),
        height=CHART_HEIGHT,
        alt=f"EUR rates of {', '.join(names)}, 100 on the first day, {days.words}",
        key="chart_rates",
    )
    ui.footer(
        "how_rates",
        [answer],
        f"100 on the first day, {days.words}",
    )


def volume_table() -> None:
    """Each currency's volume in itself, booked, and at the rates of the last day."""
    days = filters.days
    answer = data.past(queries.volume(days, chosen))
    if not answer.rows:
        bar.nothing_here(filters)
        return
    known = definitions.of("agg_volume_at_constant_rates_daily")
    names = ("successful_amount_eur", "successful_amount_constant_eur", "fx_effect_eur")
    titles = ("Booked", "Constant", "FX effect")
    st.dataframe(
        pd.DataFrame(
            {
                "currency": [row["currency_code"] for row in answer.rows],
                "original": [
                    formats.money(row["successful_amount"], row["currency_code"])
                    for row in answer.rows
                ],
                **{name: [formats.euro(row[name]) for row in answer.rows] for name in names},
            }
        ),
        column_config={
            "currency": st.column_config.TextColumn("Currency", pinned=True),
            "original": st.column_config.TextColumn(
                "Original", help="Successful volume in the currency itself.", alignment="right"
            ),
            **{
                name: st.column_config.TextColumn(
                    title, help=known.metric(name).description, alignment="right"
                )
                for name, title in zip(names, titles, strict=True)
            },
        },
        hide_index=True,
        height="content",
        key="volume_table",
        alt=f"{len(answer.rows)} currencies with their volume, {days.words}",
    )
    ui.footer(
        "how_volume",
        [answer],
        f"Constant: at the rates of {formats.days(days.last, days.last)}",
        ui.definition_lines([known.metric(name) for name in names]),
    )


@st.fragment(parallel=True, run_every=filters.every("30s"))
def settlement() -> None:
    """How old what is pending is, and how long it takes."""
    left, right = st.columns(2)
    with left:
        ui.panel("Pending now by age", "fx_ageing", CHART_HEIGHT, ageing_chart)
    with right:
        ui.panel("Time to final status", "fx_settling", CHART_HEIGHT, settling_chart)
    ui.panel("From fees to net revenue", "fx_revenue", CHART_HEIGHT, revenue_chart)


def ageing_chart() -> None:
    """Pending payments per age class."""
    answer = data.recent(queries.ageing(chosen))
    metric = definitions.of("agg_pending_ageing").metric("count_pending")
    frame = pd.DataFrame(
        {
            "age": [row["age_bucket"] for row in answer.rows],
            "count": [row["count_pending"] for row in answer.rows],
        }
    )
    oldest = answer.rows[-1]
    ui.chart(
        charts_fx.ageing_option(frame, metric.label),
        height=CHART_HEIGHT,
        alt=f"Pending payments by age; {oldest['count_pending']:,} older than seven days",
        key="chart_ageing",
    )
    ui.footer(
        "how_ageing",
        [answer],
        f"As of now; older than 7 days: {formats.euro(oldest['pending_amount_eur'])}",
        ui.definition_line(metric),
    )


def settling_chart() -> None:
    """Median and 95th percentile of the time to the final status, per day."""
    if chosen.chosen:
        st.caption(ALL_ONLY)
        return
    days = filters.days.at_least(DRAWN_DAYS)
    answer = data.past(queries.settling(days))
    if not answer.rows:
        st.caption("No payment that was pending became final on these days.")
        return
    known = definitions.of("agg_settling_daily")
    metrics = [known.metric(f"time_to_final_{quantile}_seconds") for quantile in ("p95", "p50")]
    names = {metric.name: metric.label for metric in metrics}
    frame = charts.day_frame(answer.rows, list(names))
    filling = bool(answer.rows[-1]["drawn_at"] == days.open_from)
    axis = {"min": 0, "axisLabel": {"formatter": "{value} s"}}
    ui.time_chart(
        frame,
        charts.lines_option(frame, names, "%,.0f s", axis, filling=filling),
        height=CHART_HEIGHT,
        alt=f"Seconds from attempt to final status per day, median and 95 %, {days.words}",
        key="chart_settling",
    )
    ui.footer(
        "how_settling",
        [answer],
        f"By the day the final status was committed, {days.words}",
        ui.definition_lines(metrics),
    )


def revenue_chart() -> None:
    """The parts of net revenue."""
    if chosen.chosen:
        st.caption(ALL_ONLY)
        return
    days = filters.days
    answer = data.past(queries.revenue(days))
    row = cards.totals(answer.rows, "now")
    known = definitions.of("agg_revenue_daily")
    metrics = {name: known.metric(name) for name in STEPS}
    if not answer.rows:
        st.caption("Nothing was booked on these days.")
        return
    if row["net_revenue_eur"] is None:
        st.caption("A rate or a fee of these days is missing: their revenue is unknown.")
        return
    frame = charts_fx.waterfall_frame(row, {name: one.label for name, one in metrics.items()})
    ui.chart(
        charts_fx.waterfall_option(frame),
        height=CHART_HEIGHT,
        alt=f"From {formats.euro(row['gross_fees_eur'])} of fees to "
        f"{formats.euro(row['net_revenue_eur'])} of net revenue, {days.words}",
        key="chart_revenue",
    )
    parts = " · ".join(f"{one.label} {formats.euro(row[name])}" for name, one in metrics.items())
    ui.footer(
        "how_revenue",
        [answer],
        f"{parts} · booked on {days.words}",
        ui.definition_lines(metrics.values()),
    )


header()
kpi_strip()
currencies()
settlement()
