"""Volume by currency, and what exchange rates do to it."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from statistics import stdev

from tests.python.property.oracles.base import (
    Rates,
    Rows,
    Seen,
    column,
    day_of,
    grouped,
    minus,
    oracle,
    successful,
    total,
)
from tests.python.property.oracles.core import days_between, first_day

SETTLEMENT_DAYS = 2


@oracle("agg_volume_by_currency_daily")
def agg_volume_by_currency_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    for (day, currency), payments in grouped(
        seen.rows("transactions"), day_of, column("currency")
    ).items():
        paid = successful(payments)
        yield {
            "payment_date": day,
            "currency_code": currency,
            "count_attempted": len(payments),
            "count_successful": len(paid),
            "attempted_amount": total(payment["amount"] for payment in payments),
            "successful_amount": total(payment["amount"] for payment in paid),
            "attempted_amount_eur": rates.sum(payments),
            "successful_amount_eur": rates.sum(paid),
        }


# Each day is compared with each other day: the first days of quarters stand for all.
@oracle(
    "agg_volume_at_constant_rates_daily", where="valuation_date = toStartOfQuarter(valuation_date)"
)
def agg_volume_at_constant_rates_daily(seen: Seen) -> Rows:
    rates = Rates(seen)
    volumes = list(agg_volume_by_currency_daily(seen))
    for valuation in days_between(first_day(seen), seen.now.date()):
        if valuation.day != 1 or valuation.month % 3 != 1:
            continue
        for volume in volumes:
            currency = volume["currency_code"]
            constant = rates.eur(volume["successful_amount"], currency, valuation)
            yield {
                "valuation_date": valuation,
                "payment_date": volume["payment_date"],
                "currency_code": currency,
                "successful_amount": volume["successful_amount"],
                "attempted_amount_constant_eur": rates.eur(
                    volume["attempted_amount"], currency, valuation
                ),
                "successful_amount_constant_eur": constant,
                "successful_amount_eur": volume["successful_amount_eur"],
                "fx_effect_eur": minus(volume["successful_amount_eur"], constant),
            }


@oracle("agg_fx_exposure")
def agg_fx_exposure(seen: Seen) -> Rows:
    rates = Rates(seen)
    today = seen.now.date()
    unsettled = grouped(
        (
            payment
            for payment in successful(seen.rows("transactions"))
            if day_of(payment) + timedelta(days=SETTLEMENT_DAYS) > today
        ),
        column("currency"),
    )
    known = {currency for currency, day, _ in rates.items() if day <= today}
    for currency in (known | {key for (key,) in unsettled}) - {"EUR"}:
        payments = unsettled.get((currency,), [])
        amount = total(payment["amount"] for payment in payments)
        booked = rates.sum(payments)
        exposure = rates.eur(amount, currency, today)
        changes = [
            float(rate) / float(before) - 1
            for (_, before), (day, rate) in pairwise(rates.of(currency))
            if today - timedelta(days=30) < day <= today
        ]
        volatility = stdev(changes) if len(changes) > 1 else None
        value_at_risk = None
        if volatility is not None and exposure is not None:
            value_at_risk = 1.65 * volatility * abs(float(exposure))
        yield {
            "currency_code": currency,
            "latest_rate_to_eur": rates.on(currency, today),
            "latest_rate_date": rates.known_on(currency, today),
            "count_open": len(payments),
            "open_amount": amount,
            "booked_amount_eur": booked,
            "exposure_eur": exposure,
            "revaluation_eur": minus(exposure, booked),
            "volatility_30d": volatility,
            "value_at_risk_eur": value_at_risk,
        }
