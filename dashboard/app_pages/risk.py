"""Risk and fraud: what the rules flag, whom, and how risky each merchant is. Exposure: risk.

The marts of risk look at single payments of whole days: they are read at most once a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import pandas as pd
import streamlit as st

from dashboard import (
    bar,
    cards,
    charts,
    charts_risk,
    data,
    definitions,
    exports,
    formats,
    periods,
    tables,
    ui,
)
from dashboard.connection import Answer, Row
from dashboard.definitions import Metric
from dashboard.filters import Selection
from dashboard.queries import merchants as merchant_queries
from dashboard.queries import risk as queries
from dashboard.queries.call import Call

KPI_HEIGHT = 172
CHART_HEIGHT = 360
ADJUSTED_HEIGHT = 280
PAGE_ROWS = 10
EXPORT_ROWS = 10_000
ROW_HEIGHT = 35
TABLE_HEIGHT = (PAGE_ROWS + 1) * ROW_HEIGHT + 3
DRAWN_DAYS = 14  # a trend of one or two days is none
MONTHS = 12
OUTLIERS = 100  # the most unusual ones
RANKED = 50
LAST_24_HOURS = "Covers the last 24 hours, whatever the range."
SCORED_DAYS = "Scored are the last 7 days, today included."
NO_LABELS = (
    "Not measured: the source has no labels of fraud on these days, or ./finhouse evaluate has not "
    "compared them yet."
)
ONE_AUTHOR = (
    "The generator that plants the fraud and the rules that look for it have one author: this "
    "shows that the measuring works, not what the rules would find elsewhere."
)
COMPONENTS = ("dispute_rate", "decline_rate", "refund_rate", "geo_share", "velocity", "risk_rating")
KINDS: Mapping[str, str] = {"account": "Account", "device": "Device", "ip": "IP address"}
# The columns of a payment by which a device or an address is found in silver.
FOUND_BY: Mapping[str, str] = {"device": "device_id", "ip": "ip"}

# What the rules flag: none of it is known of a part of the merchants.
FLAGGED = (
    ("agg_risk_signals_daily", "count_burst_attempts"),
    ("agg_risk_signals_daily", "count_trips"),
    ("agg_risk_now", "count_outliers"),
    ("agg_risk_now", "count_flagged_entities"),
    ("agg_risk_now", "flagged_volume_share"),
    ("agg_geo_mismatch_daily", "geo_mismatch_rate"),
)
ALL_ONLY = "Not known per merchant: take category and country out to see it."

filters = bar.current("risk")
chosen = filters.selection


@st.fragment(run_every=filters.every("2s"))
def header() -> None:
    """Title and freshness; the figures below change more slowly."""
    ui.headed("Risk and fraud", definitions.of("agg_risk_now"))


@st.fragment(run_every=filters.every("30s"))
def kpi_strip() -> None:
    """What is flagged, disputed and out of place."""
    with ui.loading("risk_kpis", KPI_HEIGHT):
        ui.guarded(kpi_rows)


def kpi_rows() -> None:
    """The KPI cards: of the range with comparison, and of the last 24 hours."""
    if chosen.chosen:
        grid = st.grid(len(FLAGGED), min_column_width=150, row_height=KPI_HEIGHT)
        with grid:
            for model, name in FLAGGED:
                known = definitions.of(model)
                ui.metric_card(cards.unknown_card(name, known, "not by merchant", ALL_ONLY))
        return
    days, earlier = filters.days, filters.days_before
    now = data.past(queries.now())
    row: Row = now.rows[0] if now.rows else {}
    signals = data.past(queries.signals(days, drawn(days)))
    mismatch = compared(lambda days, _: queries.mismatch(days))
    if not cards.totals(mismatch[0].rows, "now").get("count_attempted"):
        bar.nothing_here(filters)

    def signal(name: str, column: str) -> cards.Card:
        counted = signals.rows[-1] if signals.rows else {}
        before = data.past(queries.signals(earlier)).rows[-1] if earlier else None
        return cards.day_card(
            name,
            definitions.of("agg_risk_signals_daily"),
            counted.get(f"total_{column}", 0),
            counted.get(f"complete_{column}", 0) if days.complete else None,
            before[f"total_{column}"] if before else None,
            "today, so far" if days.complete is None else days.words,
            over(signals.rows, name),
            filters.comparison.is_wanted,
        )

    def of_now(name: str, note: str) -> cards.Card:
        return cards.plain_card(
            name, definitions.of("agg_risk_now"), row.get(name), note, LAST_24_HOURS
        )

    shown = [
        signal("count_burst_attempts", "burst_attempts"),
        signal("count_trips", "trips"),
        of_now("count_outliers", "last 24 hours"),
        of_now("count_flagged_entities", "now"),
        of_now("flagged_volume_share", "last 24 hours"),
        compared_card(
            "agg_geo_mismatch_daily",
            "geo_mismatch_rate",
            mismatch,
            over(data.past(queries.mismatch_by_day(drawn(days))).rows, "mismatch_percent"),
        ),
    ]
    grid = st.grid(len(FLAGGED), min_column_width=150, row_height=KPI_HEIGHT)
    with grid:
        for card in shown:
            ui.metric_card(card)
    ui.footer(
        "how_risk_kpis",
        [signals, now, *mismatch],
        f"{days.words} · {filters.against_days} · up to a minute old"
        + (" · paused" if filters.paused else ""),
        ui.definition_lines(definitions.of(model).metric(name) for model, name in FLAGGED),
    )


def compared(query: Callable[[periods.Days, Selection], Call]) -> list[Answer]:
    """The answer of the days and, where they are compared, of those before."""
    days = (filters.days, filters.days_before)
    return [data.past(query(one, chosen)) for one in days if one]


def over(rows: Sequence[Row], column: str) -> list[float | None]:
    """One column of the days that are over."""
    return [row[column] for row in rows if row["drawn_at"] < filters.days.open_from]


def compared_card(
    model: str, name: str, answers: Sequence[Answer], history: Sequence[float | None]
) -> cards.Card:
    """The card of a figure of the days, with its change."""
    return cards.totals_card(
        name,
        definitions.of(model),
        answers[0].rows,
        answers[1].rows if len(answers) > 1 else None,
        filters.days,
        history,
        filters.comparison.is_wanted,
    )


def drawn(days: periods.Days) -> periods.Days:
    """The days that are drawn."""
    return days.at_least(DRAWN_DAYS)


def of_all(body: Callable[[], Any]) -> Callable[[], Any]:
    """A card's body; where merchants are chosen, that its figures do not know them."""
    return (lambda: st.caption(ALL_ONLY)) if chosen.chosen else body


def payments_link(kind: str, entity: object) -> str:
    """An account's page; of a device or address the SQL page with the statement that lists its
    payments, as no page is about one."""
    if kind == "account":
        return tables.account_link(entity)
    literal = str(entity).replace("\\", "\\\\").replace("'", "\\'")
    statement = (
        "select transaction_id, occurred_at, account_id, merchant_id, amount, currency, status,"
        " ip, device_id\nfrom silver.transactions_state final\n"
        f"where {FOUND_BY[kind]} = '{literal}'\norder by occurred_at desc\nlimit 100"
    )
    return f"/sql?q={quote(statement, safe='')}"


def payments_column(label: str = "Payments") -> Any:
    """A column of `payments_link`s."""
    return st.column_config.LinkColumn(
        label,
        display_text="List",
        help="Those of an account on its page; of a device or address by a statement on the page "
        "SQL.",
    )


def pages(key: str, rows: Sequence[Row]) -> str:
    """The choice of a page below a table; says which rows of how many it shows."""
    return ui.pages(key, rows[0]["page"], PAGE_ROWS, len(rows), rows[0]["count_found"])


@st.fragment(parallel=True, run_every=filters.every("30s"))
def velocity() -> None:
    """Who is above a limit now."""
    ui.panel(
        "Above a velocity limit now",
        "risk_velocity",
        TABLE_HEIGHT,
        of_all(velocity_table),
        help="Accounts, devices and IP addresses that attempt far more than others of their kind.",
    )


def velocity_table() -> None:
    """One page of who is above a limit, furthest above first."""
    answer = data.past(queries.velocity(ui.asked_page("velocity_page"), PAGE_ROWS))
    if not answer.rows:
        st.caption("No account, device or address is above a limit.")
        return
    known = definitions.of("agg_velocity_flags")
    measured = definitions.of("agg_velocity_now")
    rows = answer.rows
    st.dataframe(
        pd.DataFrame(
            {
                "kind": [KINDS.get(row["entity_type"], row["entity_type"]) for row in rows],
                "entity": [row["entity_id"] for row in rows],
                "measure": [measured.metric(row["measure"]).label for row in rows],
                "counted": [row["count_measured"] for row in rows],
                "limit": [row["count_limit"] for row in rows],
                "times": [row["times_limit"] for row in rows],
                "minute": [row["count_attempted_1m"] for row in rows],
                "day": [row["count_attempted_24h"] for row in rows],
                "payments": [payments_link(row["entity_type"], row["entity_id"]) for row in rows],
            }
        ),
        column_config={
            "kind": st.column_config.TextColumn("Kind", pinned=True),
            "entity": st.column_config.TextColumn("Id", width="medium"),
            "measure": st.column_config.TextColumn(
                known.metric("measure").label, help=known.metric("measure").description
            ),
            "counted": ui.number_column(known.metric("count_measured"), "%,d"),
            "limit": ui.number_column(known.metric("count_limit"), "%,d"),
            "times": ui.number_column(known.metric("times_limit"), "%.1f ×"),
            "minute": ui.number_column(known.metric("count_attempted_1m"), "%,d"),
            "day": ui.number_column(known.metric("count_attempted_24h"), "%,d"),
            "payments": payments_column(),
        },
        hide_index=True,
        height="content",
        row_height=ROW_HEIGHT,
        key="velocity_table",
        alt=f"{len(rows)} accounts, devices and addresses above a limit, furthest above first",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        which = pages("velocity_page", rows)
        ui.footer(
            "how_velocity",
            [answer],
            f"{which} · whole minutes before "
            f"{filters.time(rows[0]['as_of_minute'], '%H:%M')} {filters.zone_title}",
            ui.definition_lines(
                known.metric(name) for name in ("measure", "count_limit", "times_limit")
            ),
            lambda: exports.of_answer(data.past(queries.velocity(1, EXPORT_ROWS))),
        )


@st.fragment(parallel=True, run_every=filters.every("30s"))
def bursts() -> None:
    """Who tries cards."""
    ui.panel(
        "Card-testing bursts",
        "risk_bursts",
        TABLE_HEIGHT,
        of_all(bursts_table),
        help="At least 5 attempts below 10 EUR from one IP address within 10 minutes, by at least "
        "3 accounts.",
    )


def bursts_table() -> None:
    """One page of bursts, newest first, each with the merchant and device it uses most."""
    days = filters.days
    answer = data.past(queries.bursts(days, ui.asked_page("bursts_page"), PAGE_ROWS))
    if not answer.rows:
        st.caption("No burst of card testing on these days.")
        return
    rows = answer.rows
    detailed = data.past(queries.burst_details(rows))
    details: dict[Any, Row] = {(row["ip"], row["burst_first_at"]): row for row in detailed.rows}
    # a burst may have changed since: then it has no details
    found = [details.get((row["ip"], row["burst_first_at"])) for row in rows]
    known = definitions.of("agg_card_testing_bursts")
    st.dataframe(
        pd.DataFrame(
            {
                "started": [row["burst_first_at"] for row in rows],
                "payment": [one and tables.payment_link(one["transaction_id"]) for one in found],
                "lasted": [
                    formats.seconds((row["burst_last_at"] - row["burst_first_at"]).total_seconds())
                    for row in rows
                ],
                "ip": [row["ip"] for row in rows],
                "country": [row["ip_country"] or "unknown" for row in rows],
                "proxy": [row["is_proxy_or_vpn"] for row in rows],
                "attempts": [row["count_attempted"] for row in rows],
                "accounts": [row["count_accounts"] for row in rows],
                "declined": [row["declined_percent"] for row in rows],
                "volume": [formats.cents(row["attempted_amount_eur"]) for row in rows],
                "merchant": [one and tables.merchant_link(one) for one in found],
                "device": [one and one["device_id"] for one in found],
                "merchants": [row["count_merchants"] for row in rows],
                "devices": [one and one["count_devices"] for one in found],
            }
        ),
        column_config={
            "started": st.column_config.DatetimeColumn(
                f"Started, {filters.zone_title}",
                format="DD MMM HH:mm:ss",
                pinned=True,
                timezone=filters.zone,
            ),
            "lasted": st.column_config.TextColumn("Lasted", alignment="right"),
            "ip": st.column_config.TextColumn("IP address"),
            "country": st.column_config.TextColumn("Country", help="Of the IP address."),
            "proxy": st.column_config.CheckboxColumn("Proxy or VPN"),
            "attempts": ui.number_column(known.metric("count_attempted"), "%,d", "Attempts"),
            "accounts": ui.number_column(known.metric("count_accounts"), "%,d"),
            "declined": ui.number_column(known.metric("declined_share"), "%.1f %%"),
            "volume": ui.number_column(known.metric("attempted_amount_eur"), "€ %,.2f", "Volume"),
            "merchant": tables.merchant_column("Mostly at"),
            "merchants": st.column_config.NumberColumn("Merchants", format="%,d"),
            "device": st.column_config.TextColumn("Mostly from device"),
            "devices": st.column_config.NumberColumn("Devices", format="%,d"),
            "payment": tables.payment_column("Last payment"),
        },
        hide_index=True,
        height="content",
        row_height=ROW_HEIGHT,
        placeholder=formats.NOTHING,
        key="bursts_table",
        alt=f"{len(rows)} bursts of card testing, newest first, {days.words}",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        which = pages("bursts_page", rows)
        ui.footer(
            "how_bursts",
            [answer, detailed],
            f"{which} · newest first, {days.words}",
            ui.definition_lines(
                known.metric(name)
                for name in ("count_attempted", "declined_share", "attempted_amount_eur")
            ),
            lambda: exports.of_answer(data.past(queries.bursts(days, 1, EXPORT_ROWS))),
        )


@st.fragment(parallel=True, run_every=filters.every("60s"))
def unusual() -> None:
    """Amounts and countries that do not fit the account."""
    ui.panel("Amount outliers", "risk_outliers", TABLE_HEIGHT, outliers_table)
    ui.panel(
        "Impossible travel",
        "risk_trips",
        TABLE_HEIGHT,
        of_all(trips_table),
        help="Two attempts of one account from IP addresses in two countries, at most an hour "
        "apart.",
    )


def outliers_table() -> None:
    """The most unusual of the large attempts."""
    answer = data.past(queries.outliers(OUTLIERS, chosen))
    if not answer.rows:
        st.caption("No unusual amount in the last 24 hours.")
        return
    rows = answer.rows
    known = definitions.of("agg_amount_outliers")
    st.dataframe(
        pd.DataFrame(
            {
                "at": [row["occurred_at"] for row in rows],
                "payment": [tables.payment_link(row["transaction_id"]) for row in rows],
                "amount": [formats.money(row["amount"], row["currency_code"]) for row in rows],
                "eur": [formats.cents(row["amount_eur"]) for row in rows],
                "usual": [
                    formats.money(row["median_amount"], row["currency_code"]) for row in rows
                ],
                "score": [row["outlier_score"] for row in rows],
                "status": [row["status"].capitalize() for row in rows],
                "merchant": [tables.merchant_link(row) for row in rows],
                "account": [tables.account_link(row["account_id"]) for row in rows],
            }
        ),
        column_config={
            "at": st.column_config.DatetimeColumn(
                f"Time, {filters.zone_title}",
                format="DD MMM HH:mm:ss",
                pinned=True,
                timezone=filters.zone,
            ),
            "amount": st.column_config.TextColumn("Amount", alignment="right"),
            "eur": ui.number_column(known.metric("amount_eur"), "€ %,.2f", "In EUR"),
            "usual": st.column_config.TextColumn(
                "Usual amount",
                help=known.metric("median_amount").description,
                alignment="right",
            ),
            "score": ui.number_column(known.metric("outlier_score"), "%,.0f MAD"),
            "status": st.column_config.TextColumn("Status"),
            "merchant": tables.merchant_column(),
            "account": tables.account_column(),
            "payment": tables.payment_column(),
        },
        hide_index=True,
        height=TABLE_HEIGHT if len(rows) > PAGE_ROWS else "content",
        row_height=ROW_HEIGHT,
        placeholder=formats.NOTHING,
        key="outliers_table",
        alt=f"{len(rows)} attempts with an unusual amount, the most unusual first, last 24 hours",
    )
    ui.footer(
        "how_outliers",
        [answer],
        f"The {len(rows)} most unusual attempts of the last 24 hours · MAD: median absolute "
        "deviation, of the account's amounts of 30 days",
        ui.definition_line(known.metric("outlier_score")),
    )


def trips_table() -> None:
    """One page of impossible trips, newest first."""
    days = filters.days
    answer = data.past(queries.trips(days, ui.asked_page("trips_page"), PAGE_ROWS))
    if not answer.rows:
        st.caption("No impossible travel on these days.")
        return
    rows = answer.rows
    known = definitions.of("agg_impossible_travel")
    st.dataframe(
        pd.DataFrame(
            {
                "arrived": [row["arrived_at"] for row in rows],
                "trip": [f"{row['from_country']} → {row['to_country']}" for row in rows],
                "minutes": [row["elapsed_minutes"] for row in rows],
                "account": [tables.account_link(row["account_id"]) for row in rows],
            }
        ),
        column_config={
            "arrived": st.column_config.DatetimeColumn(
                f"Seen there, {filters.zone_title}",
                format="DD MMM HH:mm",
                pinned=True,
                timezone=filters.zone,
            ),
            "trip": st.column_config.TextColumn("From → to", help="Countries of the addresses."),
            "minutes": ui.number_column(known.metric("elapsed_minutes"), "%d min", "Within"),
            "account": tables.account_column(),
        },
        hide_index=True,
        height="content",
        row_height=ROW_HEIGHT,
        key="trips_table",
        alt=f"{len(rows)} impossible trips, newest first, {days.words}",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        which = pages("trips_page", rows)
        ui.footer(
            "how_trips",
            [answer],
            f"{which} · newest first, {days.words}",
            ui.definition_line(known.metric("elapsed_minutes")),
            lambda: exports.of_answer(data.past(queries.trips(days, 1, EXPORT_ROWS))),
        )


@st.fragment(parallel=True, run_every=filters.every("60s"))
def fraud() -> None:
    """Whom the fraud score suspects, and how often it is right."""
    ui.panel(
        "Most suspicious sessions",
        "risk_suspects",
        TABLE_HEIGHT,
        of_all(suspects_table),
        help=definitions.of("agg_fraud_scores").metric("fraud_score").description,
    )
    left, right = st.columns(2)
    with left:
        ui.panel("Fraud score quality", "risk_thresholds", CHART_HEIGHT, of_all(thresholds_chart))
    with right:
        ui.panel("Quality per day", "risk_quality", CHART_HEIGHT, of_all(quality_table))


def suspects_table() -> None:
    """One page of sessions by fraud score, with the rules they break."""
    days = filters.days
    answer = data.past(queries.suspects(days, ui.asked_page("suspects_page"), PAGE_ROWS))
    if not answer.rows:
        st.caption(f"Nothing breaks a rule of the fraud score on these days. {SCORED_DAYS}")
        return
    rows = answer.rows
    known = definitions.of("agg_fraud_scores")
    cells = tables.session_cells(rows, known)
    cells["payments"] = [
        payments_link("device", row["device_id"])
        if row["device_id"]
        else payments_link("account", row["account_id"])
        for row in rows
    ]
    cells["countries"] = [
        f"{row['account_country'] or '?'} / {row['ip_country'] or '?'}" for row in rows
    ]
    cells["account"] = [tables.account_link(row["account_id"]) for row in rows]
    counts = ("attempts", "declined", "accounts")
    st.dataframe(
        pd.DataFrame(cells),
        column_order=(
            *("score", "day", "why", *counts),
            *("payments", "countries", "ip", "device", "account"),
        ),
        column_config=tables.session_columns(known)
        | {
            "score": st.column_config.ProgressColumn(
                known.metric("fraud_score").label,
                help=known.metric("fraud_score").description,
                min_value=0,
                max_value=100,
                format="%d",
                pinned=True,
            ),
            "payments": payments_column(),
            "countries": st.column_config.TextColumn(
                "Countries", help="Of the account / of the IP address."
            ),
            "account": tables.account_column(),
        },
        hide_index=True,
        height="content",
        row_height=ROW_HEIGHT,
        placeholder=formats.NOTHING,
        key="suspects_table",
        alt=f"{len(rows)} sessions by fraud score, highest first, {days.words}; "
        f"highest {rows[0]['fraud_score']}",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        which = pages("suspects_page", rows)
        ui.footer(
            "how_suspects",
            [answer],
            f"{which} · a session: one account, address and device on one day · {SCORED_DAYS}",
            ui.definition_lines(
                known.metric(name)
                for name in ("fraud_score", *(f"{rule}_points" for rule in queries.RULES))
            ),
        )


def thresholds_chart() -> None:
    """Precision and recall by threshold."""
    days = filters.days
    quality = data.past(queries.fraud_quality(days))
    answer = data.past(queries.fraud_thresholds(days))
    if not quality.rows or not quality.rows[0]["total_fraud"]:
        st.caption(NO_LABELS)
        return
    row = quality.rows[0]
    frame = charts_risk.thresholds_frame(answer.rows)
    precision = formats.percent(row["total_precision"])
    recall = formats.percent(row["total_recall"])
    ui.chart(
        charts_risk.thresholds_option(frame, int(row["suspicious_score"])),
        height=CHART_HEIGHT,
        alt=f"Precision and recall of the fraud score by threshold; at {row['suspicious_score']} "
        f"points {precision} and {recall}",
        key="chart_thresholds",
    )
    known = definitions.of("agg_fraud_quality_daily")
    ui.footer(
        "how_thresholds",
        [answer, quality],
        f"In force: precision {precision}, recall {recall} · measured on "
        f"{formats.integer(row['total_payments'])} payments, "
        f"{formats.integer(row['total_fraud'])} of them labelled as fraud · "
        f"last evaluated {max(one['evaluated_at'] for one in quality.rows):%d %b %H:%M} UTC",
        ui.definition_lines(known.metric(name) for name in ("precision_share", "recall_share"))
        + f"  \n{ONE_AUTHOR}",
    )


def quality_table() -> None:
    """How good the score was on each day."""
    answer = data.past(queries.fraud_quality(filters.days))
    if not answer.rows:
        st.caption(NO_LABELS)
        return
    rows = answer.rows
    known = definitions.of("agg_fraud_quality_daily")
    st.dataframe(
        pd.DataFrame(
            {
                "day": [row["payment_date"] for row in rows],
                "precision": [row["precision_percent"] for row in rows],
                "recall": [row["recall_percent"] for row in rows],
                "best": [row["best_percent"] for row in rows],
                "area": [row["area_under_curve"] for row in rows],
                "fraud": [row["count_fraud"] for row in rows],
                "payments": [row["count_measured_payments"] for row in rows],
            }
        ),
        column_config={
            "day": st.column_config.DateColumn("Day, UTC", format="DD MMM", pinned=True),
            "precision": ui.number_column(known.metric("precision_share"), "%.1f %%"),
            "recall": ui.number_column(known.metric("recall_share"), "%.1f %%"),
            "best": ui.number_column(known.metric("precision_at_100"), "%.1f %%"),
            "area": ui.number_column(known.metric("area_under_curve"), "%.4f"),
            "fraud": ui.number_column(known.metric("count_fraud"), "%,d", "Fraud"),
            "payments": ui.number_column(
                known.metric("count_measured_payments"), "%,d", "Payments"
            ),
        },
        hide_index=True,
        height="content" if len(rows) <= PAGE_ROWS else TABLE_HEIGHT,
        row_height=ROW_HEIGHT,
        placeholder=formats.NOTHING,
        key="quality_table",
        alt=f"Precision, recall, precision among the best hundred and AUC on {len(rows)} days",
    )
    ui.footer(
        "how_quality",
        [answer],
        f"At {rows[0]['suspicious_score']} points and more · newest first",
        ui.definition_lines(
            known.metric(name)
            for name in ("precision_share", "recall_share", "precision_at_100", "area_under_curve")
        ),
    )


@st.fragment(parallel=True, run_every=filters.every("60s"))
def adjustments() -> None:
    """What became of payments that succeeded, and the networks' view of it."""
    st.subheader("Refunds and disputes", anchor=False)
    with ui.loading("risk_adjustments", 2 * KPI_HEIGHT):
        ui.guarded(adjustment_rows)
    left, middle, right = st.columns(3)
    with left:
        ui.panel("Refunds per day", "risk_refunds", ADJUSTED_HEIGHT, refunds_chart)
    with middle:
        ui.panel("Disputes per day", "risk_disputes", ADJUSTED_HEIGHT, disputes_chart)
    with right:
        ui.panel("Disputes decided per day", "risk_decided", ADJUSTED_HEIGHT, of_all(decided_chart))
    left, right = st.columns([2, 3])
    vamp = definitions.of("agg_vamp_monthly").metric("vamp_ratio")
    with left:
        ui.panel(f"{vamp.label} per month", "risk_vamp", ADJUSTED_HEIGHT, vamp_chart)
    with right:
        ui.panel(
            f"{vamp.label} by merchant",
            "risk_vamp_merchants",
            ADJUSTED_HEIGHT,
            vamp_table,
            help=vamp.description,
        )


def adjustment_rows() -> None:
    """Refunds in the first row, disputes in the second: activity of the days, and what became of
    the payments of the days."""
    days = drawn(filters.days)
    refunds, disputes, cohorts = (
        compared(query) for query in (queries.refunds, queries.disputes, queries.cohorts)
    )
    refunded = data.past(queries.refunds_by_day(days, chosen)).rows
    disputed = data.past(queries.disputes_by_day(days, chosen)).rows
    grown = data.past(queries.cohorts_by_day(days, chosen)).rows
    vamp = data.past(queries.vamp(MONTHS, chosen))

    def refund(name: str, column: str) -> cards.Card:
        return compared_card("agg_refunds_daily", name, refunds, over(refunded, column))

    def dispute(name: str, column: str) -> cards.Card:
        return compared_card("agg_disputes_daily", name, disputes, over(disputed, column))

    def cohort(name: str) -> cards.Card:
        before = cohorts[1].rows if len(cohorts) > 1 else None
        return cards.cohort_card(
            name,
            definitions.of("agg_merchants_trailing"),
            cohorts[0].rows,
            before,
            filters.days,
            over(grown, f"{name}_percent"),
            filters.comparison.is_wanted,
        )

    won = dispute("win_rate", "win_percent")
    if chosen.chosen:
        known = definitions.of("agg_disputes_daily")
        won = cards.unknown_card("win_rate", known, "not by merchant", ALL_ONLY)
    shown = [
        refund("refunded_amount_eur", "refunded_eur"),
        refund("refund_activity_by_value", "activity_by_value_percent"),
        refund("refund_activity", "activity_percent"),
        cohort("refund_rate"),
        dispute("dispute_activity", "activity_percent"),
        cohort("dispute_rate"),
        won,
        vamp_card(vamp.rows),
    ]
    grid = st.grid(4, min_column_width=150, row_height=KPI_HEIGHT)
    with grid:
        for card in shown:
            ui.metric_card(card)
    metrics = [
        definitions.of(model).metric(name)
        for model, name in (
            ("agg_refunds_daily", "refunded_amount_eur"),
            ("agg_refunds_daily", "refund_activity_by_value"),
            ("agg_refunds_daily", "refund_activity"),
            ("agg_merchants_trailing", "refund_rate"),
            ("agg_disputes_daily", "dispute_activity"),
            ("agg_merchants_trailing", "dispute_rate"),
            ("agg_disputes_daily", "win_rate"),
            ("agg_vamp_monthly", "vamp_ratio"),
        )
    ]
    ui.footer(
        "how_adjustments",
        [*refunds, *disputes, *cohorts, vamp],
        f"{filters.days.words} · {filters.against_days} · rates: of the payments of these days, "
        "immature while they still grow",
        ui.definition_lines(metrics),
    )


def vamp_card(months: Sequence[Row]) -> cards.Card:
    """The proxy of Visa's ratio of the newest month, with the months before it as its line."""
    newest: Row = months[0] if months else {}
    note = f"{newest['month_start_date']:%B %Y}, so far" if months else formats.NOTHING
    if len(months) > 1:
        note += f" · {months[1]['month_start_date']:%b} {formats.percent(months[1]['vamp_ratio'])}"
    card = cards.plain_card(
        "vamp_ratio",
        definitions.of("agg_vamp_monthly"),
        newest.get("vamp_ratio"),
        note,
        "Covers the calendar month (UTC) and all chosen merchants together, whatever the range.",
    )
    line = [month["vamp_ratio"] for month in reversed(months) if month["vamp_ratio"] is not None]
    return replace(card, history=tuple(100 * ratio for ratio in line))


def adjusted_chart(
    key: str, answers: Sequence[Answer], names: Mapping[str, str], metric: Metric, about: str
) -> None:
    """Lines of percent per day of the answers together; `metric` is the last of the names."""
    days = drawn(filters.days)
    if not any(answer.rows for answer in answers):
        st.caption("No payments on these days.")
        return
    found: dict[date, dict[str, Any]] = {}
    for answer in answers:
        for row in answer.rows:
            found.setdefault(row["drawn_at"], dict.fromkeys(names)).update(row)
    frame = charts.day_frame([{**found[day], "drawn_at": day} for day in sorted(found)], [*names])
    column, shown, grown = list(names)[-1], dict(names), metric.grows_from(datetime.now(UTC).date())
    if grown is not None:
        frame = charts_risk.with_young(frame, column, grown)
        shown[f"{column}{charts_risk.YOUNG}"] = f"{metric.label}, immature"
    ui.time_chart(
        frame,
        charts_risk.rates_option(frame, shown, days.is_filling),
        height=ADJUSTED_HEIGHT,
        alt=f"{', '.join(names.values())} in percent per day, {days.words}",
        key=f"chart_{key}",
    )
    caption = f"Per day, {days.words}"
    if grown is not None:
        caption += f" · dashed: grows until {metric.matures_after_days} days old"
    ui.footer(f"how_{key}", answers, caption, about)


def refunds_chart() -> None:
    """Refunds made per day, and what was refunded of each day's payments."""
    days = drawn(filters.days)
    known = definitions.of("agg_refunds_daily")
    by_value, by_count = (
        known.metric(name) for name in ("refund_activity_by_value", "refund_activity")
    )
    rate = definitions.of("agg_merchants_trailing").metric("refund_rate")
    adjusted_chart(
        "refunds",
        [
            data.past(queries.refunds_by_day(days, chosen)),
            data.past(queries.cohorts_by_day(days, chosen)),
        ],
        {
            "activity_by_value_percent": by_value.label,
            "activity_percent": by_count.label,
            "refund_rate_percent": rate.label,
        },
        rate,
        ui.definition_lines((by_value, by_count, rate)),
    )


def disputes_chart() -> None:
    """Disputes opened per day, and how many of each day's payments were disputed."""
    days = drawn(filters.days)
    activity = definitions.of("agg_disputes_daily").metric("dispute_activity")
    rate = definitions.of("agg_merchants_trailing").metric("dispute_rate")
    adjusted_chart(
        "disputes",
        [
            data.past(queries.disputes_by_day(days, chosen)),
            data.past(queries.cohorts_by_day(days, chosen)),
        ],
        {"activity_percent": activity.label, "dispute_rate_percent": rate.label},
        rate,
        ui.definition_lines((activity, rate)),
    )


def decided_chart() -> None:
    """Disputes won and lost per day."""
    days = drawn(filters.days)
    answer = data.past(queries.disputes_by_day(days))
    if not any(row["count_won"] or row["count_lost"] for row in answer.rows):
        st.caption("No dispute was decided on these days.")
        return
    known = definitions.of("agg_disputes_daily")
    metrics = [known.metric(name) for name in ("count_won", "count_lost", "win_rate")]
    frame = charts.day_frame(answer.rows, ("count_won", "count_lost", "win_percent"))
    ui.time_chart(
        frame,
        charts_risk.decided_option(frame, *(metric.label for metric in metrics)),
        height=ADJUSTED_HEIGHT,
        alt=f"Disputes won and lost per day of the decision, {days.words}",
        key="chart_decided",
    )
    ui.footer(
        "how_decided",
        [answer],
        f"By the day of the decision, {days.words}",
        ui.definition_lines(metrics),
    )


def vamp_chart() -> None:
    """The proxy of Visa's ratio per month, with the lines it is measured by."""
    answer = data.past(queries.vamp(MONTHS, chosen))
    if not answer.rows:
        st.caption("No payment has settled yet.")
        return
    metric = definitions.of("agg_vamp_monthly").metric("vamp_ratio")
    frame = charts_risk.vamp_frame(answer.rows)
    newest = answer.rows[0]
    ui.chart(
        charts_risk.vamp_option(frame, metric.label, metric.references),
        height=ADJUSTED_HEIGHT,
        alt=f"{metric.label} of {len(frame)} months; {newest['month_start_date']:%B %Y} so far "
        f"{formats.percent(newest['vamp_ratio'])}",
        key="chart_vamp",
    )
    excessive = newest["count_excessive"]
    ui.footer(
        "how_vamp",
        [answer],
        "A proxy, of all merchants together, UTC months; the last one still fills · "
        f"{formats.integer(excessive)} merchants excessive in it",
        ui.definition_line(metric),
    )


def vamp_table() -> None:
    """This month's and the last one's merchants with cases."""
    answer = data.past(queries.vamp_merchants(RANKED, chosen))
    if not answer.rows:
        st.caption("No merchant has a case this month or the last.")
        return
    rows = answer.rows
    known = definitions.of("agg_vamp_monthly")
    ratio, cases = known.metric("vamp_ratio"), known.metric("count_vamp_cases")
    st.dataframe(
        pd.DataFrame(
            {
                "month": [row["month_start_date"] for row in rows],
                "merchant": [tables.merchant_link(row) for row in rows],
                "ratio": [row["vamp_percent"] for row in rows],
                "cases": [row["count_vamp_cases"] for row in rows],
                "excessive": [row["is_excessive"] for row in rows],
                "disputes": [row["count_disputes"] for row in rows],
                "fraud": [row["count_reported_fraud"] for row in rows],
                "settled": [row["count_settled_payments"] for row in rows],
            }
        ),
        column_config={
            "month": st.column_config.DateColumn("Month, UTC", format="MMM YYYY", pinned=True),
            "merchant": tables.merchant_column(),
            "ratio": ui.number_column(ratio, "%.2f %%"),
            "cases": ui.number_column(cases, "%,d"),
            "disputes": ui.number_column(known.metric("count_disputes"), "%,d"),
            "fraud": ui.number_column(known.metric("count_reported_fraud"), "%,d"),
            "settled": ui.number_column(known.metric("count_settled_payments"), "%,d"),
            "excessive": st.column_config.CheckboxColumn(
                known.metric("is_excessive").label, help=known.metric("is_excessive").description
            ),
        },
        hide_index=True,
        height=ADJUSTED_HEIGHT,
        row_height=ROW_HEIGHT,
        placeholder=formats.NOTHING,
        key="vamp_table",
        alt=f"{len(rows)} merchants with cases by month, those with most first",
    )
    lines = [f"{name}: {formats.percent(value)}" for name, value in ratio.references.items()]
    lines += [f"{name} {value:,.0f} cases" for name, value in cases.references.items()]
    ui.footer(
        "how_vamp_merchants",
        [answer],
        f"A proxy · the {RANKED} with most cases of each month · " + " · ".join(lines),
        ui.definition_lines(
            known.metric(name) for name in ("vamp_ratio", "count_vamp_cases", "is_excessive")
        ),
    )


@st.fragment(parallel=True, run_every=filters.every("30s"))
def geography() -> None:
    """Where payments come from, and how often not from the account's country."""
    left, right = st.columns(2)
    with left:
        ui.panel("Where payments come from", "risk_countries", CHART_HEIGHT, of_all(countries_map))
    with right:
        ui.panel("Other country, proxies", "risk_mismatch", CHART_HEIGHT, of_all(mismatch_chart))


def countries_map() -> None:
    """Countries of accounts by countries of addresses."""
    days = filters.days
    answer = data.past(queries.countries(days))
    if not answer.rows:
        st.caption("No payments on these days.")
        return
    frame = charts_risk.countries_frame(answer.rows)
    ui.chart(
        charts_risk.countries_option(frame),
        height=CHART_HEIGHT,
        alt=f"Share of attempts by country of the account and of the IP address, {days.words}; "
        f"{len(frame)} pairs of countries",
        key="chart_countries",
    )
    metric = definitions.of("agg_geo_mismatch_daily").metric("geo_mismatch_rate")
    ui.footer(
        "how_countries",
        [answer],
        f"Share of the account country's attempts · grey: at home or unknown, {days.words}",
        ui.definition_line(metric),
    )


def mismatch_chart() -> None:
    """Country mismatch and proxies per day, with the comparison of the mismatch."""
    days = drawn(filters.days)
    answer = data.past(queries.mismatch_by_day(days))
    if not answer.rows:
        st.caption("No payments on these days.")
        return
    answers = [answer]
    known = definitions.of("agg_geo_mismatch_daily")
    metrics = [known.metric(name) for name in ("geo_mismatch_rate", "proxy_share")]
    names = dict(
        zip(
            ("mismatch_percent", "proxy_percent"),
            (metric.label for metric in metrics),
            strict=True,
        )
    )
    frame = charts.day_frame(answer.rows, list(names))
    before = None
    if filters.compares_from(days.first - filters.day_shift):
        earlier = data.past(queries.mismatch_by_day(days, filters.day_shift))
        answers.append(earlier)
        rates = {row["drawn_at"]: row["mismatch_percent"] for row in earlier.rows}
        frame["before"] = pd.Series(
            [rates.get(row["drawn_at"]) for row in answer.rows], dtype="float64"
        )
        before = ("before", f"Mismatch, {filters.versus_days}")
    axis = {"min": 0, "axisLabel": {"formatter": "{value} %"}}
    filling = bool(answer.rows[-1]["drawn_at"] == days.open_from)
    ui.time_chart(
        frame,
        charts.lines_option(frame, names, charts.PERCENT_FORMAT, axis, before, filling),
        height=CHART_HEIGHT,
        alt=f"Country mismatch and proxies in percent per day, {days.words}",
        key="chart_mismatch",
    )
    ui.footer("how_mismatch", answers, f"Per day, {days.words}", ui.definition_lines(metrics))


@st.fragment(parallel=True, run_every=filters.every("60s"))
def merchants() -> None:
    """The riskiest merchants."""
    ui.panel(
        "Merchants by risk score",
        "risk_merchants",
        TABLE_HEIGHT,
        merchants_table,
        help=definitions.of("agg_merchant_risk").metric("risk_score").description,
    )


def merchants_table() -> None:
    """Merchants by their risk score, with what each component adds to it."""
    answer = data.past(merchant_queries.riskiest(RANKED, chosen))
    if not answer.rows:
        st.caption("No payments in the last 30 days.")
        return
    rows = answer.rows
    known = definitions.of("agg_merchant_risk")
    score = known.metric("risk_score")
    st.dataframe(
        pd.DataFrame(
            {
                "place": range(1, len(rows) + 1),
                "merchant": [tables.merchant_link(row) for row in rows],
                "score": [row["risk_score"] for row in rows],
                **{name: [row[f"{name}_part"] for row in rows] for name in COMPONENTS},
            }
        ),
        column_config={
            "place": st.column_config.NumberColumn("Place", format="%d", width="small"),
            "merchant": tables.merchant_column(),
            "score": st.column_config.ProgressColumn(
                score.label, help=score.description, min_value=0, max_value=1, format="%.2f"
            ),
            **{name: ui.number_column(known.metric(name), "%.3f") for name in COMPONENTS},
        },
        hide_index=True,
        height=TABLE_HEIGHT if len(rows) > PAGE_ROWS else "content",
        row_height=ROW_HEIGHT,
        key="merchants_by_risk",
        alt=f"{len(rows)} merchants by risk score and its parts; highest "
        f"{formats.merchant_name(rows[0])}, {rows[0]['risk_score']:.2f}",
    )
    ui.footer(
        "how_risk_merchants",
        [answer],
        "A part is rank × weight of its component; the parts add up to the score · last 30 days, "
        "UTC",
        ui.definition_lines(known.metric(name) for name in ("risk_score", *COMPONENTS)),
    )


header()
kpi_strip()
velocity()
bursts()
unusual()
fraud()
adjustments()
geography()
merchants()
