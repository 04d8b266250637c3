"""Merchants in the last 30 days, and their risk."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from tests.python.property.oracles.base import (
    Rows,
    Seen,
    column,
    grouped,
    minute_of,
    oracle,
    ratio,
    seed_rows,
    total_or_none,
    trailing,
)
from tests.python.property.oracles.payments import agg_adjustments_by_payment_day
from tests.python.property.source import Row

DAYS = 30


@oracle("agg_merchants_trailing")
def agg_merchants_trailing(seen: Seen) -> Rows:
    merchants = {row["merchant_id"]: row for row in seen.rows("merchants")}
    first = seen.now.date() - timedelta(days=DAYS - 1)
    days = [row for row in agg_adjustments_by_payment_day(seen) if row["payment_date"] >= first]
    volume_of_all = total_or_none(row["successful_amount_eur"] for row in days)
    for (id,), rows in grouped(days, column("merchant_id")).items():
        merchant = merchants.get(id, {})
        count = {
            name: sum(row[f"count_{name}"] for row in rows)
            for name in ("attempted", "decided", "successful", "refunded", "disputed")
        }
        volume, refunded, lost = (
            total_or_none(row[f"{name}_amount_eur"] for row in rows)
            for name in ("successful", "refunded", "lost")
        )
        yield {
            "merchant_id": id,
            "merchant_name": merchant.get("merchant_name"),
            "merchant_category": merchant.get("merchant_category"),
            "merchant_country": merchant.get("country"),
            "risk_rating": merchant.get("risk_rating"),
            **{f"count_{name}": number for name, number in count.items()},
            "successful_amount_eur": volume,
            "refunded_amount_eur": refunded,
            "lost_amount_eur": lost,
            "acceptance_rate": ratio(count["successful"], count["decided"]),
            "refund_rate": ratio(refunded, volume),
            "dispute_rate": ratio(count["disputed"], count["successful"]),
            "volume_share": ratio(volume, volume_of_all),
        }


@oracle("agg_merchant_concentration")
def agg_merchant_concentration(seen: Seen) -> Rows:
    shares = [
        row["volume_share"] for row in agg_merchants_trailing(seen) if row["count_successful"]
    ]
    known = bool(shares) and None not in shares
    yield {
        "as_of_date": seen.now.date(),
        "count_merchants": len(shares),
        "top_10_share": sum(sorted(shares, reverse=True)[:10]) if known else None,
        "herfindahl_index": sum(share**2 for share in shares) if known else None,
    }


def share(part: int | Decimal | None, whole: int | Decimal | None) -> Fraction | None:
    """An exact share, so that equal ones are equal."""
    if part is None or whole is None or whole <= 0:
        return None
    return Fraction(part) / Fraction(whole)


@oracle("agg_merchant_risk")
def agg_merchant_risk(seen: Seen) -> Rows:
    addresses = {row["ip"]: row for row in seen.rows("ip_geo")}
    homes = {row["account_id"]: row["country"] for row in seen.rows("accounts")}
    payments = grouped(trailing(seen, DAYS), column("merchant_id"))
    merchants = {row["merchant_id"]: row for row in agg_merchants_trailing(seen)}

    def parts_of(merchant: Row) -> dict[str, Fraction | None]:
        rows = payments[merchant["merchant_id"],]
        known = [(row, addresses[row["ip"]]) for row in rows if row["ip"] in addresses]
        abroad = sum(
            address["is_proxy_or_vpn"]
            or homes.get(row["account_id"], address["country"]) != address["country"]
            for row, address in known
        )
        hours = Counter(minute_of(row).replace(minute=0) for row in rows)
        declined = merchant["count_decided"] - merchant["count_successful"]
        rating = merchant["risk_rating"]
        return {
            "dispute_rate": share(merchant["count_disputed"], merchant["count_successful"]),
            "decline_rate": share(declined, merchant["count_decided"]),
            "refund_rate": share(
                merchant["refunded_amount_eur"], merchant["successful_amount_eur"]
            ),
            "geo_share": share(abroad, len(known)),
            "velocity": share(max(hours.values()) * len(hours), len(rows)),
            "risk_rating": None if rating is None else Fraction(rating),
        }

    parts = {id: parts_of(merchant) for id, merchant in merchants.items()}
    weights = {row["component"]: float(row["weight"]) for row in seed_rows("risk_weights")}
    for id, own in parts.items():
        ranks = {}
        for name, value in own.items():
            lower = [other for other in parts.values() if (other[name] or 0) < (value or 0)]
            ranks[name] = len(lower) / (len(parts) - 1) if len(parts) > 1 else 0.0
        yield {
            "merchant_id": id,
            "merchant_name": merchants[id]["merchant_name"],
            **{name: None if value is None else float(value) for name, value in own.items()},
            "risk_rating": merchants[id]["risk_rating"],
            **{f"{name}_rank": rank for name, rank in ranks.items()},
            "risk_score": sum(weights[name] * rank for name, rank in ranks.items()),
        }
