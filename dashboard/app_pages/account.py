"""Account: one account, what it does and what the rules say of it. Exposure: account."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import pandas as pd
import streamlit as st

from dashboard import bar, cards, charts, charts_merchants, data, definitions, formats, tables, ui
from dashboard.connection import Answer, Row
from dashboard.queries import account as queries
from dashboard.queries import adjustments

KPI_HEIGHT = 124
CHART_HEIGHT = 280
DRAWN_DAYS = 30
SESSIONS = 20
ID_LENGTH = 100
ALL_TIME = "Of all payments there are, whatever the range."
# The state of an account: its colour, and the metric that says what it means.
LIFECYCLES = {
    "new": ("blue", "count_new"),
    "active": ("green", "count_active_30d"),
    "dormant": ("gray", "count_dormant"),
}

filters = bar.current("account")


@st.fragment(run_every=filters.every("2s"))
def header() -> None:
    """Title and freshness."""
    ui.headed("Account", definitions.of("agg_active_accounts_daily"))


@st.fragment(run_every=filters.every("10s"))
def detail(account_id: UUID) -> None:
    """All that is known of one account."""
    with ui.loading(f"account_{account_id}", 2 * CHART_HEIGHT):
        ui.guarded(lambda: account_detail(account_id))


def account_detail(account_id: UUID) -> None:
    """What it is, what it does, and what the rules say of it."""
    answer = data.recent(queries.account(account_id))
    row: Row = answer.rows[0] if answer.rows else {}
    if not row.get("has_arrived") and not row.get("count_attempted"):
        st.info(
            "Neither the account nor a payment of it is known.",
            title=f"No account has the id {account_id}",
            icon=":material/search_off:",
        )
        return
    heading(account_id, row)
    figures(answer, row)
    left, right = st.columns(2)
    with left:
        ui.panel("Payments per day", "account_days", CHART_HEIGHT, partial(days_chart, account_id))
    with right:
        ui.panel(
            "Above a velocity limit now", "account_flags", CHART_HEIGHT, partial(flags, account_id)
        )
    ui.panel(
        "Payments",
        "account_payments",
        tables.HEIGHT,
        lambda: tables.payments("account_payments", filters, "account", search=str(account_id)),
    )
    ui.panel(
        "Sessions by fraud score",
        "account_sessions",
        CHART_HEIGHT,
        partial(sessions, account_id),
        help=definitions.of("agg_fraud_scores").metric("fraud_score").description,
    )
    ui.panel(
        "Refunds and disputes",
        "account_adjustments",
        tables.HEIGHT,
        lambda: tables.adjustments(
            "account_adjustments", partial(adjustments.of_account, account_id)
        ),
    )


def heading(account_id: UUID, row: Row) -> None:
    """What the account is, without its name and address."""
    with st.container(horizontal=True, vertical_alignment="center"):
        name = row["initials"] if row["has_arrived"] else f"unknown ({str(account_id)[:8]})"
        st.header(ui.plain(name), anchor=False, width="content")
        if row["has_arrived"]:
            color, metric = LIFECYCLES[row["lifecycle"]]
            st.badge(
                row["lifecycle"],
                color=color,  # type: ignore[arg-type]
                help=definitions.of("agg_active_accounts_daily").metric(metric).description,
            )
            country = ui.plain(row["account_country"])
            st.badge(country, icon=":material/public:", color="gray")
    if not row["has_arrived"]:
        st.caption(f"`{account_id}` · the account itself has not arrived, its payments have")
        return
    signup = filters.time(row["signup_at"], "%d %b %Y %H:%M")
    changed = filters.time(row["updated_at"], "%d %b %Y %H:%M")
    email = row["masked_email"].replace("`", "")
    st.caption(
        f"`{account_id}` · `{email}` · opened {signup}, last changed {changed}, {filters.zone}"
    )


def figures(answer: Answer, row: Row) -> None:
    """Totals of the account, and its first and last day."""
    known = definitions.load()
    names = ("count_attempted", "successful_amount_eur", "success_rate")
    shown = [cards.plain_card(name, known, row[name], "all time", ALL_TIME) for name in names]
    for label, day in (("First payment", row["first_date"]), ("Last payment", row["last_date"])):
        value = f"{day:%d %b %Y}" if day else formats.NOTHING
        note = "UTC day of an attempt"
        shown.append(cards.Card(label, value, None, "off", note, ALL_TIME, ()))
    grid = st.grid(len(shown), min_column_width=150, row_height=KPI_HEIGHT)
    with grid:
        for card in shown:
            ui.metric_card(card)
    ui.footer(
        "how_account",
        [answer],
        "All time, whatever the range: not compared",
        ui.definition_lines(known.metric(name) for name in names),
    )


def days_chart(account_id: UUID) -> None:
    """Payments of the account per day by status."""
    days = filters.days.at_least(DRAWN_DAYS)
    answer = data.recent(queries.status_by_day(days, account_id))
    if not answer.rows:
        st.caption(f"No payments, {days.short}.")
        return
    frame = charts.day_frame(answer.rows, list(charts_merchants.STATUS_COLORS))
    ui.time_chart(
        frame,
        charts_merchants.status_option(frame),
        height=CHART_HEIGHT,
        alt=f"Payments of the account per day by status, {days.short}",
        key="chart_account_days",
    )
    ui.footer("how_account_days", [answer], f"{days.short}, UTC")


def flags(account_id: UUID) -> None:
    """What the account does far more often than others."""
    answer = data.past(queries.flags(account_id, SESSIONS))
    if not answer.rows:
        st.caption("Above none.")
        return
    rows = answer.rows
    known = definitions.of("agg_velocity_flags")
    measured = definitions.of("agg_velocity_now")
    st.dataframe(
        pd.DataFrame(
            {
                "measure": [measured.metric(row["measure"]).label for row in rows],
                "counted": [row["count_measured"] for row in rows],
                "limit": [row["count_limit"] for row in rows],
                "times": [row["times_limit"] for row in rows],
            }
        ),
        column_config={
            "measure": st.column_config.TextColumn(
                known.metric("measure").label, help=known.metric("measure").description
            ),
            "counted": ui.number_column(known.metric("count_measured"), "%,d"),
            "limit": ui.number_column(known.metric("count_limit"), "%,d"),
            "times": ui.number_column(known.metric("times_limit"), "%.1f ×"),
        },
        hide_index=True,
        height="content",
        key="account_flags_table",
        alt=f"{len(rows)} velocity limits that the account is above",
    )
    ui.footer(
        "how_account_flags",
        [answer],
        f"Whole minutes before {filters.time(rows[0]['as_of_minute'], '%H:%M')} "
        f"{filters.zone_title}",
        ui.definition_lines(known.metric(name) for name in ("measure", "count_limit")),
    )


def sessions(account_id: UUID) -> None:
    """Its sessions of the last days, with the rules they break."""
    answer = data.past(queries.scores(account_id, SESSIONS))
    if not answer.rows:
        st.caption("No payments in the last 7 days.")
        return
    rows = answer.rows
    known = definitions.of("agg_fraud_scores")
    cells = tables.session_cells(rows, known)
    cells["country"] = [row["ip_country"] or "unknown" for row in rows]
    st.dataframe(
        pd.DataFrame(cells),
        column_order=(
            "score",
            "day",
            "why",
            "attempts",
            "declined",
            "accounts",
            "country",
            "ip",
            "device",
        ),
        column_config=tables.session_columns(known)
        | {
            "score": st.column_config.ProgressColumn(
                known.metric("fraud_score").label, min_value=0, max_value=100, format="%d"
            ),
            "country": st.column_config.TextColumn("Country", help="Of the IP address."),
        },
        hide_index=True,
        height="content",
        placeholder=formats.NOTHING,
        key="account_sessions_table",
        alt=f"{len(rows)} sessions of the account by fraud score; highest {rows[0]['fraud_score']}",
    )
    ui.footer(
        "how_account_sessions",
        [answer],
        f"The {SESSIONS} with the highest score · a session: one address and device on one day · "
        "the last 7 days, today included",
        ui.definition_lines(known.metric(name) for name in ("fraud_score",)),
    )


header()
asked = str(
    st.text_input(
        "Account id",
        key="account",
        bind="query-params",
        max_chars=ID_LENGTH,
        placeholder="01a22050-9cea-74db-888e-17f1ddb1aa14",
        icon=":material/search:",
        width=420,
    )
    or ""
).strip()
if not asked:
    st.info(
        "Paste the id of an account above, or choose one on the page Risk and fraud.",
        title="Which account?",
        icon=":material/person_search:",
    )
else:
    try:
        chosen = UUID(asked)
    except ValueError:
        st.warning(
            "An id has 32 hexadecimal digits, such as `01a22050-9cea-74db-888e-17f1ddb1aa14`.",
            title="This is no account id",
            icon=":material/help:",
        )
    else:
        detail(chosen)
