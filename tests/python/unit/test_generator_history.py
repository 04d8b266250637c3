"""The loaded past: repeatable, plausible, and consistent in itself."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from infra.settings import ROOT
from ingestion.generator.history import history
from ingestion.generator.payments import history_moments
from ingestion.generator.retries import SOFT_DECLINES
from ingestion.generator.settings import GeneratorSettings
from ingestion.generator.world import RATE_BOUND, fx_rates, rate_bounds

NOW = int(datetime(2026, 5, 14, 15, 30, tzinfo=UTC).timestamp() * 1_000_000)
SETTINGS = GeneratorSettings(
    seed=42, accounts=300, merchants=12, ips=80, history_transactions=40_000
)
Table = list[list[str]]


def load(settings: GeneratorSettings, now: int) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for table, rows, count in history(settings, now):
        parsed = [line.split("\t") for line in rows.decode().splitlines()]
        assert len(parsed) == count
        tables.setdefault(table.rpartition(".")[2], []).extend(parsed)
    return tables


def digest(settings: GeneratorSettings, now: int) -> str:
    content = b"".join(rows for _, rows, _ in history(settings, now))
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    return load(SETTINGS, NOW)


def test_same_seed_and_clock_give_the_same_rows() -> None:
    small = SETTINGS.model_copy(update={"history_transactions": 500})
    assert digest(small, NOW) == digest(small, NOW)
    assert digest(small, NOW) != digest(small, NOW + 1)
    assert digest(small, NOW) != digest(small.model_copy(update={"seed": 43}), NOW)


def test_sizes_are_what_was_asked_for(tables: dict[str, Table]) -> None:
    assert len(tables["transactions"]) == 40_000
    assert len(tables["accounts"]) == 300
    assert len(tables["merchants"]) == 12
    assert len(tables["ip_geo"]) == 80
    assert len(tables["fx_rates"]) == 3 * 365
    for table, key in [("transactions", 1), ("accounts", 1), ("ip_geo", 1), ("fx_rates", 2)]:
        assert max(Counter(tuple(row[:key]) for row in tables[table]).values()) == 1


def test_payments_refer_to_known_accounts_that_had_signed_up(tables: dict[str, Table]) -> None:
    signup = {row[0]: row[4] for row in tables["accounts"]}
    assert all(signup[row[1]] <= row[3] for row in tables["transactions"])
    merchants = {row[0] for row in tables["merchants"]}
    assert {row[2] for row in tables["transactions"]} == merchants


def test_amounts_are_positive_with_two_decimals(tables: dict[str, Table]) -> None:
    amounts = [Decimal(row[4]) for row in tables["transactions"]]
    assert {amount.as_tuple().exponent for amount in amounts} == {-2}
    assert min(amounts) > 0


def test_most_payments_succeed_and_only_failed_ones_have_a_code(tables: dict[str, Table]) -> None:
    share = Counter(row[6] for row in tables["transactions"])
    assert 0.84 < share["success"] / 40_000 < 0.93
    assert 0.06 < share["failed"] / 40_000 < 0.14
    assert 0 < share["pending"] / 40_000 < 0.02
    assert all((row[7] != "\\N") == (row[6] == "failed") for row in tables["transactions"])


def test_merchants_decline_differently(tables: dict[str, Table]) -> None:
    paid = Counter(row[2] for row in tables["transactions"])
    failed = Counter(row[2] for row in tables["transactions"] if row[6] == "failed")
    shares = [failed[merchant] / paid[merchant] for merchant in paid]
    assert max(shares) > 2 * min(shares)


def test_refunds_never_exceed_their_successful_payment(tables: dict[str, Table]) -> None:
    payments = {row[0]: row for row in tables["transactions"]}
    assert 300 < len(tables["refunds"]) < 1000
    for refund in tables["refunds"]:
        payment = payments[refund[1]]
        assert payment[6] == "success"
        assert Decimal(0) < Decimal(refund[2]) <= Decimal(payment[4])
        assert refund[3] == payment[5]
        assert refund[6] >= payment[3]


def test_disputes_are_closed_exactly_when_decided(tables: dict[str, Table]) -> None:
    assert len(tables["disputes"]) > 30
    for dispute in tables["disputes"]:
        assert (dispute[7] != "\\N") == (dispute[4] in ("won", "lost"))


def test_history_ends_now_and_begins_a_month_ago(tables: dict[str, Table]) -> None:
    times = [datetime.fromisoformat(row[3]) for row in tables["transactions"]]
    now = datetime.fromtimestamp(NOW / 1_000_000, UTC)
    assert times == sorted(times)
    assert now - timedelta(days=30) <= times[0] < now - timedelta(days=29)
    assert now - timedelta(hours=1) < times[-1] <= now


def test_traffic_follows_hours_and_weekdays() -> None:
    moments = history_moments(np.random.default_rng(1), NOW, days=28, count=200_000)
    hours = Counter((moments // 3_600_000_000 % 24).tolist())
    assert hours[19] > 15 * hours[3]
    assert hours[12] > hours[15]
    weekdays = Counter(((moments // 86_400_000_000 + 3) % 7).tolist())
    assert max(weekdays, key=lambda day: weekdays[day]) == 5  # Saturday
    assert weekdays[5] > 1.4 * weekdays[6] > 0


@pytest.mark.parametrize("seed", [0, 1, 42, 987_654_321])
def test_rates_stay_within_their_bounds_and_euro_is_one(seed: int) -> None:
    rates = fx_rates(seed, date(2020, 1, 1), date(2035, 12, 31))
    assert set(rates["EUR"].tolist()) == {1_000_000}
    for currency in ("USD", "GBP"):
        lowest, highest = rate_bounds(currency)
        assert lowest <= rates[currency].min() < rates[currency].max() <= highest
        # It uses the room it has, and moves in small steps.
        assert rates[currency].max() - rates[currency].min() > (highest - lowest) / 2
        steps = np.abs(np.diff(rates[currency])) / rates[currency][:-1]
        assert 0 < steps.mean() < RATE_BOUND / 20


def test_a_days_rate_does_not_depend_on_the_window() -> None:
    day = date(2026, 5, 14)
    whole = fx_rates(42, date(2026, 1, 1), date(2026, 12, 31))
    alone = fx_rates(42, day, day)
    place = (day - date(2026, 1, 1)).days
    assert {c: int(r[place]) for c, r in whole.items()} == {c: int(r[0]) for c, r in alone.items()}


def test_soft_declines_are_those_of_the_seed() -> None:
    with (ROOT / "seeds" / "decline_codes.csv").open(encoding="utf-8") as file:
        groups = {row["decline_code"]: row["decline_group"] for row in csv.DictReader(file)}
    soft = {code for code, group in groups.items() if group == "soft"}
    assert {code.decode() for code in SOFT_DECLINES} == soft


def test_declined_payments_are_tried_again_within_a_day(tables: dict[str, Table]) -> None:
    soft = {code.decode() for code in SOFT_DECLINES}
    fraud = {row[0] for row in tables["fraud_labels"]}
    attempts: dict[tuple[str, ...], Table] = {}
    for row in tables["transactions"]:
        if row[0] not in fraud:
            attempts.setdefault((row[1], row[2], row[4], row[5]), []).append(row)
    declined = [rows for rows in attempts.values() if rows[0][7] in soft]
    retried = [rows for rows in declined if len(rows) > 1]
    assert 0.35 < len(retried) / len(declined) < 0.45
    recovered = [rows for rows in retried if "success" in {row[6] for row in rows}]
    assert 0.4 < len(recovered) / len(retried) < 0.8
    waits = [
        datetime.fromisoformat(rows[1][3]) - datetime.fromisoformat(rows[0][3]) for rows in retried
    ]
    within = [wait for wait in waits if timedelta(minutes=2) <= wait <= timedelta(hours=20.5)]
    assert len(within) / len(waits) > 0.97  # the others are alike by chance
    # Whoever tries again is the same customer on the same device.
    same = [len({row[9] for row in rows[:2]}) == 1 for rows in retried]
    assert sum(same) / len(same) > 0.98


def test_fraud_is_rare_labelled_and_like_its_pattern(tables: dict[str, Table]) -> None:
    payments = {row[0]: row for row in tables["transactions"]}
    labels = {row[0]: row[1] for row in tables["fraud_labels"]}
    assert 0.002 < len(labels) / 40_000 < 0.006
    assert labels.keys() <= payments.keys()
    found = {
        pattern: [payments[key] for key in labels if labels[key] == pattern]
        for pattern in labels.values()
    }
    assert set(found) == {"card_testing", "account_takeover", "collusion"}
    assert max(Decimal(row[4]) for row in found["card_testing"]) < 10
    declined = [row for row in found["card_testing"] if row[6] == "failed"]
    assert 0.6 < len(declined) / len(found["card_testing"]) < 0.8
    assert min(Decimal(row[4]) for row in found["account_takeover"]) >= 200


def test_only_a_ring_shares_a_device_between_accounts(tables: dict[str, Table]) -> None:
    users: dict[str, set[str]] = {}
    for row in tables["transactions"]:
        users.setdefault(row[9], set()).add(row[1])
    shared = {device for device, accounts in users.items() if len(accounts) >= 3} - {"\\N"}
    labels = {row[0]: row[1] for row in tables["fraud_labels"]}
    patterns = {labels.get(row[0]) for row in tables["transactions"] if row[9] in shared}
    assert patterns == {"card_testing", "collusion"}


def test_victims_of_fraud_dispute_it(tables: dict[str, Table]) -> None:
    labels = {row[0] for row in tables["fraud_labels"]}
    reasons = Counter(row[5] for row in tables["disputes"] if row[1] in labels)
    assert set(reasons) == {"fraudulent"} and reasons["fraudulent"] > 10
