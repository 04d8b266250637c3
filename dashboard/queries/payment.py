"""Queries of the page Payment: the SQL is that of `finhouse trace`."""

from __future__ import annotations

from uuid import UUID

from dashboard.queries.call import Call
from infra.transform import trace


def changes(payment: UUID) -> Call:
    """One row per change of the payment and what the payment was then, newest first."""
    parameters = trace.by_payment(payment, trace.SHOWN_CHANGES)
    return Call("payment_changes", trace.CHANGES.strip(), tuple(parameters.items()))


def adjustments(payment: UUID) -> Call:
    """Refunds and disputes of the payment, oldest first."""
    parameters = trace.by_payment(payment, trace.SHOWN_ADJUSTMENTS)
    return Call("payment_adjustments", trace.ADJUSTMENTS.strip(), tuple(parameters.items()))


def buckets(change: trace.Row) -> Call:
    """The rows of gold's facts that a payment counts in as of one of its changes."""
    return Call("payment_buckets", trace.BUCKETS.strip(), tuple(trace.by_bucket(change).items()))
