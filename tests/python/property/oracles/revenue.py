"""What the payments earn, and the card networks' view of their risk."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from tests.python.property.oracles.base import (
    EXACT,
    Rates,
    Rows,
    Seen,
    column,
    day_of,
    grouped,
    minus,
    oracle,
    ratio,
    seed_rows,
    successful,
    total_or_none,
)
from tests.python.property.oracles.payments import agg_adjustments_by_booking_day
from tests.python.property.source import Row


def _charge(volume: Decimal | None, bps: str, count: int, fixed: str) -> Decimal | None:
    """Basis points of a volume and a fixed part for each of so many; unknown if the volume is."""
    if volume is None:
        return None
    return EXACT.add(EXACT.multiply(volume, Decimal(bps).scaleb(-4)), count * Decimal(fixed))


@oracle("agg_revenue_daily")
def agg_revenue_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    schedule = {row["merchant_category"]: row for row in seed_rows("fee_schedule")}
    categories = {row["merchant_id"]: row["merchant_category"] for row in seen.rows("merchants")}

    def category_of(row: Row) -> str:
        return str(categories.get(row["merchant_id"], ""))

    paid = grouped(successful(seen.rows("transactions")), day_of, category_of)
    adjusted = grouped(agg_adjustments_by_booking_day(seen), column("booking_date"), category_of)
    for key in paid.keys() | adjusted.keys():
        payments, adjustments = paid.get(key, []), adjusted.get(key, [])
        fees = schedule.get(key[1])
        volume = rates.sum(payments)
        refunded = total_or_none(row["refunded_amount_eur"] for row in adjustments)
        lost = total_or_none(row["lost_amount_eur"] for row in adjustments)

        opened = sum(row["count_opened"] for row in adjustments)
        gross = cost = back = disputes = None
        if fees:
            gross = _charge(volume, fees["fee_bps"], len(payments), fees["fee_fixed_eur"])
            cost = _charge(volume, fees["cost_bps"], len(payments), fees["cost_fixed_eur"])
            back = _charge(refunded, fees["fee_bps"], 0, "0")
            disputes = opened * Decimal(fees["dispute_fee_eur"])
        net = minus(gross, cost, back, lost, disputes)
        yield {
            "booking_date": key[0],
            "merchant_category": key[1],
            "count_successful": len(payments),
            "successful_amount_eur": volume,
            "refunded_amount_eur": refunded,
            "lost_amount_eur": lost,
            "net_settled_amount_eur": minus(volume, refunded, lost),
            "gross_fees_eur": gross,
            "scheme_cost_eur": cost,
            "refunded_fees_eur": back,
            "dispute_fees_eur": disputes,
            "net_revenue_eur": net,
            "take_rate": ratio(net, volume),
        }


@oracle("agg_vamp_monthly")
def agg_vamp_monthly(seen: Seen) -> Rows:
    today = seen.now.date()
    settlement = timedelta(days=2)
    names = {row["merchant_id"]: row["merchant_name"] for row in seen.rows("merchants")}
    settled = grouped(
        (row for row in successful(seen.rows("transactions")) if day_of(row) + settlement <= today),
        lambda payment: (day_of(payment) + settlement).replace(day=1),
        column("merchant_id"),
    )
    disputed = grouped(
        (row for row in agg_adjustments_by_booking_day(seen) if row["count_opened"]),
        lambda row: row["booking_date"].replace(day=1),
        column("merchant_id"),
    )
    for key in settled.keys() | disputed.keys():
        disputes = sum(row["count_opened"] for row in disputed.get(key, []))
        fraud = sum(row["count_reported_fraud"] for row in disputed.get(key, []))
        count = len(settled.get(key, []))
        cases = disputes + fraud
        yield {
            "month_start_date": key[0],
            "merchant_id": key[1],
            "merchant_name": names.get(key[1]),
            "count_settled_payments": count,
            "count_disputes": disputes,
            "count_reported_fraud": fraud,
            "count_vamp_cases": cases,
            "vamp_ratio": ratio(cases, count),
            "is_excessive": cases > 1500 and count > 0 and cases / count >= 0.015,
        }
