"""Risk and fraud: what the rules flag, whom, and how risky each merchant is. Exposure: risk.

The marts of risk look at single payments of whole days: they are read at most once a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
    ui,
)
from dashboard.connection import Answer, Row
from dashboard.queries import merchants as merchant_queries
from dashboard.queries import risk as queries
from dashboard.queries.call import Call

KPI_HEIGHT = 172
CHART_HEIGHT = 360
PAGE_ROWS = 10
EXPORT_ROWS = 10_000
ROW_HEIGHT = 35
TABLE_HEIGHT = (PAGE_ROWS + 1) * ROW_HEIGHT + 3
DRAWN_DAYS = 14  # a trend of one or two days is none
MONTHS = 12
OUTLIERS = 100  # so many agg_amount_outliers looks at
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
# The columns of a payment by which an account, a device or an address is found in silver.
FOUND_BY: Mapping[str, str] = {"account": "account_id", "device": "device_id", "ip": "ip"}

filters = bar.current("risk")


@st.fragment(run_every=filters.every("2s"))
def header() -> None:
    """Title and freshness; the figures below change more slowly."""
    ui.headed("Risk and fraud", definitions.of("agg_risk_now"))


@st.fragment(run_every=filters.every("30s"))
def kpi_strip() -> None:
    """What is flagged, disputed and out of place."""
    with ui.loading("risk_kpis", 2 * KPI_HEIGHT):
        ui.guarded(kpi_rows)


def kpi_rows() -> None:
    """The KPI cards: of the range with comparison, and of the last 24 hours."""
    days = filters.days
    now = data.past(queries.now())
    row: Row = now.rows[0] if now.rows else {}
    signals = data.past(queries.signals(days, drawn(days)))
    mismatch = data.past(queries.mismatch(days))
    disputes = data.past(queries.disputes(days))
    vamp = data.past(queries.vamp(MONTHS))
    if not cards.totals(mismatch.rows, "now").get("count_attempted"):
        bar.nothing_here(filters)
    period = "today, so far" if days.complete is None else days.words

    def of_range(
        model: str,
        name: str,
        value: cards.Number | None,
        complete: cards.Number | None,
        before: Callable[[periods.Days], cards.Number | None],
        history: Sequence[float | None],
    ) -> cards.Card:
        earlier = days.complete.shifted(filters.day_shift) if days.complete else None
        known = earlier is not None and filters.compares_from(earlier.first)
        return cards.day_card(
            name,
            definitions.of(model),
            value,
            complete if days.complete else None,
            before(earlier) if earlier is not None and known else None,
            period,
            history,
        )

    def signal(name: str, column: str) -> cards.Card:
        counted = signals.rows[-1] if signals.rows else {}
        return of_range(
            "agg_risk_signals_daily",
            name,
            counted.get(f"total_{column}", 0),
            counted.get(f"complete_{column}", 0),
            lambda earlier: data.past(queries.signals(earlier)).rows[-1][f"total_{column}"],
            [day[name] for day in signals.rows if day["drawn_at"] < days.open_from],
        )

    def rate(
        model: str,
        name: str,
        answer: Answer,
        query: Callable[[periods.Days], Call],
        by_day: Call,
        column: str,
    ) -> cards.Card:
        return of_range(
            model,
            name,
            cards.totals(answer.rows, "now").get(name),
            cards.totals(answer.rows, "complete").get(name),
            lambda earlier: cards.totals(data.past(query(earlier)).rows, "now").get(name),
            [day[column] for day in data.past(by_day).rows if day["drawn_at"] < days.open_from],
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
        rate(
            "agg_geo_mismatch_daily",
            "geo_mismatch_rate",
            mismatch,
            queries.mismatch,
            queries.mismatch_by_day(drawn(days)),
            "mismatch_percent",
        ),
        rate(
            "agg_disputes_daily",
            "dispute_activity",
            disputes,
            queries.disputes,
            queries.disputes_by_day(drawn(days)),
            "activity_percent",
        ),
        vamp_card(vamp.rows),
    ]
    grid = st.grid(4, min_column_width=150, row_height=KPI_HEIGHT)
    with grid:
        for card in shown:
            ui.metric_card(card)
    metrics = [
        definitions.of(model).metric(name)
        for model, name in (
            ("agg_risk_signals_daily", "count_burst_attempts"),
            ("agg_risk_signals_daily", "count_trips"),
            ("agg_risk_now", "count_outliers"),
            ("agg_risk_now", "count_flagged_entities"),
            ("agg_risk_now", "flagged_volume_share"),
            ("agg_geo_mismatch_daily", "geo_mismatch_rate"),
            ("agg_disputes_daily", "dispute_activity"),
            ("agg_vamp_monthly", "vamp_ratio"),
        )
    ]
    ui.footer(
        "how_risk_kpis",
        [signals, now, mismatch, disputes, vamp],
        f"{days.words} · {filters.against_days} · up to a minute old"
        + (" · paused" if filters.paused else ""),
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
        "Covers the calendar month (UTC) and all merchants together, whatever the range.",
    )
    line = [month["vamp_ratio"] for month in reversed(months) if month["vamp_ratio"] is not None]
    return replace(card, history=tuple(100 * ratio for ratio in line))


def drawn(days: periods.Days) -> periods.Days:
    """The days that are drawn."""
    return days.at_least(DRAWN_DAYS)


def payment_link(transaction_id: object) -> str:
    """The page of a payment."""
    return f"/payment?payment={transaction_id}"


def merchant_link(row: Row) -> str:
    """The page of a merchant; what stands behind # is what the table shows."""
    return f"/merchants?merchant={row['merchant_id']}#{quote(formats.merchant_name(row), safe='')}"


def payments_link(kind: str, entity: object) -> str:
    """The SQL page with the statement that lists the payments of an account, device or address."""
    literal = str(entity).replace("\\", "\\\\").replace("'", "\\'")
    statement = (
        "select transaction_id, occurred_at, account_id, merchant_id, amount, currency, status,"
        " ip, device_id\nfrom silver.transactions_state final\n"
        f"where {FOUND_BY[kind]} = '{literal}'\norder by occurred_at desc\nlimit 100"
    )
    return f"/sql?q={quote(statement, safe='')}"


def merchant_column(label: str = "Merchant") -> Any:
    """A column of `merchant_link`s."""
    return st.column_config.LinkColumn(label, display_text=r"#(.*)$", help="Opens the merchant.")


def payment_column(label: str = "Payment") -> Any:
    """A column of `payment_link`s."""
    return st.column_config.LinkColumn(label, display_text="Open", help="Opens the payment.")


def payments_column(label: str = "Payments") -> Any:
    """A column of `payments_link`s."""
    return st.column_config.LinkColumn(
        label, display_text="List", help="The statement that lists them, on the page SQL."
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
        velocity_table,
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
        bursts_table,
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
                "payment": [one and payment_link(one["transaction_id"]) for one in found],
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
                "merchant": [one and merchant_link(one) for one in found],
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
            "merchant": merchant_column("Mostly at"),
            "merchants": st.column_config.NumberColumn("Merchants", format="%,d"),
            "device": st.column_config.TextColumn("Mostly from device"),
            "devices": st.column_config.NumberColumn("Devices", format="%,d"),
            "payment": payment_column("Last payment"),
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
        trips_table,
        help="Two attempts of one account from IP addresses in two countries, at most an hour "
        "apart.",
    )


def outliers_table() -> None:
    """The most unusual of the large attempts."""
    answer = data.past(queries.outliers(OUTLIERS))
    if not answer.rows:
        st.caption("No unusual amount in the last 24 hours.")
        return
    rows = answer.rows
    known = definitions.of("agg_amount_outliers")
    st.dataframe(
        pd.DataFrame(
            {
                "at": [row["occurred_at"] for row in rows],
                "payment": [payment_link(row["transaction_id"]) for row in rows],
                "amount": [formats.money(row["amount"], row["currency_code"]) for row in rows],
                "eur": [formats.cents(row["amount_eur"]) for row in rows],
                "usual": [
                    formats.money(row["median_amount"], row["currency_code"]) for row in rows
                ],
                "score": [row["outlier_score"] for row in rows],
                "status": [row["status"].capitalize() for row in rows],
                "merchant": [merchant_link(row) for row in rows],
                "payments": [payments_link("account", row["account_id"]) for row in rows],
                "account": [str(row["account_id"]) for row in rows],
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
            "merchant": merchant_column(),
            "account": st.column_config.TextColumn("Account"),
            "payment": payment_column(),
            "payments": payments_column("Account's payments"),
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
        f"{len(rows)} of the {OUTLIERS} largest attempts of the last 24 hours · MAD: median "
        "absolute deviation, of the account's amounts of 30 days",
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
                "account": [str(row["account_id"]) for row in rows],
                "payments": [payments_link("account", row["account_id"]) for row in rows],
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
            "account": st.column_config.TextColumn("Account", width="medium"),
            "payments": payments_column(),
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
        suspects_table,
        help=definitions.of("agg_fraud_scores").metric("fraud_score").description,
    )
    left, right = st.columns(2)
    with left:
        ui.panel("Fraud score quality", "risk_thresholds", CHART_HEIGHT, thresholds_chart)
    with right:
        ui.panel("Quality per day", "risk_quality", CHART_HEIGHT, quality_table)


def suspects_table() -> None:
    """One page of sessions by fraud score, with the rules they break."""
    days = filters.days
    answer = data.past(queries.suspects(days, ui.asked_page("suspects_page"), PAGE_ROWS))
    if not answer.rows:
        st.caption(f"Nothing breaks a rule of the fraud score on these days. {SCORED_DAYS}")
        return
    rows = answer.rows
    known = definitions.of("agg_fraud_scores")
    labels = {rule: known.metric(f"{rule}_points").label for rule in queries.RULES}
    st.dataframe(
        pd.DataFrame(
            {
                "score": [row["fraud_score"] for row in rows],
                "day": [row["payment_date"] for row in rows],
                "why": [
                    [
                        f"{label} {row[f'{rule}_points']}"
                        for rule, label in labels.items()
                        if row[f"{rule}_points"]
                    ]
                    for row in rows
                ],
                "attempts": [row["count_attempted"] for row in rows],
                "declined": [row["count_declined"] for row in rows],
                "accounts": [row["count_device_accounts"] for row in rows],
                "payments": [
                    payments_link("device", row["device_id"])
                    if row["device_id"]
                    else payments_link("account", row["account_id"])
                    for row in rows
                ],
                "countries": [
                    f"{row['account_country'] or '?'} / {row['ip_country'] or '?'}" for row in rows
                ],
                "ip": [row["ip"] or None for row in rows],
                "device": [row["device_id"] or None for row in rows],
                "account": [str(row["account_id"]) for row in rows],
            }
        ),
        column_config={
            "score": st.column_config.ProgressColumn(
                known.metric("fraud_score").label,
                help=known.metric("fraud_score").description,
                min_value=0,
                max_value=100,
                format="%d",
                pinned=True,
            ),
            "day": st.column_config.DateColumn("Day, UTC", format="DD MMM"),
            "why": st.column_config.ListColumn(
                "Why", help="The rules it breaks and their points.", width="large"
            ),
            "attempts": ui.number_column(known.metric("count_attempted"), "%,d"),
            "declined": ui.number_column(known.metric("count_declined"), "%,d"),
            "accounts": ui.number_column(known.metric("count_device_accounts"), "%,d"),
            "payments": payments_column(),
            "countries": st.column_config.TextColumn(
                "Countries", help="Of the account / of the IP address."
            ),
            "ip": st.column_config.TextColumn("IP address"),
            "device": st.column_config.TextColumn("Device"),
            "account": st.column_config.TextColumn("Account"),
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
    st.echarts_chart(
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


@st.fragment(parallel=True, run_every=filters.every("30s"))
def geography() -> None:
    """Where payments come from, and how often not from the account's country."""
    left, right = st.columns(2)
    with left:
        ui.panel("Where payments come from", "risk_countries", CHART_HEIGHT, countries_map)
    with right:
        ui.panel("Other country, proxies", "risk_mismatch", CHART_HEIGHT, mismatch_chart)


def countries_map() -> None:
    """Countries of accounts by countries of addresses."""
    days = filters.days
    answer = data.past(queries.countries(days))
    if not answer.rows:
        st.caption("No payments on these days.")
        return
    frame = charts_risk.countries_frame(answer.rows)
    st.echarts_chart(
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
    answer = data.past(merchant_queries.riskiest(RANKED))
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
                "merchant": [merchant_link(row) for row in rows],
                "score": [row["risk_score"] for row in rows],
                **{name: [row[f"{name}_part"] for row in rows] for name in COMPONENTS},
            }
        ),
        column_config={
            "place": st.column_config.NumberColumn("Place", format="%d", width="small"),
            "merchant": merchant_column(),
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
geography()
merchants()
