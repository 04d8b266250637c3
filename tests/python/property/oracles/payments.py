"""Payments, declines, refunds and disputes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from tests.python.property.oracles.base import (
    EXACT,
    Rates,
    Rows,
    Seen,
    column,
    day_of,
    decided,
    decline_code_of,
    grouped,
    log_bucket,
    minus,
    minute_of,
    oracle,
    quantile,
    ratio,
    seed_rows,
    successful,
    total,
    total_or_none,
    trailing,
    value_of_bucket,
)
from tests.python.property.source import Row


@oracle("fct_payments_by_hour")
def fct_payments_by_hour(seen: Seen) -> Rows:
    for (hour, merchant, currency, status, code), payments in grouped(
        seen.rows("transactions"),
        lambda payment: minute_of(payment).replace(minute=0),
        column("merchant_id"),
        column("currency"),
        column("status"),
        decline_code_of,
    ).items():
        yield {
            "payment_hour": hour,
            "merchant_id": merchant,
            "currency_code": currency,
            "status": status,
            "decline_code": code,
            "count_payments": len(payments),
            "total_amount": total(payment["amount"] for payment in payments),
        }


@oracle("fct_payment_amounts_by_day")
def fct_payment_amounts_by_day(seen: Seen) -> Rows:
    for (day, merchant, currency, status, bucket), payments in grouped(
        seen.rows("transactions"),
        day_of,
        column("merchant_id"),
        column("currency"),
        column("status"),
        lambda payment: log_bucket(payment["amount"]),
    ).items():
        yield {
            "payment_date": day,
            "merchant_id": merchant,
            "currency_code": currency,
            "status": status,
            "amount_bucket": bucket,
            "count_payments": len(payments),
        }


@oracle("fct_refunds_by_day")
def fct_refunds_by_day(seen: Seen) -> Rows:
    for (day, currency, status, reason), refunds in grouped(
        seen.rows("refunds"),
        lambda refund: refund["created_at"].date(),
        column("currency"),
        column("status"),
        column("reason"),
    ).items():
        yield {
            "refund_date": day,
            "currency_code": currency,
            "status": status,
            "reason": reason,
            "count_refunds": len(refunds),
            "total_amount": total(refund["amount"] for refund in refunds),
        }


@oracle("fct_disputes_by_day")
def fct_disputes_by_day(seen: Seen) -> Rows:
    for (opened, closed, currency, status, reason), disputes in grouped(
        seen.rows("disputes"),
        lambda dispute: dispute["opened_at"].date(),
        lambda dispute: dispute["closed_at"] and dispute["closed_at"].date(),
        column("currency"),
        column("status"),
        column("reason"),
    ).items():
        yield {
            "opened_date": opened,
            "closed_date": closed or date(1970, 1, 1),
            "currency_code": currency,
            "status": status,
            "reason": reason,
            "count_disputes": len(disputes),
            "total_amount": total(dispute["amount"] for dispute in disputes),
        }


@oracle("fct_adjusted_payments", where="count_refunds + count_disputes > 0")
def fct_adjusted_payments(seen: Seen) -> Rows:
    payments = {row["transaction_id"]: row for row in seen.rows("transactions")}
    refunds = grouped(
        (row for row in seen.rows("refunds") if row["status"] == "succeeded"),
        column("transaction_id"),
    )
    disputes = grouped(seen.rows("disputes"), column("transaction_id"))
    for (id,) in refunds.keys() | disputes.keys():
        payment = payments.get(id, {})
        refunded = refunds.get((id,), [])
        disputed = disputes.get((id,), [])
        lost = [dispute for dispute in disputed if dispute["status"] == "lost"]
        yield {
            "transaction_id": id,
            "payment_date": day_of(payment) if payment else None,
            "account_id": payment.get("account_id"),
            "merchant_id": payment.get("merchant_id"),
            "currency_code": payment.get("currency"),
            "status": payment.get("status"),
            "amount": payment.get("amount"),
            "count_refunds": len(refunded),
            "refunded_amount": total(refund["amount"] for refund in refunded),
            "count_disputes": len(disputed),
            "count_disputes_lost": len(lost),
            "lost_amount": total(dispute["amount"] for dispute in lost),
        }


@oracle("agg_adjustments_by_payment_day")
def agg_adjustments_by_payment_day(seen: Seen) -> Rows:
    rates = Rates(seen)
    adjusted = {row["transaction_id"]: row for row in fct_adjusted_payments(seen)}
    for (day, merchant), payments in grouped(
        seen.rows("transactions"), day_of, column("merchant_id")
    ).items():
        paid = successful(payments)
        found = [
            {**payment, **adjusted[payment["transaction_id"]]}
            for payment in paid
            if payment["transaction_id"] in adjusted
        ]
        yield {
            "payment_date": day,
            "merchant_id": merchant,
            "count_attempted": len(payments),
            "count_decided": len(decided(payments)),
            "count_successful": len(paid),
            "count_refunded": sum(row["count_refunds"] > 0 for row in found),
            "count_disputed": sum(row["count_disputes"] > 0 for row in found),
            "successful_amount_eur": rates.sum(paid),
            "refunded_amount_eur": rates.sum(
                {**row, "amount": row["refunded_amount"]} for row in found
            ),
            "lost_amount_eur": rates.sum({**row, "amount": row["lost_amount"]} for row in found),
        }


def blocked_of(payments: list[Row]) -> list[Row]:
    """The payments that the own risk check declined."""
    codes = {
        row["decline_code"] for row in seed_rows("decline_codes") if row["is_blocked"] == "true"
    }
    return [row for row in payments if row["status"] == "failed" and row["decline_code"] in codes]


@oracle("agg_payments_daily")
def agg_payments_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    for (day, merchant), payments in grouped(
        seen.rows("transactions"), day_of, column("merchant_id")
    ).items():
        pending = [payment for payment in payments if payment["status"] == "pending"]
        blocked = blocked_of(payments)
        yield {
            "payment_date": day,
            "merchant_id": merchant,
            "count_attempted": len(payments),
            "count_pending": len(pending),
            "count_successful": len(successful(payments)),
            "count_blocked": len(blocked),
            "attempted_amount_eur": rates.sum(payments),
            "pending_amount_eur": rates.sum(pending),
            "successful_amount_eur": rates.sum(successful(payments)),
            "blocked_amount_eur": rates.sum(blocked),
        }


@oracle("agg_acceptance_daily")
def agg_acceptance_daily(seen: Seen) -> Rows:
    by_day = grouped(seen.rows("transactions"), day_of)
    for (day,), merchants in grouped(agg_payments_daily(seen), column("payment_date")).items():
        payments = by_day[day,]
        count_decided, count_paid = len(decided(payments)), len(successful(payments))
        count_submitted = count_decided - len(blocked_of(payments))
        eur = {
            name: total_or_none(row[f"{name}_amount_eur"] for row in merchants)
            for name in ("attempted", "pending", "successful", "blocked")
        }
        decided_eur = minus(eur["attempted"], eur["pending"])
        submitted_eur = minus(decided_eur, eur["blocked"])
        yield {
            "payment_date": day,
            "count_attempted": len(payments),
            "count_pending": len(payments) - count_decided,
            "count_decided": count_decided,
            "count_submitted": count_submitted,
            "count_successful": count_paid,
            "pending_amount_eur": eur["pending"],
            "decided_amount_eur": decided_eur,
            "submitted_amount_eur": submitted_eur,
            "successful_amount_eur": eur["successful"],
            "authorization_rate": ratio(count_paid, count_submitted),
            "authorization_rate_by_value": ratio(eur["successful"], submitted_eur),
            "acceptance_rate": ratio(count_paid, count_decided),
            "acceptance_rate_by_value": ratio(eur["successful"], decided_eur),
            "pending_share": ratio(len(payments) - count_decided, len(payments)),
        }


@oracle("agg_declines_daily")
def agg_declines_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    codes = {row["decline_code"]: row for row in seed_rows("decline_codes")}
    counts = {
        day: len(decided(payments))
        for (day,), payments in grouped(seen.rows("transactions"), day_of).items()
    }
    failed = [row for row in seen.rows("transactions") if row["status"] == "failed"]
    for (day, code), declines in grouped(failed, day_of, decline_code_of).items():
        known = codes.get(code, {})
        yield {
            "payment_date": day,
            "decline_code": code,
            "decline_group": known.get("decline_group", "unknown"),
            "advice": known.get("advice"),
            "count_declined": len(declines),
            "count_decided": counts[day],
            "declined_amount_eur": rates.sum(declines),
            "decline_rate": ratio(len(declines), counts[day]),
        }


@oracle("agg_refunds_daily")
def agg_refunds_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    refunds = grouped(
        (row for row in seen.rows("refunds") if row["status"] == "succeeded"),
        lambda refund: refund["created_at"].date(),
    )
    payments = grouped(seen.rows("transactions"), day_of)
    for (day,) in refunds.keys() | payments.keys():
        refunded = refunds.get((day,), [])
        paid = successful(payments.get((day,), []))
        refunded_eur, paid_eur = rates.sum(refunded, "created_at"), rates.sum(paid)
        yield {
            "refund_date": day,
            "count_refunds": len(refunded),
            "refunded_amount_eur": refunded_eur,
            "count_successful": len(paid),
            "successful_amount_eur": paid_eur,
            "refund_activity": ratio(len(refunded), len(paid)),
            "refund_activity_by_value": ratio(refunded_eur, paid_eur),
        }


@oracle("agg_disputes_daily")
def agg_disputes_daily(seen: Seen) -> Rows:
    disputes = seen.rows("disputes")
    opened = grouped(disputes, lambda dispute: dispute["opened_at"].date())
    closed = grouped(
        (row for row in disputes if row["closed_at"] and row["status"] in ("won", "lost")),
        lambda dispute: dispute["closed_at"].date(),
    )
    paid = grouped(successful(seen.rows("transactions")), day_of)
    for (day,) in opened.keys() | closed.keys() | paid.keys():
        won = [row for row in closed.get((day,), []) if row["status"] == "won"]
        count_opened, count_paid = len(opened.get((day,), [])), len(paid.get((day,), []))
        count_closed = len(closed.get((day,), []))
        yield {
            "dispute_date": day,
            "count_opened": count_opened,
            "count_won": len(won),
            "count_lost": count_closed - len(won),
            "count_successful": count_paid,
            "dispute_activity": ratio(count_opened, count_paid),
            "win_rate": ratio(len(won), count_closed),
        }


@oracle("agg_hour_of_week")
def agg_hour_of_week(seen: Seen) -> Rows:
    rates = Rates(seen)
    payments = [row for row in trailing(seen, 29) if day_of(row) < seen.now.date()]
    for (weekday, hour), slot in grouped(
        payments,
        lambda payment: payment["occurred_at"].isoweekday(),
        lambda payment: payment["occurred_at"].hour,
    ).items():
        yield {
            "weekday": weekday,
            "hour": hour,
            "count_slots": 4,
            "count_attempted": len(slot),
            "count_decided": len(decided(slot)),
            "count_successful": len(successful(slot)),
            "successful_amount_eur": (volume := rates.sum(successful(slot))),
            "payments_per_slot": len(slot) / 4,
            "volume_per_slot_eur": volume
            and EXACT.divide(volume, Decimal(4)).quantize(Decimal("1e-8"), ROUND_DOWN, EXACT),
            "acceptance_rate": ratio(len(successful(slot)), len(decided(slot))),
        }


@oracle("agg_tickets_daily")
def agg_tickets_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    for (day, merchant, currency, bucket), payments in grouped(
        successful(seen.rows("transactions")),
        day_of,
        column("merchant_id"),
        column("currency"),
        lambda payment: log_bucket(payment["amount"]),
    ).items():
        rate = rates.on(currency, day)
        yield {
            "payment_date": day,
            "merchant_id": merchant,
            "currency_code": currency,
            "amount_bucket": bucket,
            "ticket_eur": None if rate is None else value_of_bucket(bucket) * float(rate),
            "count_successful": len(payments),
        }


@oracle("agg_ticket_quantiles_daily")
def agg_ticket_quantiles_daily(seen: Seen) -> Rows:
    for (day,), buckets in grouped(agg_tickets_daily(seen), column("payment_date")).items():
        tickets = [row["ticket_eur"] for row in buckets for _ in range(row["count_successful"])]
        known = None not in tickets
        yield {
            "payment_date": day,
            "count_successful": len(tickets),
            "ticket_p50_eur": quantile(tickets, 50) if known else None,
            "ticket_p95_eur": quantile(tickets, 95) if known else None,
        }


def intents_of(payments: Iterable[Row]) -> Iterator[list[Row]]:
    """The attempts of each intent, the first one first: same account, merchant, currency and
    amount, less than 24 hours after the first."""
    for attempts in grouped(
        payments,
        column("account_id"),
        column("merchant_id"),
        column("currency"),
        column("amount"),
    ).values():
        attempts.sort(key=lambda attempt: (attempt["occurred_at"], attempt["transaction_id"].bytes))
        intent: list[Row] = []
        for attempt in attempts:
            if intent and attempt["occurred_at"] - intent[0]["occurred_at"] >= timedelta(hours=24):
                yield intent
                intent = []
            intent.append(attempt)
        yield intent


def _approved(intents: Iterable[list[Row]]) -> list[list[Row]]:
    return [intent for intent in intents if successful(intent)]


@oracle("fct_attempts_by_intent", ignore=("intent_key",))
def fct_attempts_by_intent(seen: Seen) -> Rows:
    for row in seen.rows("transactions"):
        yield {
            "transaction_id": row["transaction_id"],
            "merchant_id": row["merchant_id"],
            "occurred_at": row["occurred_at"],
            "currency_code": row["currency"],
            "amount": row["amount"],
            "status": row["status"],
            "decline_code": decline_code_of(row),
        }


@oracle("fct_intents_by_day")
def fct_intents_by_day(seen: Seen) -> Rows:
    groups: dict[tuple[Any, ...], list[list[Row]]] = defaultdict(list)
    for intent in intents_of(seen.rows("transactions")):
        first = intent[0]
        key = (day_of(first), first["merchant_id"], first["currency"])
        groups[*key, first["status"], decline_code_of(first)].append(intent)
    for (day, merchant, currency, status, code), intents in groups.items():
        yield {
            "intent_date": day,
            "merchant_id": merchant,
            "currency_code": currency,
            "first_status": status,
            "first_decline_code": code,
            "count_intents": len(intents),
            "count_approved_intents": len(_approved(intents)),
            "count_attempts": sum(len(intent) for intent in intents),
            "total_amount": total(intent[0]["amount"] for intent in intents),
            "approved_amount": total(intent[0]["amount"] for intent in _approved(intents)),
        }


def _intents_by_day(intents: Iterable[list[Row]]) -> dict[date, list[list[Row]]]:
    days: dict[date, list[list[Row]]] = defaultdict(list)
    for intent in intents:
        days[day_of(intent[0])].append(intent)
    return days


@oracle("agg_intents_daily")
def agg_intents_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    acceptance = {row["payment_date"]: row["acceptance_rate"] for row in agg_acceptance_daily(seen)}
    for day, intents in _intents_by_day(intents_of(seen.rows("transactions"))).items():
        approved = _approved(intents)
        intended_eur = rates.sum(intent[0] for intent in intents)
        approved_eur = rates.sum(intent[0] for intent in approved)
        yield {
            "intent_date": day,
            "count_intents": len(intents),
            "count_approved_intents": len(approved),
            "count_attempts": sum(len(intent) for intent in intents),
            "intended_amount_eur": intended_eur,
            "approved_amount_eur": approved_eur,
            "deduplicated_success_rate": ratio(len(approved), len(intents)),
            "deduplicated_success_rate_by_value": ratio(approved_eur, intended_eur),
            "acceptance_rate": acceptance[day],
        }


@oracle("agg_recovery_daily")
def agg_recovery_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    soft = {
        row["decline_code"] for row in seed_rows("decline_codes") if row["decline_group"] == "soft"
    }
    declined = [
        intent
        for intent in intents_of(seen.rows("transactions"))
        if intent[0]["status"] == "failed" and intent[0]["decline_code"] in soft
    ]
    for day, intents in _intents_by_day(declined).items():
        recovered = _approved(intents)
        yield {
            "intent_date": day,
            "count_soft_declined_intents": len(intents),
            "count_recovered_intents": len(recovered),
            "soft_declined_amount_eur": rates.sum(intent[0] for intent in intents),
            "recovered_amount_eur": rates.sum(intent[0] for intent in recovered),
            "recovery_rate": ratio(len(recovered), len(intents)),
        }


@oracle("agg_adjustments_by_booking_day")
def agg_adjustments_by_booking_day(seen: Seen) -> Rows:
    rates = Rates(seen)
    merchants = {
        row["transaction_id"]: row["merchant_id"] for row in successful(seen.rows("transactions"))
    }

    def by_day(rows: Iterable[Row], moment: str) -> dict[tuple[Any, ...], list[Row]]:
        return grouped(
            (row for row in rows if row["transaction_id"] in merchants and row[moment]),
            lambda row: row[moment].date(),
            lambda row: merchants[row["transaction_id"]],
        )

    disputes = seen.rows("disputes")
    refunds = [row for row in seen.rows("refunds") if row["status"] == "succeeded"]
    refunded = by_day(refunds, "created_at")
    opened = by_day(disputes, "opened_at")
    lost = by_day((row for row in disputes if row["status"] == "lost"), "closed_at")
    for key in refunded.keys() | opened.keys() | lost.keys():
        yield {
            "booking_date": key[0],
            "merchant_id": key[1],
            "count_refunds": len(refunded.get(key, [])),
            "count_opened": len(opened.get(key, [])),
            "count_reported_fraud": sum(
                row["reason"] == "fraudulent" for row in opened.get(key, [])
            ),
            "count_lost": len(lost.get(key, [])),
            "refunded_amount_eur": rates.sum(refunded.get(key, []), "created_at"),
            "lost_amount_eur": rates.sum(lost.get(key, []), "closed_at"),
        }


@oracle("fct_adjustments")
def fct_adjustments(seen: Seen) -> Rows:
    kinds = (("refunds", "refund", "created_at"), ("disputes", "dispute", "opened_at"))
    for table, kind, moment in kinds:
        for row in seen.rows(table):
            yield {
                "adjustment_id": row[f"{kind}_id"],
                "transaction_id": row["transaction_id"],
                "adjustment_type": kind,
                "currency_code": row["currency"],
                "status": row["status"],
                "reason": row["reason"],
                "amount": row["amount"],
                "adjusted_at": row[moment],
                "updated_at": row["updated_at"],
            }
