"""Refunds and disputes of one merchant or one account, each on its own."""

from __future__ import annotations

from uuid import UUID

from dashboard.queries.call import Call, Parameter, one_page

# A payment may have changed its merchant: whose it is now counts.
ADJUSTMENTS = """
with
adjusted as (
    select
        transaction_id,
        merchant_id,
        account_id
    from gold.fct_adjusted_payments
    order by _offset desc
    limit 1 by transaction_id
),

found as (
    select
        adjustment_id,
        transaction_id,
        adjustment_type,
        currency_code,
        status,
        ifNull(reason, '') as reason,
        amount,
        adjusted_at,
        updated_at
    from gold.fct_adjustments
    where transaction_id in (select transaction_id from adjusted where {of} = {id:UUID})
),

""" + one_page(
    "found",
    order="adjusted_at desc, adjustment_id",
    columns=(
        "transaction_id",
        "adjustment_type",
        "currency_code",
        "status",
        "reason",
        "amount",
        "adjusted_at",
        "updated_at",
    ),
)


def of_merchant(merchant_id: UUID, page: int, size: int) -> Call:
    """One page of the refunds and disputes of a merchant's payments, newest first."""
    return _of("merchant_id", merchant_id, page, size)


def of_account(account_id: UUID, page: int, size: int) -> Call:
    """One page of the refunds and disputes of an account's payments, newest first."""
    return _of("account_id", account_id, page, size)


def _of(column: str, id: UUID, page: int, size: int) -> Call:
    sent: tuple[tuple[str, Parameter], ...] = (("id", str(id)), ("page", page), ("size", size))
    return Call("adjustments", ADJUSTMENTS.replace("{of}", column).strip(), sent)
