"""Tables of single payments, of refunds and disputes, and of sessions, that pages share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

import pandas as pd
import streamlit as st

from dashboard import bar, data, exports, formats, ui
from dashboard.bar import Filters
from dashboard.connection import Answer, Row
from dashboard.definitions import Definitions
from dashboard.filters import Selection
from dashboard.queries import explore
from dashboard.queries.call import Call
from dashboard.queries.risk import RULES

PAGE_ROWS = 10
EXPORT_ROWS = 10_000
ROW_HEIGHT = 35
HEIGHT = (PAGE_ROWS + 1) * ROW_HEIGHT + 3
ORDER = "Newest first"
ALL = Selection()


def payment_link(transaction_id: object) -> str:
    """The page of a payment."""
    return f"/payment?payment={transaction_id}"


def account_link(account_id: object) -> str:
    """The page of an account."""
    return f"/account?account={account_id}"


def merchant_link(row: Row) -> str:
    """The page of a merchant; what stands behind # is what the table shows."""
    return f"/merchants?merchant={row['merchant_id']}#{quote(formats.merchant_name(row), safe='')}"


def payment_column(label: str = "Payment") -> Any:
    """A column of `payment_link`s."""
    return st.column_config.LinkColumn(
        label, display_text=r"payment=(.{13})", help="Opens the payment.", width=130
    )


def account_column(label: str = "Account") -> Any:
    """A column of `account_link`s."""
    return st.column_config.LinkColumn(
        label, display_text=r"account=(.{36})", help="Opens the account.", width="medium"
    )


def merchant_column(label: str = "Merchant") -> Any:
    """A column of `merchant_link`s."""
    return st.column_config.LinkColumn(label, display_text=r"#(.*)$", help="Opens the merchant.")


def payments(
    key: str,
    filters: Filters,
    own: Literal["merchant", "account"],
    selection: Selection = ALL,
    search: str = "",
) -> None:
    """One page of the payments of the time, newest first: those of a selection, or of an id.

    They are found as Explore finds them; `own` is what all of them have in common.
    """
    window = filters.window(datetime.now(UTC))

    def rows_of(page: int, size: int) -> tuple[Answer, Answer | None]:
        places = data.recent(explore.places(window, selection, search, ORDER, page, size))
        if not places.rows:
            return places, None
        (place,) = places.rows
        skip = (place["page"] - 1) * size - place["count_before"]
        bounds = (place["lowest"], place["highest"])
        call = explore.payments(window, selection, search, ORDER, bounds, size, skip)
        return places, data.recent(call)

    places, answer = rows_of(ui.asked_page(f"{key}_page"), PAGE_ROWS)
    if answer is None or not answer.rows:
        st.caption(f"No payments, {filters.span}.")
        return
    rows = answer.rows
    st.dataframe(
        pd.DataFrame(
            {
                "payment": [payment_link(row["transaction_id"]) for row in rows],
                "time": [row["occurred_at"] for row in rows],
                "status": [[row["status"]] for row in rows],
                "amount": [formats.money(row["amount"], row["currency_code"]) for row in rows],
                "eur": [formats.euro(row["amount_eur"]) for row in rows],
                "reason": [row["decline_code"].replace("_", " ") for row in rows],
                "merchant": [merchant_link(row) for row in rows],
                "account": [account_link(row["account_id"]) for row in rows],
            }
        ).drop(columns=own),
        column_config={
            "payment": payment_column(),
            "time": st.column_config.DatetimeColumn(
                f"Time, {filters.zone_title}",
                format="DD MMM HH:mm:ss",
                timezone=filters.zone,
            ),
            "status": st.column_config.MultiselectColumn(
                "Status",
                options=list(bar.STATUSES),
                color=list(bar.STATUSES.values()),
                width="small",
            ),
            "amount": st.column_config.TextColumn("Amount", alignment="right"),
            "eur": st.column_config.TextColumn(
                "EUR", alignment="right", help="At the rate of the payment's day."
            ),
            "reason": st.column_config.TextColumn("Decline reason"),
            "merchant": merchant_column(),
            "account": account_column(),
        },
        hide_index=True,
        height="content",
        row_height=ROW_HEIGHT,
        placeholder=formats.NOTHING,
        key=f"{key}_table",
        alt=f"{len(rows)} payments, newest first, {filters.span}",
    )
    (place,) = places.rows
    foot(
        key,
        [answer, places],
        place["page"],
        len(rows),
        place["count_found"],
        f"newest first, {filters.span}",
        lambda: rows_of(1, EXPORT_ROWS)[1] or answer,
    )


def adjustments(key: str, ask: Callable[[int, int], Call]) -> None:
    """One page of refunds and disputes, newest first; `ask` gives the call of a page of a size."""
    answer = data.past(ask(ui.asked_page(f"{key}_page"), PAGE_ROWS))
    if not answer.rows:
        st.caption("None so far.")
        return
    rows = answer.rows
    st.dataframe(
        pd.DataFrame(
            {
                "payment": [payment_link(row["transaction_id"]) for row in rows],
                "type": [row["adjustment_type"].capitalize() for row in rows],
                "status": [row["status"].replace("_", " ") for row in rows],
                "amount": [formats.money(row["amount"], row["currency_code"]) for row in rows],
                "reason": [row["reason"].replace("_", " ") for row in rows],
                "adjusted": [row["adjusted_at"] for row in rows],
                "updated": [row["updated_at"] for row in rows],
            }
        ),
        column_config={
            "payment": payment_column(),
            "type": st.column_config.TextColumn("What", width="small"),
            "status": st.column_config.TextColumn("Status"),
            "amount": st.column_config.TextColumn("Amount", alignment="right"),
            "reason": st.column_config.TextColumn("Reason"),
            "adjusted": st.column_config.DatetimeColumn(
                "Asked for or opened (UTC)", format="DD MMM YYYY HH:mm", timezone="UTC"
            ),
            "updated": st.column_config.DatetimeColumn(
                "Last changed (UTC)", format="DD MMM YYYY HH:mm", timezone="UTC"
            ),
        },
        hide_index=True,
        height="content",
        row_height=ROW_HEIGHT,
        key=f"{key}_table",
        alt=f"{len(rows)} refunds and disputes, newest first",
    )
    foot(
        key,
        [answer],
        rows[0]["page"],
        len(rows),
        rows[0]["count_found"],
        "newest first, whatever the range · up to a minute old",
        lambda: data.past(ask(1, EXPORT_ROWS)),
    )


def foot(
    key: str,
    answers: list[Answer],
    page: int,
    rows: int,
    found: int,
    note: str,
    export: Callable[[], Answer],
) -> None:
    """The choice of a page, which rows of how many are shown, and the files of all of them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        which = ui.pages(f"{key}_page", page, PAGE_ROWS, rows, found)
        ui.footer(
            f"how_{key}",
            answers,
            f"{which} · {note}",
            export=lambda: exports.of_answer(export()),
        )


def session_cells(rows: Sequence[Row], known: Definitions) -> dict[str, list[Any]]:
    """Cells by column of sessions that the fraud score judges, and the rules they break."""
    labels = {rule: known.metric(f"{rule}_points").label for rule in RULES}
    return {
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
        "ip": [row["ip"] or None for row in rows],
        "device": [row["device_id"] or None for row in rows],
    }


def session_columns(known: Definitions) -> dict[str, Any]:
    """How the columns of `session_cells` look, but for the score, which each page shows its way."""
    return {
        "day": st.column_config.DateColumn("Day, UTC", format="DD MMM"),
        "why": st.column_config.ListColumn(
            "Why", help="The rules it breaks and their points.", width="large"
        ),
        "attempts": ui.number_column(known.metric("count_attempted"), "%,d"),
        "declined": ui.number_column(known.metric("count_declined"), "%,d"),
        "accounts": ui.number_column(known.metric("count_device_accounts"), "%,d"),
        "ip": st.column_config.TextColumn("IP address"),
        "device": st.column_config.TextColumn("Device"),
    }
