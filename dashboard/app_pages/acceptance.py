"""Acceptance: how many payments work, why others do not, and when. Exposure: acceptance.

The daily marts are read at most once a minute (`data.past`): they are views over whole days.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import bar, cards, charts, charts_acceptance, data, definitions, formats, periods, ui
from dashboard.connection import Answer, Row
from dashboard.filters import Selection
from dashboard.queries import acceptance as queries
from dashboard.queries.call import Call

KPI_HEIGHT = 150
CHART_HEIGHT = 300
TABLE_HEIGHT = 300
WEEK_HEIGHT = 340
DRAWN_DAYS = 14  # a trend of one or two days is none
WEEK_MAP_DAYS = 28
SHORT_RANGE = timedelta(days=14)
# How the rates are counted: the suffix of their columns in gold, and of those in percent.
BASES = {"Payments": "", "Value": "_by_value"}
# Of a rate counted in payments: how many it is of, how its interval's columns begin, and the words.
SAMPLES = {
    "acceptance_rate": ("count_decided", "acceptance", "decided payments"),
    "authorization_rate": ("count_submitted", "authorization", "submitted payments"),
    "deduplicated_success_rate": ("count_intents", "deduplicated", "intents"),
    "recovery_rate": ("count_soft_declined_intents", "recovery", "soft-declined intents"),
}
WEEK_METRICS = ("acceptance_rate", "payments_per_slot", "volume_per_slot_eur")

filters = bar.current("acceptance")
chosen = filters.selection


def basis() -> str:
    """Suffix of the columns that count rates as the reader asks for."""
    return periods.choose(st.session_state.get("rates_by"), BASES, "Payments")


@st.fragment(run_every=filters.every("2s"))
def header() -> None:
    """Title and freshness; the figures below change more slowly."""
    ui.headed("Acceptance", definitions.of("agg_acceptance_daily"))


@st.fragment(run_every=filters.every("30s"))
def kpi_strip() -> None:
    """The rates and tickets of the days."""
    with ui.loading("acceptance_kpis", 2 * KPI_HEIGHT):
        ui.guarded(kpi_row)


def kpi_row() -> None:
    """The KPI cards, or what to do when there is nothing to count."""
    days = filters.days
    by = basis()
    answers: list[Answer] = []
    past_days = before_today(
        data.past(queries.rates_by_day(drawn(days), selection=chosen)).rows, days
    )
    recovered = data.past(queries.recovery_by_day(drawn(days), chosen)).rows
    tickets = data.past(queries.tickets_by_day(drawn(days), chosen)).rows

    def card(
        model: str,
        names: Sequence[str],
        query: Callable[[periods.Days, Selection], Call],
        history: Sequence[Sequence[float | None]],
    ) -> list[cards.Card]:
        answer, before = totals(query, days)
        answers.append(answer)
        now, complete = cards.totals(answer.rows, "now"), cards.totals(answer.rows, "complete")
        made = [
            cards.day_card(
                name,
                definitions.of(model),
                now.get(name),
                complete.get(name),
                before.get(name) if before is not None else None,
                "today, so far" if days.complete is None else days.words,
                line,
            )
            for name, line in zip(names, history, strict=True)
        ]
        # a rate by value is no share of a count
        return [
            cards.sampled(one, now, *SAMPLES[name]) if name in SAMPLES else one
            for name, one in zip(names, made, strict=True)
        ]

    accepted = card(
        "agg_acceptance_daily",
        [
            f"acceptance_rate{by}",
            f"authorization_rate{by}",
            "pending_share",
            "pending_amount_eur",
        ],
        queries.acceptance,
        [
            column(past_days, f"acceptance{by}_percent"),
            column(past_days, f"authorization{by}_percent"),
            column(past_days, "pending_percent"),
            column(past_days, "pending_eur"),
        ],
    )
    rates, pending = accepted[:2], accepted[2:]
    if not cards.totals(answers[0].rows, "now").get("count_attempted"):
        bar.nothing_here(filters)
    rates += card(
        "agg_intents_daily",
        [f"deduplicated_success_rate{by}"],
        queries.intents,
        [column(past_days, f"deduplicated{by}_percent")],
    )
    rates += card(
        "agg_recovery_daily",
        ["recovery_rate"],
        queries.recovery,
        [column(before_today(recovered, days), "recovery_percent")],
    )
    rates += pending + card(
        "agg_ticket_quantiles_daily",
        ["ticket_p50_eur", "ticket_p95_eur"],
        queries.tickets,
        [column(before_today(tickets, days), f"ticket_{p}_eur") for p in ("p50", "p95")],
    )
    grid = st.grid(4, min_column_width=150, row_height=KPI_HEIGHT)
    with grid:
        for rate in rates:
            ui.metric_card(rate)
    shown = [
        definitions.of(model).metric(name)
        for model, name in (
            ("agg_acceptance_daily", f"acceptance_rate{by}"),
            ("agg_acceptance_daily", f"authorization_rate{by}"),
            ("agg_intents_daily", f"deduplicated_success_rate{by}"),
            ("agg_recovery_daily", "recovery_rate"),
            ("agg_acceptance_daily", "pending_share"),
            ("agg_acceptance_daily", "pending_amount_eur"),
            ("agg_ticket_quantiles_daily", "ticket_p50_eur"),
            ("agg_ticket_quantiles_daily", "ticket_p95_eur"),
        )
    ]
    ui.footer(
        "how_acceptance_kpis",
        answers,
        f"{days.words} · {filters.against_days} · up to a minute old"
        + (" · paused" if filters.paused else ""),
        ui.definition_lines(shown),
    )


def totals(
    query: Callable[[periods.Days, Selection], Call], days: periods.Days
) -> tuple[Answer, Mapping[str, Any] | None]:
    """The answer of the days, and the totals of the comparison if there is data that far back."""
    answer = data.past(query(days, chosen))
    if days.complete is None:
        return answer, None
    earlier = days.complete.shifted(filters.day_shift)
    if not filters.compares_from(earlier.first):
        return answer, None
    return answer, cards.totals(data.past(query(earlier, chosen)).rows, "now")


def drawn(days: periods.Days) -> periods.Days:
    """The days that are drawn."""
    return days.at_least(DRAWN_DAYS)


def before_today(rows: Sequence[Row], days: periods.Days) -> list[Row]:
    """The rows of days that are over."""
    return [row for row in rows if row["drawn_at"] < days.open_from]


def column(rows: Sequence[Row], name: str) -> list[float | None]:
    """One column of rows."""
    return [row[name] for row in rows]


@st.fragment(parallel=True, run_every=filters.every("30s"))
def trend_charts() -> None:
    """The rates per day, and what became of soft declines."""
    left, right = st.columns(2)
    with left:
        ui.panel("Rates per day", "acceptance_rates", CHART_HEIGHT, rates_chart)
    with right:
        ui.panel(
            "Recovery of soft declines",
            "acceptance_recovery",
            CHART_HEIGHT,
            recovery_chart,
            help="Intents whose first attempt was declined for a reason that may pass, by day of "
            "that attempt. Those of the last 24 hours may still be recovered.",
        )


def rates_chart() -> None:
    """Acceptance, authorization and deduplicated success, with the comparison of acceptance."""
    days, by = drawn(filters.days), basis()
    answer = data.past(queries.rates_by_day(days, selection=chosen))
    if not answer.rows:
        st.caption("No payments on these days.")
        return
    answers = [answer]
    metrics = {
        f"{column}{by}_percent": definitions.of(model).metric(f"{rate}{by}")
        for column, rate, model in (
            ("acceptance", "acceptance_rate", "agg_acceptance_daily"),
            ("authorization", "authorization_rate", "agg_acceptance_daily"),
            ("deduplicated", "deduplicated_success_rate", "agg_intents_daily"),
        )
    }
    names = {column: metric.label for column, metric in metrics.items()}
    frame = charts.day_frame(answer.rows, list(names))
    for rate, metric in metrics.items():
        count, interval, _ = SAMPLES[metric.name.removesuffix("_by_value")]
        charts.sized(frame, answer.rows, rate, count, None if by else interval)
    drawn_columns, before = list(names), None
    if filters.compares_from(days.first - filters.day_shift):
        earlier = data.past(queries.rates_by_day(days, filters.day_shift, chosen))
        answers.append(earlier)
        acceptance = {row["drawn_at"]: row[f"acceptance{by}_percent"] for row in earlier.rows}
        frame["before"] = pd.Series(
            [acceptance.get(row["drawn_at"]) for row in answer.rows], dtype="float64"
        )
        before = ("before", f"Acceptance, {filters.versus_days}")
        drawn_columns.append("before")
    axis = charts_acceptance.percent_axis(frame, drawn_columns)
    option = charts.lines_option(
        frame, names, charts.PERCENT_FORMAT, axis, before, is_today(answer.rows, days)
    )
    accepted = frame[f"acceptance{by}_percent"].dropna()
    lowest = f"; lowest acceptance {accepted.min():.1f} %" if len(accepted) else ""
    ui.time_chart(
        frame,
        option,
        height=CHART_HEIGHT,
        alt=f"Rates per day, {days.words}{lowest}",
        key="chart_rates",
    )
    about = ui.definition_lines(metrics.values())
    ui.footer("how_rates", answers, f"Per day, {days.words}", about)


def is_today(rows: Sequence[Row], days: periods.Days) -> bool:
    """Whether the last row is of the day that still fills."""
    return bool(rows[-1]["drawn_at"] == days.open_from)


def recovery_chart() -> None:
    """Soft-declined intents by what became of them."""
    days = drawn(filters.days)
    answer = data.past(queries.recovery_by_day(days, chosen))
    if not answer.rows:
        st.caption("No soft declines on these days.")
        return
    frame = charts.day_frame(
        answer.rows, ("count_recovered_intents", "count_lost_intents", "recovery_percent")
    )
    metric = definitions.of("agg_recovery_daily").metric("recovery_rate")
    ui.time_chart(
        frame,
        charts_acceptance.recovery_option(frame, metric.label),
        height=CHART_HEIGHT,
        alt=f"Soft-declined intents per day by what became of them, {days.words}",
        key="chart_recovery",
    )
    ui.footer(
        "how_recovery",
        [answer],
        f"Per day of the first attempt, {days.words}",
        ui.definition_line(metric),
    )


@st.fragment(parallel=True, run_every=filters.every("30s"))
def reasons_and_tickets() -> None:
    """Why payments are declined, and how large those are that work."""
    left, right = st.columns(2)
    with left:
        ui.panel("Decline reasons", "acceptance_declines", CHART_HEIGHT, declines_chart)
    with right:
        ui.panel("Tickets per day", "acceptance_tickets", CHART_HEIGHT, tickets_chart)


@st.fragment(parallel=True, run_every=filters.every("30s"))
def advice_and_hours() -> None:
    """What to do about each reason, and at which hours of the week payments work."""
    ui.panel("What to do about declines", "acceptance_table", TABLE_HEIGHT, declines_table)
    ui.panel("Hours of the week", "acceptance_week", WEEK_HEIGHT, week_map)


def declines_chart() -> None:
    """Reasons by their share of all declines."""
    days = filters.days
    answer = data.past(queries.declines(days, chosen))
    if not answer.rows:
        st.caption("No declined payments on these days.")
        return
    frame = charts_acceptance.declines_frame(answer.rows)
    first = answer.rows[0]
    ui.chart(
        charts_acceptance.declines_option(frame),
        height=CHART_HEIGHT,
        alt=f"Decline reasons by share of declines, {days.words}; most frequent "
        f"{charts_acceptance.reason(first['decline_code'])}, {first['share_percent']:.1f} %",
        key="chart_declines",
    )
    known = definitions.of("agg_declines_daily")
    about = [known.metric(name) for name in ("decline_rate", "decline_group")]
    ui.footer(
        "how_declines",
        [answer],
        f"Share of all declines, {days.words}",
        ui.definition_lines(about),
    )


def week_map() -> None:
    """Acceptance, payments or volume by weekday and hour."""
    known = definitions.of("agg_hour_of_week")
    st.segmented_control(
        "Shown by hour",
        WEEK_METRICS,
        default=WEEK_METRICS[0],
        required=True,
        format_func=lambda name: known.metric(name).label,
        key="week_by",
        bind="query-params",
        label_visibility="collapsed",
    )
    asked = st.session_state.get("week_by")
    metric = known.metric(asked if asked in WEEK_METRICS else WEEK_METRICS[0])
    answer = data.past(queries.hour_of_week(chosen))
    if not answer.rows:
        st.caption("No payments in the last four whole weeks.")
        return
    frame = charts_acceptance.week_frame(answer.rows, metric)
    few = int(frame["few"].notna().sum())
    alt = f"{metric.label} by weekday and hour, UTC"
    if frame["value"].notna().any():
        percent = 100 if metric.format == "percent" else 1
        low, high = (
            cards.show(end / percent, metric.format)
            for end in (frame["value"].min(), frame["value"].max())
        )
        alt += f", from {low} to {high}"
    ui.chart(
        charts_acceptance.week_option(frame, metric),
        height=WEEK_HEIGHT,
        alt=alt + (f"; {few} hours have too few payments" if few else ""),
        key="chart_week",
    )
    about = "Last four whole weeks, hours of UTC: days are UTC days here"
    if metric.format == "percent":
        about += f" · grey: fewer than {formats.ENOUGH} decided"
    else:
        about += f" · mean of {answer.rows[0]['count_slots']} such hours"
    if filters.chosen.length < SHORT_RANGE:
        about += f" · the range of {filters.chosen.label} is too short for such a map"
    first = data.first_day()
    if first is not None and (filters.days.last - first).days < WEEK_MAP_DAYS:
        about += f" · payments since {first:%d %b %Y} only"
    ui.footer("how_week", [answer], about, ui.definition_line(metric))


def declines_table() -> None:
    """Reasons with kind, number, rate, volume and advice."""
    days = filters.days
    answer = data.past(queries.declines(days, chosen))
    if not answer.rows:
        st.caption("No declined payments on these days.")
        return
    known = definitions.of("agg_declines_daily")
    frame = pd.DataFrame(
        {
            "reason": [charts_acceptance.reason(row["decline_code"]) for row in answer.rows],
            "group": [[row["decline_group"]] for row in answer.rows],
            "declined": [row["count_declined"] for row in answer.rows],
            "share": [row["share_percent"] for row in answer.rows],
            "rate": [row["decline_percent"] for row in answer.rows],
            "interval": [
                formats.interval(row["decline_low_percent"], row["decline_high_percent"])
                for row in answer.rows
            ],
            "volume": [formats.euro(row["declined_amount_eur"]) for row in answer.rows],
            "advice": [row["advice"] for row in answer.rows],
        }
    )
    st.dataframe(
        ui.few_in_grey(frame, ["rate", "interval"], [row["count_decided"] for row in answer.rows]),
        column_config={
            "reason": st.column_config.TextColumn("Reason", pinned=True),
            "group": st.column_config.MultiselectColumn(
                "Kind",
                options=list(charts_acceptance.GROUP_COLORS),
                color=["orange", "red", "blue", "violet", "gray"],
                help=known.metric("decline_group").description,
                width="small",
            ),
            "declined": ui.number_column(known.metric("count_declined"), "%,d", "Declines"),
            "share": st.column_config.NumberColumn(
                "Share", format="%.1f %%", help="Of all declined payments of these days."
            ),
            "rate": ui.number_column(known.metric("decline_rate"), "%.2f %%", "Of decided"),
            "interval": st.column_config.TextColumn(
                "95 % interval",
                help=ui.INTERVAL_HELP,
            ),
            "volume": st.column_config.TextColumn(
                known.metric("declined_amount_eur").label,
                help=known.metric("declined_amount_eur").description,
                alignment="right",
            ),
            "advice": st.column_config.TextColumn(
                "What to do", help=known.metric("advice").description, width="large"
            ),
        },
        hide_index=True,
        height="content",
        placeholder=formats.NOTHING,
        key="declines_table",
        alt=f"{len(frame)} decline reasons, most frequent first, {days.words}",
    )
    ui.footer(
        "how_declines_table",
        [answer],
        f"Most frequent first, {days.words}, of {answer.rows[0]['count_decided']:,} decided",
        ui.definition_line(known.metric("decline_rate")),
    )


def tickets_chart() -> None:
    """Median and 95th percentile of the successful payments per day."""
    days = drawn(filters.days)
    answer = data.past(queries.tickets_by_day(days, chosen))
    if not answer.rows:
        st.caption("No successful payments on these days.")
        return
    known = definitions.of("agg_ticket_quantiles_daily")
    metrics = [known.metric(name) for name in ("ticket_p95_eur", "ticket_p50_eur")]
    names = {metric.name: metric.label for metric in metrics}
    frame = charts.day_frame(answer.rows, list(names))
    axis = {"min": 0, "axisLabel": {"formatter": "€ {value}"}}
    ui.time_chart(
        frame,
        charts.lines_option(frame, names, "€ %,.2f", axis, filling=is_today(answer.rows, days)),
        height=CHART_HEIGHT,
        alt=f"Median and 95th percentile of successful payments per day, {days.words}",
        key="chart_tickets",
    )
    ui.footer(
        "how_tickets",
        [answer],
        f"Per day, within 1 %, {days.words}",
        ui.definition_lines(metrics),
    )


header()
st.segmented_control(
    "Rates by",
    list(BASES),
    default="Payments",
    required=True,
    key="rates_by",
    bind="query-params",
    help="Counts payments, or weighs them by their value in EUR. Recovery counts intents.",
)
kpi_strip()
trend_charts()
reasons_and_tickets()
advice_and_hours()
