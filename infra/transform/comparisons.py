"""What reconciliation compares, as data: each source table, and each additive table made from it.

A new fact is one entry in FACTS; a unit test finds a fact that has none.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table of schema `finance` that silver holds as `<table>_state`.

    `groups` are the columns its figures are grouped by, times by their day in UTC; `amount` is the
    column that is added up. A table with `has_deltas` has REPLICA IDENTITY FULL and
    `silver.<table>_deltas`.
    """

    key: tuple[str, ...]
    groups: tuple[str, ...]
    amount: str | None = None
    has_deltas: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """A table or view of gold whose measures add up over the rows of one source table.

    Grain: `keys`, each with what it is of a source row. `measures`: each with what one source row
    adds to it. `day` is the key whose day is that of the table's first group. `watermark` is the
    table whose highest `_offset` says how far it is: its own, but for a live view.
    All expressions are ClickHouse SQL.
    """

    table: str
    day: str
    keys: dict[str, str]
    measures: dict[str, str]
    watermark: str | None = None


TABLES = {
    "accounts": Table(key=("account_id",), groups=("country",)),
    "merchants": Table(key=("merchant_id",), groups=("country", "merchant_category")),
    "ip_geo": Table(key=("ip",), groups=("country",)),
    "fx_rates": Table(key=("rate_date", "currency"), groups=("currency",), amount="rate_to_eur"),
    "transactions": Table(
        key=("transaction_id",),
        groups=("occurred_at", "currency", "status"),
        amount="amount",
        has_deltas=True,
    ),
    "refunds": Table(
        key=("refund_id",),
        groups=("created_at", "currency", "status"),
        amount="amount",
        has_deltas=True,
    ),
    "disputes": Table(
        key=("dispute_id",),
        groups=("opened_at", "currency", "status"),
        amount="amount",
        has_deltas=True,
    ),
}

_PAYMENT = {
    "merchant_id": "merchant_id",
    "currency_code": "currency",
    "status": "status",
    "decline_code": "ifNull(decline_code, '')",
}
_PAYMENTS = {"count_payments": "1", "total_amount": "amount"}
_BY_MINUTE = {"minute": "toStartOfMinute(occurred_at)", **_PAYMENT}

FACTS = {
    "gold.fct_payments_by_minute": Fact("transactions", "minute", _BY_MINUTE, _PAYMENTS),
    "gold.live_payments_by_minute": Fact(
        "transactions", "minute", _BY_MINUTE, _PAYMENTS, watermark="bronze.transactions"
    ),
    "gold.fct_payments_by_day": Fact(
        "transactions",
        "payment_date",
        {"payment_date": "toDate(occurred_at)", **_PAYMENT},
        _PAYMENTS,
    ),
    "gold.fct_account_activity_by_day": Fact(
        "transactions",
        "activity_date",
        {
            "activity_date": "toDate(occurred_at)",
            "account_id": "account_id",
            "currency_code": "currency",
            "status": "status",
        },
        _PAYMENTS,
    ),
}
