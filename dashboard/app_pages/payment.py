"""Payment: the life of one, from its commits in Postgres to gold. Exposure: payment.

Not in the navigation: a row of a table leads here, or an id. `finhouse trace` tells the same.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pandas as pd
import streamlit as st

from dashboard import bar, charts_payment, data, definitions, formats, ui
from dashboard.cards import Card
from dashboard.connection import Answer, Row
from dashboard.queries import payment as queries
from infra.transform import trace

CARD_HEIGHT = 110
TABLE_HEIGHT = 240
CHART_ROW = 44
CHART_MARGIN = 100
DRAWN_CHANGES = 12
ID_LENGTH = 100
MODEL = "live_payment_changes"
STATUS_COLORS = {"success": "green", "failed": "red", "pending": "orange"}
MOMENTS = ("committed_at", "captured_at", "published_at", "ingested_at", "silver_at", "gold_at")
FACTS = {
    "fct_payments_by_day": ("Payments of the day", "%d %b %Y"),
    "fct_payments_by_minute": ("Payments of the minute", "%d %b %Y %H:%M"),
}

filters = bar.current("payment")


@st.fragment(run_every=filters.every("2s"))
def header() -> None:
    """Title and freshness."""
    ui.headed("Payment", definitions.of(MODEL))


@st.fragment(run_every=filters.every("2s"))
def detail(payment: UUID) -> None:
    """All that is known of one payment."""
    with ui.loading(f"payment_{payment}", 4 * TABLE_HEIGHT):
        ui.guarded(lambda: payment_detail(payment))


def payment_detail(payment: UUID) -> None:
    """What it is, its life, what came after it, and where it counts."""
    answer = data.live(queries.changes(payment))
    if not answer.rows:
        st.info(
            "The change log knows no such payment. One that was committed just now appears within "
            f"a second; `./finhouse trace {payment}` asks Postgres too.",
            title=f"No payment has the id {payment}",
            icon=":material/search_off:",
        )
        return
    newest = answer.rows[0]
    heading(newest)
    cards(answer)
    left, right = st.columns([3, 2])
    with left:
        ui.panel(
            "From commit to gold",
            "payment_hops",
            TABLE_HEIGHT,
            lambda: hops_chart(answer),
            "Where the time of each change went. The last hop ends with the transform cycle.",
        )
    with right:
        ui.panel("What it is", "payment_facts", TABLE_HEIGHT, lambda: facts_table(answer))
    ui.panel("Its life", "payment_life", TABLE_HEIGHT, lambda: life_table(answer))
    left, right = st.columns(2)
    with left:
        ui.panel(
            "Refunds and disputes",
            "payment_adjustments",
            TABLE_HEIGHT,
            lambda: adjustments_table(payment),
        )
    with right:
        ui.panel("Counts in", "payment_buckets", TABLE_HEIGHT, lambda: buckets_table(answer.rows))


def heading(newest: Row) -> None:
    """Amount, status and merchant as of the newest change."""
    with st.container(horizontal=True, vertical_alignment="center"):
        amount = formats.money(newest["amount"], newest["currency_code"])
        st.header(ui.plain(amount), anchor=False, width="content")
        status = str(newest["status"])
        st.badge(ui.plain(status), color=STATUS_COLORS.get(status, "gray"))  # type: ignore[arg-type]
        if newest["decline_code"]:
            st.badge(ui.plain(newest["decline_code"].replace("_", " ")), color="gray")
        if newest["is_proxy_or_vpn"]:
            st.badge("proxy or VPN", icon=":material/vpn_lock:", color="orange")
    st.caption(
        f"`{newest['transaction_id']}` · attempted {trace.moment(newest['occurred_at'])} UTC"
    )
    if newest["operation"] == "d":
        st.warning(
            f"Deleted in Postgres at {trace.moment(newest['committed_at'])} UTC. "
            "Shown is what it was last; it counts in no number any more.",
            title="This payment is gone",
            icon=":material/delete:",
        )


def cards(answer: Answer) -> None:
    """Amount in EUR, and how long the newest change took."""
    newest = answer.rows[0]
    known = definitions.of(MODEL)
    grid = st.grid(4, min_column_width=150, row_height=CARD_HEIGHT)
    with grid:
        ui.metric_card(
            card(
                "In EUR",
                formats.euro(newest["amount_eur"]),
                "rate of its day",
                known.metric("amount_eur").description,
            )
        )
        ui.metric_card(
            card(
                "Changes",
                formats.integer(len(answer.rows)),
                "newest counted" if newest["is_in_gold"] else "newest not in gold's facts yet",
                known.metric("is_in_gold").description,
            )
        )
        ui.metric_card(
            card(
                "Commit to bronze",
                milliseconds(newest, trace.BRONZE_HOPS),
                "newest change; live views have it then",
                known.metric("ingested_at").description,
            )
        )
        ui.metric_card(
            card(
                "Commit to gold",
                milliseconds(newest, tuple(trace.HOPS.values())),
                "newest change; until its cycle ended",
                known.metric("gold_at").description,
            )
        )
    names = ("amount_eur", "is_in_gold", "ingested_at", "gold_at")
    ui.footer(
        "how_payment_cards",
        [answer],
        "The newest change, and how many there were",
        ui.definition_lines(known.metric(name) for name in names),
    )


def card(label: str, value: str, note: str, help: str) -> Card:
    """A card of a figure that is compared with nothing."""
    return Card(label, value, None, "off", note, help, ())


def milliseconds(change: Row, hops: tuple[str, ...]) -> str:
    """Hops of a change together, `1,234 ms`; n/a while one is not known."""
    times = [change[hop] for hop in hops]
    return formats.NOTHING if None in times else f"{sum(times):,} ms"


def hops_chart(answer: Answer) -> None:
    """Milliseconds per hop, a bar per change."""
    frame = charts_payment.hops_frame(answer.rows[:DRAWN_CHANGES])
    if frame.empty:
        st.caption(
            "No change is known through all hops: it is on its way, or its cycle is longer ago "
            "than a day. The table below has what was kept."
        )
        return
    labels = {column: hop for hop, column in trace.HOPS.items()}
    ui.chart(
        charts_payment.hops_option(frame, labels),
        height=CHART_MARGIN + CHART_ROW * len(frame),
        alt=f"Milliseconds per hop of {len(frame)} changes; newest {frame['total'].iloc[0]}",
        key="chart_payment_hops",
    )
    ui.footer(
        "how_payment_hops",
        [answer],
        "Milliseconds per hop, newest change at the bottom",
        ui.definition_lines(definitions.of(MODEL).metric(name) for name in MOMENTS),
    )


def facts_table(answer: Answer) -> None:
    """Attributes as of the newest change."""
    newest = answer.rows[0]
    rows = {
        "Merchant": formats.merchant_name(newest),
        "Account": str(newest["account_id"]),
        "IP address": newest["ip"] or formats.NOTHING,
        "Country of the IP": newest["ip_country"] or "unknown",
        "Device": newest["device_id"] or formats.NOTHING,
        "Decline reason": (newest["decline_code"] or "none").replace("_", " "),
        "Attempted": f"{trace.moment(newest['occurred_at'])} UTC",
        "Last changed": f"{trace.moment(newest['updated_at'])} UTC",
    }
    st.dataframe(
        pd.DataFrame({"what": list(rows), "value": list(rows.values())}),
        column_config={
            "what": st.column_config.TextColumn("What", width="small"),
            "value": st.column_config.TextColumn("As of the newest change"),
        },
        hide_index=True,
        height="content",
        key="payment_facts_table",
        alt=f"{len(rows)} attributes of the payment",
    )
    st.page_link(
        "app_pages/merchants.py",
        label="The merchant in detail",
        icon=":material/storefront:",
        query_params={"merchant": str(newest["merchant_id"])},
    )
    shown = ("ip_country", "decline_code", "occurred_at", "updated_at")
    ui.footer(
        "how_payment_facts",
        [answer],
        "As of the newest change",
        ui.definition_lines(definitions.of(MODEL).metric(name) for name in shown),
    )


def life_table(answer: Answer) -> None:
    """Each change: what it did, where it is in the logs, and when it reached each layer."""
    rows = answer.rows[::-1]
    metric = definitions.of(MODEL).metric

    def time(name: str, label: str) -> Any:
        return st.column_config.TextColumn(label, help=metric(name).description)

    def spent(label: str) -> Any:
        return st.column_config.NumberColumn(f"{label}, ms", format="%,d", help="Time in this hop.")

    st.dataframe(
        pd.DataFrame(
            {
                "operation": [trace.OPERATIONS[row["operation"]] for row in rows],
                "change": [trace.what_changed(row) for row in rows],
                "committed": [trace.moment(row["committed_at"]) for row in rows],
                **{
                    column: pd.Series([row[column] for row in rows], dtype="Int64")
                    for column in trace.HOPS.values()
                },
                "captured": [trace.clock(row["captured_at"]) for row in rows],
                "published": [trace.clock(row["published_at"]) for row in rows],
                "ingested": [trace.clock(row["ingested_at"]) for row in rows],
                "silver": [trace.in_silver(row) for row in rows],
                "gold": [trace.in_gold(row) for row in rows],
                "lsn": [trace.lsn(row["_lsn"]) for row in rows],
                "tx": [row["_tx_id"] for row in rows],
                "kafka": [f"{row['_partition']} / {row['_offset']}" for row in rows],
            }
        ),
        column_config={
            "operation": st.column_config.TextColumn("Change", pinned=True, width="small"),
            "change": st.column_config.TextColumn("What changed", width="medium"),
            "committed": time("committed_at", "Committed in Postgres (UTC)"),
            "captured_ms": spent("To Debezium"),
            "published_ms": spent("To Kafka"),
            "ingested_ms": spent("To bronze"),
            "silver_ms": spent("To silver"),
            "gold_ms": spent("To gold"),
            "captured": time("captured_at", "Debezium"),
            "published": time("published_at", "Kafka"),
            "ingested": time("ingested_at", "Bronze"),
            "silver": time("silver_at", "Silver"),
            "gold": time("gold_at", "Gold"),
            "lsn": st.column_config.TextColumn("LSN", help=metric("_lsn").description),
            "tx": st.column_config.NumberColumn(
                "Transaction", format="%d", help=metric("_tx_id").description
            ),
            "kafka": st.column_config.TextColumn(
                "Kafka", help="Partition and offset of the change event."
            ),
        },
        hide_index=True,
        height="content",
        placeholder=formats.NOTHING,
        key="payment_life_table",
        alt=f"{len(rows)} changes of the payment, oldest first",
    )
    note = "Oldest first, UTC; what is n/a is not there yet or was not kept"
    if len(rows) == trace.SHOWN_CHANGES:
        note += f"; only the newest {trace.SHOWN_CHANGES} changes"
    ui.footer(
        "how_payment_life",
        [answer],
        note,
        ui.definition_lines(metric(name) for name in MOMENTS),
    )


def adjustments_table(payment: UUID) -> None:
    """What came after it succeeded."""
    answer = data.recent(queries.adjustments(payment))
    if not answer.rows:
        st.caption("None.")
        return
    st.dataframe(
        pd.DataFrame(
            {
                "type": [row["adjustment_type"] for row in answer.rows],
                "status": [row["status"].replace("_", " ") for row in answer.rows],
                "amount": [
                    formats.money(row["amount"], row["currency_code"]) for row in answer.rows
                ],
                "reason": [(row["reason"] or "").replace("_", " ") for row in answer.rows],
                "adjusted": [trace.moment(row["adjusted_at"]) for row in answer.rows],
                "updated": [trace.moment(row["updated_at"]) for row in answer.rows],
            }
        ),
        column_config={
            "type": st.column_config.TextColumn("What", width="small", pinned=True),
            "status": "Status",
            "amount": st.column_config.TextColumn("Amount", alignment="right"),
            "reason": "Reason",
            "adjusted": "Asked for or opened (UTC)",
            "updated": "Last changed (UTC)",
        },
        hide_index=True,
        height="content",
        key="payment_adjustments_table",
        alt=f"{len(answer.rows)} refunds and disputes of the payment, oldest first",
    )
    ui.footer("how_payment_adjustments", [answer], "As silver has them: up to a minute old")


def buckets_table(changes: tuple[Row, ...]) -> None:
    """The rows of gold's facts that it is one of."""
    change = trace.counted(changes)
    if change is None:
        st.caption(
            "In no number: it is deleted."
            if changes[0]["operation"] == "d" and changes[0]["is_in_gold"]
            else "In none of gold's facts yet: the next transform cycle counts it. "
            "Live views have it already."
        )
        return
    answer = data.recent(queries.buckets(change))
    st.dataframe(
        pd.DataFrame(
            {
                "fact": [FACTS[row["fact"]][0] for row in answer.rows],
                "bucket": [f"{row['bucket_at']:{FACTS[row['fact']][1]}}" for row in answer.rows],
                "payments": [row["count_payments"] for row in answer.rows],
                "amount": [
                    formats.money(row["total_amount"], change["currency_code"])
                    for row in answer.rows
                ],
            }
        ),
        column_config={
            "fact": "Row",
            "bucket": "When (UTC)",
            "payments": st.column_config.NumberColumn(
                "Payments", format="%,d", help="This one and all others that count in the row."
            ),
            "amount": st.column_config.TextColumn("Amount", alignment="right"),
        },
        hide_index=True,
        height="content",
        key="payment_buckets_table",
        alt=f"{len(answer.rows)} rows of gold that the payment counts in",
    )
    status = change["status"]
    if change["decline_code"]:
        status = f"{status}, {change['decline_code'].replace('_', ' ')}"
    ui.footer(
        "how_payment_buckets",
        [answer],
        f"{ui.plain(formats.merchant_name(change))}, {change['currency_code']}, {status}: "
        "this payment and those like it",
    )


header()
asked = str(
    st.text_input(
        "Payment id",
        key="payment",
        bind="query-params",
        max_chars=ID_LENGTH,
        placeholder="01a22050-9cea-74db-888e-17f1ddb1aa14",
        icon=":material/search:",
        width=420,
    )
    or ""
).strip()
chosen = trace.payment_id(asked)
if not asked:
    st.info(
        "Paste the id of a payment above, or choose one in “Recent payments” of the Overview.",
        title="Which payment?",
        icon=":material/receipt_long:",
    )
elif chosen is None:
    st.warning(
        "An id has 32 hexadecimal digits, such as `01a22050-9cea-74db-888e-17f1ddb1aa14`.",
        title="This is no payment id",
        icon=":material/help:",
    )
else:
    detail(chosen)
