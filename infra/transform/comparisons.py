"""What reconciliation compares, as data: each source table, and each additive table made from it.

The tables are those of the contract of the source. A new fact is one entry in FACTS; a unit test
finds a fact that has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jinja2 import Environment

from infra.settings import ROOT


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
    adds to it. `day` is the key whose day is that of the table's first group, if it has one.
    `watermarks` are the tables that a live view is made from: the highest `_offset` in any says how
    far it is, while a table has its own, and none here. A fact that
    `has_some` of the rows only may have applied more than its highest offset says. `rows`: a select
    that gives keys and measures, where the table itself does not.
    All expressions are ClickHouse SQL.
    """

    table: str
    day: str | None
    keys: dict[str, str]
    measures: dict[str, str]
    watermarks: tuple[str, ...] = ()
    has_some: bool = False
    rows: str = ""


def contract() -> dict[str, dict[str, Any]]:
    """What macros/cdc/source_tables.sql says of each captured table; dbt is not asked."""
    said: list[dict[str, dict[str, Any]]] = []
    macro = (ROOT / "macros" / "cdc" / "source_tables.sql").read_text(encoding="utf-8")
    template = Environment().from_string(macro, globals={"return": said.append})
    template.make_module().source_tables()  # type: ignore[attr-defined]
    return said[0]


TABLES = {
    name: Table(
        key=tuple(said["key"]),
        groups=tuple(said["groups"]),
        amount=said.get("amount"),
        has_deltas=said.get("full_before", False),
    )
    for name, said in contract().items()
    if "groups" in said
}

_COUNTED = {"count_payments": "1"}
_PAYMENTS = {**_COUNTED, "total_amount": "amount"}
_CURRENCY = {"currency_code": "currency", "status": "status"}
_OF_MERCHANT = {
    "merchant_id": "merchant_id",
    **_CURRENCY,
    "decline_code": "ifNull(decline_code, '')",
}
_ADDRESS = {"ip": "ifNull(ip, '')"}
_DEVICE = {"device_id": "ifNull(device_id, '')"}
_REASON = {**_CURRENCY, "reason": "ifNull(reason, '')"}
_BY_MINUTE = {"minute": "toStartOfMinute(occurred_at)", **_OF_MERCHANT}
_DAY = {"payment_date": "toDate(occurred_at)"}
# As in macros/payments/log_bucket.sql.
_BUCKET = (
    "toInt16(if(amount > 0, ceil(log(toFloat64(if(amount > 0, amount, 1))) / log(1.02)), -32768))"
)

FACTS = {
    "gold.fct_payments_by_minute": Fact("transactions", "minute", _BY_MINUTE, _PAYMENTS),
    "gold.live_payments_by_minute": Fact(
        "transactions",
        "minute",
        _BY_MINUTE,
        _PAYMENTS,
        watermarks=(
            "bronze.transactions",
            "silver.transactions_deltas",
            "gold.fct_payments_by_minute",
        ),
    ),
    "gold.fct_payments_by_hour": Fact(
        "transactions",
        "payment_hour",
        {"payment_hour": "toStartOfHour(occurred_at)", **_OF_MERCHANT},
        _PAYMENTS,
    ),
    "gold.fct_payments_by_day": Fact(
        "transactions", "payment_date", {**_DAY, **_OF_MERCHANT}, _PAYMENTS
    ),
    "gold.fct_payment_amounts_by_day": Fact(
        "transactions",
        "payment_date",
        {**_DAY, "merchant_id": "merchant_id", **_CURRENCY, "amount_bucket": _BUCKET},
        _COUNTED,
    ),
    "gold.fct_account_activity_by_day": Fact(
        "transactions",
        "activity_date",
        {"activity_date": "toDate(occurred_at)", "account_id": "account_id", **_CURRENCY},
        _PAYMENTS,
    ),
    "gold.fct_account_ips_by_day": Fact(
        "transactions",
        "payment_date",
        {**_DAY, "account_id": "account_id", **_ADDRESS, **_CURRENCY},
        _PAYMENTS,
    ),
    "gold.fct_merchant_ips_by_day": Fact(
        "transactions",
        "payment_date",
        {**_DAY, "merchant_id": "merchant_id", "account_id": "account_id", **_ADDRESS},
        _COUNTED,
    ),
    "gold.fct_attempts_by_minute": Fact(
        "transactions",
        "minute",
        {
            "minute": "toStartOfMinute(occurred_at)",
            "account_id": "account_id",
            **_ADDRESS,
            **_DEVICE,
        },
        _COUNTED,
    ),
    "gold.fct_sessions_by_day": Fact(
        "transactions",
        "payment_date",
        {**_DAY, "account_id": "account_id", **_ADDRESS, **_DEVICE},
        # As in macros/payments/session_bounds.sql.
        {
            **_COUNTED,
            "count_decided": "if(status != 'pending', 1, 0)",
            "count_declined": "if(status = 'failed', 1, 0)",
            "count_small": "if(amount < 10, 1, 0)",
            "count_large": "if(amount >= 200, 1, 0)",
            "count_round": "if(amount > 0 and amount % toDecimal64(50, 2) = 0, 1, 0)",
        },
    ),
    "gold.fct_watched_payments": Fact(
        "transactions",
        "occurred_at",
        {
            "occurred_at": "occurred_at",
            "transaction_id": "transaction_id",
            "account_id": "account_id",
            "merchant_id": "merchant_id",
            **_ADDRESS,
            **_DEVICE,
            **_CURRENCY,
            "amount": "amount",
        },
        # As in macros/payments/watched_bounds.sql.
        {"count_payments": "if(amount < 15 or amount >= 750, 1, 0)"},
        has_some=True,
    ),
    "gold.fct_account_amounts_by_day": Fact(
        "transactions",
        "payment_date",
        {
            "account_id": "account_id",
            **_DAY,
            "currency_code": "currency",
            "amount_bucket": _BUCKET,
        },
        _COUNTED,
    ),
    "gold.fct_refunds_by_day": Fact(
        "refunds",
        "refund_date",
        {"refund_date": "toDate(created_at)", **_REASON},
        {"count_refunds": "1", "total_amount": "amount"},
    ),
    "gold.fct_disputes_by_day": Fact(
        "disputes",
        "opened_date",
        {
            "opened_date": "toDate(opened_at)",
            "closed_date": "ifNull(toDate(closed_at), toDate('1970-01-01'))",
            **_REASON,
        },
        {"count_disputes": "1", "total_amount": "amount"},
    ),
}

# What parity alone compares with the signed changes of a table, as far as it adds up.
DERIVED = {
    "silver.transactions_status_history": Fact(
        "transactions",
        None,
        {"status": "status"},
        {"balance": "1"},
        # Payments that came into a status less those that left it have it.
        rows="select tupleElement(side, 1) as balance, tupleElement(side, 2) as status"
        " from silver.transactions_status_history"
        " array join [(-1, from_status), (1, to_status)] as side where status != ''",
    ),
    "gold.fct_attempts_by_intent": Fact(
        "transactions",
        "occurred_at",
        {
            # As in macros/payments/intent_key.sql.
            "intent_key": "reinterpretAsUInt128("
            "sipHash128(account_id, merchant_id, currency, amount))",
            "transaction_id": "transaction_id",
            "merchant_id": "merchant_id",
            "occurred_at": "occurred_at",
            **_CURRENCY,
            "amount": "amount",
            "decline_code": "ifNull(decline_code, '')",
        },
        {"sign": "1"},
    ),
    # Each payment is an attempt of one intent. How many intents that makes does not add up.
    "gold.fct_intents_by_day": Fact(
        "transactions",
        None,
        {"merchant_id": "merchant_id", "currency_code": "currency"},
        {"count_attempts": "1"},
    ),
}

_ELAPSED = "toDecimal128(dateDiff('microsecond', occurred_at, _committed_at), 6) / 1000000"

# And with the changes of status, each of which counts once.
STATUS_CHANGES = {
    "gold.fct_status_changes_by_day": Fact(
        "transactions",
        "change_date",
        {
            "change_date": "toDate(_committed_at)",
            "from_status": "from_status",
            "to_status": "to_status",
            "elapsed_bucket": _BUCKET.replace("amount", f"({_ELAPSED})"),
        },
        {"count_changes": "1"},
    )
}

# Tables with one row per change event of a source table.
EVENTS = {
    "silver.accounts_history": "accounts",
    "silver.merchants_history": "merchants",
    "silver.transactions_offsets": "transactions",
}
