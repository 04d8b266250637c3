"""Addresses and countries, velocity, card testing, outliers, impossible travel."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

from tests.python.property.oracles.base import (
    Rates,
    Rows,
    Seen,
    column,
    day_of,
    decided,
    grouped,
    log_bucket,
    minute_of,
    oracle,
    ratio,
    seed_rows,
    successful,
    total,
    total_or_none,
    trailing,
    value_of_bucket,
)
from tests.python.property.source import Row

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def ip_of(payment: Row) -> str:
    return payment["ip"] or ""


def device_of(payment: Row) -> str:
    return payment["device_id"] or ""


def is_small(payment: Row) -> bool:
    """Kept one by one for its small amount."""
    return bool(payment["amount"] < 15)


def is_large(payment: Row) -> bool:
    """Kept one by one for its large amount."""
    return bool(payment["amount"] >= 750)


@oracle("fct_account_ips_by_day")
def fct_account_ips_by_day(seen: Seen) -> Rows:
    for (day, account, ip, currency, status), payments in grouped(
        seen.rows("transactions"),
        day_of,
        column("account_id"),
        ip_of,
        column("currency"),
        column("status"),
    ).items():
        yield {
            "payment_date": day,
            "account_id": account,
            "ip": ip,
            "currency_code": currency,
            "status": status,
            "count_payments": len(payments),
            "total_amount": total(payment["amount"] for payment in payments),
        }


@oracle("fct_merchant_ips_by_day")
def fct_merchant_ips_by_day(seen: Seen) -> Rows:
    for (day, merchant, account, ip), payments in grouped(
        seen.rows("transactions"),
        day_of,
        column("merchant_id"),
        column("account_id"),
        ip_of,
    ).items():
        yield {
            "payment_date": day,
            "merchant_id": merchant,
            "account_id": account,
            "ip": ip,
            "count_payments": len(payments),
        }


@oracle("agg_geo_daily")
def agg_geo_daily(seen: Seen) -> Rows:
    addresses = {row["ip"]: row for row in seen.rows("ip_geo")}
    accounts = {row["account_id"]: row for row in seen.rows("accounts")}
    for (day, home, country, is_proxied), payments in grouped(
        seen.rows("transactions"),
        day_of,
        lambda payment: accounts.get(payment["account_id"], {}).get("country", ""),
        lambda payment: addresses.get(payment["ip"], {}).get("country", ""),
        lambda payment: addresses.get(payment["ip"], {}).get("is_proxy_or_vpn", False),
    ).items():
        yield {
            "payment_date": day,
            "account_country": home,
            "ip_country": country,
            "is_proxy_or_vpn": is_proxied,
            "count_attempted": len(payments),
            "count_successful": len(successful(payments)),
        }


@oracle("agg_geo_mismatch_daily")
def agg_geo_mismatch_daily(seen: Seen) -> Rows:
    for (day,), groups in grouped(agg_geo_daily(seen), column("payment_date")).items():

        def count(where: Callable[[Row], bool], groups: list[Row] = groups) -> int:
            return sum(group["count_attempted"] for group in groups if where(group))

        both = count(lambda group: bool(group["account_country"] and group["ip_country"]))
        mismatched = count(
            lambda group: bool(
                group["account_country"]
                and group["ip_country"]
                and group["account_country"] != group["ip_country"]
            )
        )
        known = count(lambda group: bool(group["ip_country"]))
        proxied = count(lambda group: bool(group["is_proxy_or_vpn"]))
        yield {
            "payment_date": day,
            "count_attempted": count(lambda group: True),
            "count_both_known": both,
            "count_mismatched": mismatched,
            "count_ip_known": known,
            "count_proxied": proxied,
            "geo_mismatch_rate": ratio(mismatched, both),
            "proxy_share": ratio(proxied, known),
        }


@oracle("fct_attempts_by_minute")
def fct_attempts_by_minute(seen: Seen) -> Rows:
    for (minute, account, ip, device), payments in grouped(
        seen.rows("transactions"), minute_of, column("account_id"), ip_of, device_of
    ).items():
        yield {
            "minute": minute,
            "account_id": account,
            "ip": ip,
            "device_id": device,
            "count_payments": len(payments),
        }


@oracle("fct_sessions_by_day")
def fct_sessions_by_day(seen: Seen) -> Rows:
    for (day, account, ip, device), payments in grouped(
        seen.rows("transactions"), day_of, column("account_id"), ip_of, device_of
    ).items():
        yield {
            "payment_date": day,
            "account_id": account,
            "ip": ip,
            "device_id": device,
            "count_payments": len(payments),
            "count_decided": len(decided(payments)),
            "count_declined": sum(row["status"] == "failed" for row in payments),
            "count_small": sum(row["amount"] < 10 for row in payments),
            "count_large": sum(row["amount"] >= 200 for row in payments),
            "count_round": sum(row["amount"] > 0 and row["amount"] % 50 == 0 for row in payments),
        }


@oracle("agg_fraud_scores")
def agg_fraud_scores(seen: Seen) -> Rows:
    rules = {row["rule"]: row for row in seed_rows("fraud_rules")}
    countries = {row["account_id"]: row["country"] for row in seen.rows("accounts")}
    addresses = {row["ip"]: row for row in seen.rows("ip_geo")}
    today = seen.now.date()
    looked_at = [
        row
        for row in seen.rows("transactions")
        if today - timedelta(days=13) <= day_of(row) <= today
    ]

    def carrier(row: Row) -> Any:
        """The device; of an unknown one only what the account did is known."""
        return device_of(row) or row["account_id"]

    by_account = grouped(looked_at, column("account_id"))
    by_carrier = grouped(looked_at, day_of, carrier)
    for (day, account, ip, device), payments in grouped(
        looked_at, day_of, column("account_id"), ip_of, device_of
    ).items():
        if day < today - timedelta(days=6):
            continue
        earlier = [row for row in by_account[(account,)] if day_of(row) < day]
        there = by_carrier[day, device or account]
        address = addresses.get(ip, {})
        home, country = countries.get(account, ""), address.get("country", "")
        accounts = {row["account_id"] for row in there}

        def half(kind: Callable[[Row], bool], of: list[Row]) -> int:
            count = sum(kind(row) for row in of)
            return count if 2 * count >= len(of) else 0

        counted = {
            "shared_device": len(accounts),
            "new_device": device != ""
            and bool(earlier)
            and all(device_of(row) != device for row in earlier),
            "other_country": bool(home and country and home != country),
            "proxy": address.get("is_proxy_or_vpn", False),
            "declines": half(lambda row: row["status"] == "failed", decided(there)),
            "small_amounts": half(lambda row: row["amount"] < 10, there),
            "large_amounts": half(lambda row: row["amount"] >= 200, there),
            "round_amounts": half(lambda row: row["amount"] > 0 and row["amount"] % 50 == 0, there),
        }
        assert counted.keys() == rules.keys()
        points = {
            f"{name}_points": int(rules[name]["points"])
            if count >= int(rules[name]["at_least"])
            else 0
            for name, count in counted.items()
        }
        yield {
            "payment_date": day,
            "account_id": account,
            "ip": ip,
            "device_id": device,
            "account_country": home,
            "ip_country": country,
            "count_attempted": len(payments),
            "count_decided": len(decided(payments)),
            "count_declined": sum(row["status"] == "failed" for row in payments),
            "count_device_accounts": len(accounts),
            **points,
            "fraud_score": sum(points.values()),
            "is_suspicious": sum(points.values()) >= 40,
        }


@oracle("fct_watched_payments")
def fct_watched_payments(seen: Seen) -> Rows:
    for payment in seen.rows("transactions"):
        if is_small(payment) or is_large(payment):
            yield {
                "occurred_at": payment["occurred_at"],
                "transaction_id": payment["transaction_id"],
                "account_id": payment["account_id"],
                "merchant_id": payment["merchant_id"],
                "ip": ip_of(payment),
                "device_id": device_of(payment),
                "currency_code": payment["currency"],
                "status": payment["status"],
                "amount": payment["amount"],
                "count_payments": 1,
            }


@oracle("fct_account_amounts_by_day")
def fct_account_amounts_by_day(seen: Seen) -> Rows:
    for (account, day, currency, bucket), payments in grouped(
        seen.rows("transactions"),
        column("account_id"),
        day_of,
        column("currency"),
        lambda payment: log_bucket(payment["amount"]),
    ).items():
        yield {
            "account_id": account,
            "payment_date": day,
            "currency_code": currency,
            "amount_bucket": bucket,
            "count_payments": len(payments),
        }


@oracle("agg_velocity_now")
def agg_velocity_now(seen: Seen) -> Rows:
    now = seen.now
    payments = seen.rows("transactions")
    minutes = {minute_of(payment) for payment in payments}
    as_of = max((minute for minute in minutes if now - DAY < minute <= now), default=None)
    if as_of is None:
        return

    def within(payments: Iterable[Row], length: timedelta) -> list[Row]:
        return [row for row in payments if as_of - length <= minute_of(row) < as_of]

    for kind, entity_of in (("account", "account_id"), ("device", "device_id"), ("ip", "ip")):
        for (entity,), attempts in grouped(within(payments, DAY), column(entity_of)).items():
            if entity is None or entity == "":
                continue
            accounts = {row["account_id"] for row in within(attempts, HOUR)}
            devices = {device_of(row) for row in attempts} - {""}
            yield {
                "entity_type": kind,
                "entity_id": str(entity),
                "as_of_minute": as_of,
                "count_attempted_1m": len(within(attempts, MINUTE)),
                "count_attempted_10m": len(within(attempts, 10 * MINUTE)),
                "count_attempted_24h": len(attempts),
                "count_accounts_1h": len(accounts) if kind == "ip" else None,
                "count_devices_24h": len(devices) if kind == "account" else None,
            }


def bursts_of(attempts: list[Row]) -> Iterable[list[Row]]:
    """The bursts among small attempts from one address, of whatever days."""
    attempts = sorted(attempts, key=column("occurred_at"))
    covered: set[int] = set()
    for attempt in attempts:
        until = attempt["occurred_at"]
        window = [
            number
            for number, other in enumerate(attempts)
            if until - 10 * MINUTE <= other["occurred_at"] <= until
        ]
        accounts = {attempts[number]["account_id"] for number in window}
        if len(window) >= 5 and len(accounts) >= 3:
            covered.update(window)
    burst: list[Row] = []
    for number in sorted(covered):
        moment = attempts[number]["occurred_at"]
        if burst:
            latest = datetime.combine(day_of(burst[0]) + DAY, time(1), UTC)
            if moment - burst[-1]["occurred_at"] > 10 * MINUTE or moment >= latest:
                yield burst
                burst = []
        burst.append(attempts[number])
    if burst:
        yield burst


@oracle("agg_card_testing_bursts")
def agg_card_testing_bursts(seen: Seen) -> Rows:
    rates = Rates(seen)
    addresses = {row["ip"]: row for row in seen.rows("ip_geo")}

    def is_cheap(payment: Row) -> bool:
        eur = rates.eur(payment["amount"], payment["currency"], day_of(payment))
        return is_small(payment) and eur is not None and eur < 10

    cheap = [row for row in seen.rows("transactions") if ip_of(row) and is_cheap(row)]
    for (ip,), attempts in grouped(cheap, column("ip")).items():
        address = addresses.get(ip, {})
        for burst in bursts_of(attempts):
            declined = [row for row in burst if row["status"] == "failed"]
            yield {
                "payment_date": day_of(burst[0]),
                "ip": ip,
                "ip_country": address.get("country", ""),
                "is_proxy_or_vpn": address.get("is_proxy_or_vpn", False),
                "burst_first_at": min(row["occurred_at"] for row in burst),
                "burst_last_at": max(row["occurred_at"] for row in burst),
                "count_attempted": len(burst),
                "count_decided": len(decided(burst)),
                "count_declined": len(declined),
                "count_accounts": len({row["account_id"] for row in burst}),
                "count_merchants": len({row["merchant_id"] for row in burst}),
                "attempted_amount_eur": rates.sum(burst),
                "declined_share": ratio(len(declined), len(decided(burst))),
            }


@oracle("agg_impossible_travel")
def agg_impossible_travel(seen: Seen) -> Rows:
    countries = {row["ip"]: row["country"] for row in seen.rows("ip_geo")}
    located = [row for row in seen.rows("transactions") if row["ip"] in countries]
    for (account,), payments in grouped(located, column("account_id")).items():
        places = sorted({(minute_of(row), countries[row["ip"]]) for row in payments})
        for (number, start), (later, end) in combinations(enumerate(places), 2):
            (departed, left), (arrived, entered) = start, end
            between = {country for _, country in places[number + 1 : later]}
            if left != entered and arrived - departed <= HOUR and not between & {left, entered}:
                yield {
                    "payment_date": arrived.date(),
                    "account_id": account,
                    "from_country": left,
                    "to_country": entered,
                    "departed_at": departed,
                    "arrived_at": arrived,
                    "elapsed_minutes": (arrived - departed) // MINUTE,
                }


def lower_median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]


@oracle("agg_amount_outliers")
def agg_amount_outliers(seen: Seen) -> Rows:
    now = seen.now
    rates = Rates(seen)
    before = [row for row in trailing(seen, 31) if day_of(row) < now.date()]
    months = grouped(before, column("account_id"), column("currency"))
    for row in seen.rows("transactions"):
        if not is_large(row) or not now - DAY < row["occurred_at"] <= now:
            continue
        usual = [
            value_of_bucket(log_bucket(other["amount"]))
            for other in months[row["account_id"], row["currency"]]
        ]
        if len(usual) < 10:
            continue
        median = lower_median(usual)
        mad = lower_median(abs(amount - median) for amount in usual)
        score = ratio(abs(Decimal(row["amount"]) - Decimal(median)), Decimal(mad))
        if score is not None and score > 6:
            yield {
                "transaction_id": row["transaction_id"],
                "account_id": row["account_id"],
                "merchant_id": row["merchant_id"],
                "ip": ip_of(row),
                "device_id": device_of(row),
                "currency_code": row["currency"],
                "status": row["status"],
                "occurred_at": row["occurred_at"],
                "amount": row["amount"],
                "amount_eur": rates.eur(row["amount"], row["currency"], day_of(row)),
                "count_usual": len(usual),
                "median_amount": median,
                "mad_amount": mad,
                "outlier_score": score,
            }


@oracle("agg_velocity_flags")
def agg_velocity_flags(seen: Seen) -> Rows:
    limits = {(row["entity_type"], row["measure"]): row for row in seed_rows("velocity_limits")}
    entities = list(agg_velocity_now(seen))
    for (kind, measure), row in limits.items():
        active = [one for one in entities if one["entity_type"] == kind and one[measure]]
        if not active:
            continue
        usual = lower_median(one[measure] for one in active)
        limit = max(int(row["minimum"]), int(row["times_median"]) * int(usual))
        for one in active:
            if one[measure] > limit:
                yield {
                    "entity_type": kind,
                    "entity_id": one["entity_id"],
                    "measure": measure,
                    "as_of_minute": one["as_of_minute"],
                    "count_measured": one[measure],
                    "count_limit": limit,
                    "times_limit": one[measure] / limit,
                    "count_attempted_1m": one["count_attempted_1m"],
                    "count_attempted_10m": one["count_attempted_10m"],
                    "count_attempted_24h": one["count_attempted_24h"],
                }


@oracle("agg_risk_now")
def agg_risk_now(seen: Seen) -> Rows:
    now, rates = seen.now, Rates(seen)
    bursts = [
        burst
        for burst in agg_card_testing_bursts(seen)
        if now - DAY < burst["burst_last_at"] <= now
    ]
    outliers = list(agg_amount_outliers(seen))
    flagged = total_or_none(
        [burst["attempted_amount_eur"] for burst in bursts]
        + [outlier["amount_eur"] for outlier in outliers]
    )
    attempted = rates.sum(
        row for row in seen.rows("transactions") if now - DAY < minute_of(row) <= now
    )
    yield {
        "as_of": now,
        "count_flagged_entities": len(
            {(flag["entity_type"], flag["entity_id"]) for flag in agg_velocity_flags(seen)}
        ),
        "count_burst_attempts": sum(burst["count_attempted"] for burst in bursts),
        "count_outliers": len(outliers),
        "flagged_amount_eur": flagged,
        "attempted_amount_eur": attempted,
        "flagged_volume_share": ratio(flagged, attempted),
    }


@oracle("agg_risk_signals_daily")
def agg_risk_signals_daily(seen: Seen) -> Rows:
    bursts = grouped(agg_card_testing_bursts(seen), column("payment_date"))
    trips = grouped(agg_impossible_travel(seen), column("payment_date"))
    for (day,) in bursts.keys() | trips.keys():
        travellers = {row["account_id"] for row in trips.get((day,), [])}
        yield {
            "payment_date": day,
            "count_bursts": len(bursts.get((day,), [])),
            "count_burst_attempts": sum(b["count_attempted"] for b in bursts.get((day,), [])),
            "count_trips": len(trips.get((day,), [])),
            "count_travellers": len(travellers),
        }
