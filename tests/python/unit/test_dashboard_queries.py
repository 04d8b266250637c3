"""Every query reads gold or ops only and takes its values as server-side parameters."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from dashboard import filters, periods
from dashboard.queries import (
    acceptance,
    account,
    accounts,
    adjustments,
    alerts,
    api,
    explore,
    fx,
    merchants,
    narrowed,
    payment,
    pipeline,
    risk,
)
from dashboard.queries import overview as queries
from dashboard.queries.call import Call, wilson

WINDOW = periods.window_of(periods.RANGES["24h"], datetime(2026, 3, 29, 14, 37, 42, tzinfo=UTC))
DAYS = (date(2026, 3, 1), date(2026, 3, 30))
UTC_DAYS = periods.Days(*DAYS)
MERCHANT = UUID(int=7)
ACCOUNT = UUID(int=8)
BURST = {
    "ip": "81.0.0.1') or 1 = 1 --",
    "burst_first_at": datetime(2026, 3, 29, 10, 0, 0, 5, tzinfo=UTC),
    "burst_last_at": datetime(2026, 3, 29, 10, 4, tzinfo=UTC),
}
LATER_BURST = {**BURST, "ip": "81.0.0.2", "burst_last_at": datetime(2026, 3, 29, 11, tzinfo=UTC)}
SELECTION = filters.parse({"merchant": [str(MERCHANT)], "category": ["travel", "food"]})
BY_DAY = periods.window_of(periods.RANGES["30d"], datetime(2026, 3, 29, 14, 37, 42, tzinfo=UTC))
PART = filters.parse({"category": ["travel"], "country": ["DE", "unknown"], "currency": ["USD"]})
CONSTANT = narrowed.Money("constant", date(2026, 3, 29))
ORIGINAL = narrowed.Money("original", date(2026, 3, 29), "USD")
NARROWED = [
    queries.kpis(WINDOW, PART),
    queries.kpis(WINDOW, PART, CONSTANT),
    queries.kpis(WINDOW, PART, ORIGINAL),
    queries.trend(WINDOW, PART, CONSTANT),
    queries.trend_before(WINDOW, timedelta(days=7), PART),
    queries.active_accounts(UTC_DAYS, PART),
    queries.top_merchants(WINDOW, 10, PART, CONSTANT),
    queries.top_merchants(WINDOW, 10, PART, ORIGINAL),
    queries.recent_payments(10, PART),
    api.daily_kpis(*DAYS, PART),
    acceptance.acceptance(UTC_DAYS, PART),
    acceptance.intents(UTC_DAYS, PART),
    acceptance.recovery(UTC_DAYS, PART),
    acceptance.tickets(UTC_DAYS, PART),
    acceptance.rates_by_day(UTC_DAYS, timedelta(days=7), PART),
    acceptance.recovery_by_day(UTC_DAYS, PART),
    acceptance.tickets_by_day(UTC_DAYS, PART),
    acceptance.declines(UTC_DAYS, PART),
    acceptance.hour_of_week(PART),
    merchants.portfolio(UTC_DAYS, PART),
    merchants.largest(UTC_DAYS, 10, PART),
    merchants.riskiest(10, PART),
    merchants.merchants("books", "risk_score", True, 2, 15, PART),
    fx.exposure(PART),
    fx.exposure_totals(PART),
    fx.rates(UTC_DAYS, PART),
    fx.volume(UTC_DAYS, PART),
    fx.pending(PART),
    fx.ageing(PART),
    risk.refunds(UTC_DAYS, PART),
    risk.refunds_by_day(UTC_DAYS, PART),
    risk.disputes(UTC_DAYS, PART),
    risk.disputes_by_day(UTC_DAYS, PART),
    risk.cohorts(UTC_DAYS, PART),
    risk.cohorts_by_day(UTC_DAYS, PART),
    risk.vamp(12, PART),
    risk.vamp_merchants(50, PART),
    risk.outliers(100, PART),
]
CALLS = [
    *NARROWED,
    queries.kpis(WINDOW),
    queries.trend(WINDOW),
    queries.trend_before(WINDOW, timedelta(days=7)),
    queries.active_accounts(UTC_DAYS),
    queries.active_accounts_by_day(*DAYS),
    queries.first_day(),
    queries.top_merchants(WINDOW, 10),
    queries.recent_payments(10),
    queries.freshness(),
    acceptance.acceptance(UTC_DAYS),
    acceptance.intents(UTC_DAYS),
    acceptance.recovery(UTC_DAYS),
    acceptance.tickets(UTC_DAYS),
    acceptance.rates_by_day(UTC_DAYS, timedelta(days=7)),
    acceptance.recovery_by_day(UTC_DAYS),
    acceptance.tickets_by_day(UTC_DAYS),
    acceptance.declines(UTC_DAYS),
    acceptance.hour_of_week(),
    merchants.portfolio(UTC_DAYS),
    merchants.largest(UTC_DAYS, 10),
    merchants.riskiest(10),
    merchants.merchants("books", "risk_score", True, 2, 15),
    merchants.merchant(MERCHANT),
    merchants.merchant_kpis(WINDOW, MERCHANT),
    merchants.merchant_trend(WINDOW, MERCHANT),
    merchants.merchant_trend_before(WINDOW, timedelta(days=7), MERCHANT),
    merchants.status_by_day(UTC_DAYS, MERCHANT),
    merchants.merchant_declines(UTC_DAYS, MERCHANT),
    merchants.risk_parts(MERCHANT),
    api.daily_kpis(*DAYS),
    account.account(ACCOUNT),
    account.status_by_day(UTC_DAYS, ACCOUNT),
    account.flags(ACCOUNT, 20),
    account.scores(ACCOUNT, 20),
    adjustments.of_merchant(MERCHANT, 2, 10),
    adjustments.of_account(ACCOUNT, 2, 10),
    accounts.activity(UTC_DAYS),
    accounts.retention(12),
    fx.exposure(),
    fx.exposure_totals(),
    fx.rates(UTC_DAYS),
    fx.volume(UTC_DAYS),
    fx.pending(),
    fx.ageing(),
    fx.settling(UTC_DAYS),
    fx.revenue(UTC_DAYS),
    fx.revenue_by_day(UTC_DAYS),
    payment.changes(UUID(int=1)),
    payment.adjustments(UUID(int=1)),
    payment.buckets(
        {
            "occurred_at": datetime(2026, 3, 29, 14, 37, 42, tzinfo=UTC),
            "merchant_id": MERCHANT,
            "currency_code": "USD",
            "status": "failed",
            "decline_code": None,
        }
    ),
    risk.now(),
    risk.signals(UTC_DAYS),
    risk.mismatch(UTC_DAYS),
    risk.mismatch_by_day(UTC_DAYS, timedelta(days=7)),
    risk.refunds(UTC_DAYS),
    risk.refunds_by_day(UTC_DAYS),
    risk.disputes(UTC_DAYS),
    risk.disputes_by_day(UTC_DAYS),
    risk.cohorts(UTC_DAYS),
    risk.cohorts_by_day(UTC_DAYS),
    risk.vamp(12),
    risk.vamp_merchants(50),
    risk.velocity(2, 10),
    risk.bursts(UTC_DAYS, 2, 10),
    risk.burst_details([BURST]),
    risk.outliers(100),
    risk.suspects(UTC_DAYS, 2, 10),
    risk.fraud_thresholds(UTC_DAYS),
    risk.fraud_quality(UTC_DAYS),
    risk.trips(UTC_DAYS, 2, 10),
    risk.countries(UTC_DAYS),
    explore.slices(WINDOW, SELECTION, "success_rate"),
    explore.slices(BY_DAY, SELECTION, "success_rate"),
    explore.places(WINDOW, SELECTION, "books", "Newest first", 2, 50),
    explore.places(WINDOW, SELECTION, "books", "Largest amount first", 2, 50),
    explore.payments(WINDOW, SELECTION, "books", "Oldest first", ("1", "2"), 50, 0),
    explore.payments(WINDOW, SELECTION, "books", "Smallest amount first", ("1", "2"), 50, 0),
    explore.values(),
    explore.merchants("books", "Name", 2, 50),
    explore.accounts("DE", "Newest first", 2, 50),
    pipeline.reconciliation(),
    pipeline.differences(10),
    pipeline.reconciled_runs(),
    pipeline.parity(),
    pipeline.capture(),
    pipeline.lags(),
    pipeline.lag_trend(),
    pipeline.cycles(),
    pipeline.slowest_models(10),
    pipeline.failures(10),
    pipeline.servers(),
    pipeline.topics(),
    pipeline.quarantine(10),
    pipeline.messages("transactions", 2, 15),
    alerts.alerts(),
    alerts.firing(),
    alerts.history(10),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_call_names_each_parameter_of_its_sql_and_no_other(call: Call) -> None:
    named = set(re.findall(r"\{(\w+):[^}]+\}", call.sql))
    assert named == {name for name, _ in call.parameters}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_call_reads_gold_and_ops_only(call: Call) -> None:
    steps = set(re.findall(r"^(\w+) as \($", call.sql, re.MULTILINE))
    read = set(re.findall(r"\b(?:from|join)\s+([a-z_][\w.]*)", call.sql))
    assert read - steps
    assert all(name.startswith(("gold.", "ops.")) for name in read - steps)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_call_on_a_live_view_filters_by_minute_or_limits_its_rows(call: Call) -> None:
    if "gold.live_" in call.sql:
        by_time = r"where\s+(minute|payment_hour|payment_date|occurred_at) >= \{from:"
        assert re.search(by_time, call.sql) or "limit {limit:" in call.sql


def test_equal_filters_in_one_minute_make_equal_calls_so_they_share_an_answer() -> None:
    chosen = periods.RANGES["24h"]
    early, late, next_minute = (
        queries.kpis(periods.window_of(chosen, datetime(2026, 3, 29, 14, *rest, tzinfo=UTC)))
        for rest in ((37, 0), (37, 59), (38, 0))
    )
    assert early == late
    assert early != next_minute


def test_moments_are_sent_as_utc_text() -> None:
    parameters = dict(queries.kpis(WINDOW).parameters)
    assert parameters == {
        "from": "2026-03-28 14:45:00",
        "to": "2026-03-29 14:38:00",
        "complete_to": "2026-03-29 14:37:00",
    }


def test_the_comparison_is_moved_onto_the_windows_time_axis() -> None:
    parameters = dict(queries.trend_before(WINDOW, timedelta(days=7)).parameters)
    assert parameters["from"] == "2026-03-21 14:45:00"
    assert parameters["to"] == parameters["fill_to"] == "2026-03-22 14:45:00"
    assert parameters["shift"] == 7 * 86400


def test_days_are_sent_with_the_day_after_the_last_and_moved_as_a_whole() -> None:
    days = periods.Days(date(2026, 3, 28), date(2026, 3, 29))
    assert dict(acceptance.acceptance(days).parameters) == {
        "from": "2026-03-28",
        "to": "2026-03-30",
        "complete_to": "2026-03-29",
    }
    assert dict(acceptance.rates_by_day(days, timedelta(days=7)).parameters) == {
        "from": "2026-03-21",
        "to": "2026-03-23",
        "shift": 7,
    }


@pytest.mark.parametrize(
    ("of_all", "of_one"),
    [
        (queries.kpis(WINDOW), merchants.merchant_kpis(WINDOW, MERCHANT)),
        (queries.trend(WINDOW), merchants.merchant_trend(WINDOW, MERCHANT)),
        (
            queries.trend_before(WINDOW, timedelta(days=7)),
            merchants.merchant_trend_before(WINDOW, timedelta(days=7), MERCHANT),
        ),
    ],
    ids=lambda call: call.name,
)
def test_one_merchant_is_read_as_all_are(of_all: Call, of_one: Call) -> None:
    assert "gold.live_merchants_by_minute" in of_one.sql
    assert "gold.live_kpis_by_minute" not in of_one.sql
    assert of_one.sql.count("merchant_id = {merchant:UUID}") == 1
    assert dict(of_one.parameters) == {**dict(of_all.parameters), "merchant": str(MERCHANT)}


def test_a_search_is_a_value_and_never_part_of_the_sql() -> None:
    hostile = "' or 1 = 1 --"
    call = merchants.merchants(hostile, "count_attempted", False, 1, 15)
    assert hostile not in call.sql
    assert dict(call.parameters)["search"] == hostile
    assert dict(call.parameters)["sign"] == 1


def test_bursts_are_one_parameter_and_their_payments_are_of_their_time() -> None:
    call = risk.burst_details([BURST, LATER_BURST])
    assert "81.0.0" not in call.sql
    parameters = dict(call.parameters)
    assert json.loads(str(parameters["bursts"]))[0] == [
        BURST["ip"],
        "2026-03-29T10:00:00.000005+00:00",
        "2026-03-29T10:04:00+00:00",
    ]
    assert parameters["first_at"] == "2026-03-29T10:00:00.000005+00:00"
    assert parameters["last_at"] == "2026-03-29T11:00:00+00:00"


def test_signals_are_totalled_over_the_range_and_drawn_over_more_days() -> None:
    days = periods.Days(date(2026, 3, 28), date(2026, 3, 29))
    assert dict(risk.signals(days, days.at_least(14)).parameters) == {
        "from": "2026-03-28",
        "to": "2026-03-30",
        "complete_to": "2026-03-29",
        "drawn_from": "2026-03-16",
        "drawn_days": 14,
    }


def test_a_portfolio_is_totalled_over_the_range_and_drawn_over_more_days() -> None:
    days = periods.Days(date(2026, 3, 28), date(2026, 3, 29))
    sent = dict(merchants.portfolio(days, drawn=days.at_least(14)).parameters)
    assert (sent["from"], sent["to"], sent["complete_to"]) == (
        "2026-03-28",
        "2026-03-30",
        "2026-03-29",
    )
    assert sent["drawn_from"] == "2026-03-16"


def test_what_is_explored_is_read_in_the_grain_it_is_drawn_in() -> None:
    by_minute = explore.slices(WINDOW, SELECTION, "success_rate").sql
    by_day = explore.slices(BY_DAY, SELECTION, "success_rate").sql
    assert "gold.live_payments_by_minute" in by_minute
    assert "gold.live_payments_by_day" in by_day
    assert "where payment_date >= {from:" in by_day
    assert "minute >=" not in by_day


def test_filters_and_searches_are_values_and_never_part_of_the_sql() -> None:
    selection = filters.parse({"category": ["travel", "or 1"], "status": ["failed"]})
    call = explore.places(WINDOW, selection, "' or 1 = 1 --", "Newest first", 1, 50)
    plain = explore.places(WINDOW, filters.Selection(), "", "Newest first", 1, 50)
    assert call.sql == plain.sql
    sent = dict(call.parameters)
    assert (sent["category"], sent["search"]) == ("travel\nor 1", "' or 1 = 1 --")
    assert (sent["id_from"], sent["id_to"]) == ("1", "0")


@pytest.mark.parametrize("call", NARROWED, ids=lambda call: call.name)
def test_a_part_is_asked_for_with_values_that_are_no_part_of_the_sql(call: Call) -> None:
    sent = dict(call.parameters)
    chosen = {name: sent[name] for name in ("category", "country", "currency") if name in sent}
    assert chosen
    for name, value in chosen.items():
        assert value == "\n".join(PART.of(name))
        assert f"splitByChar('\\n', {{{name}:String}})" in call.sql
    assert "travel" not in call.sql
    assert "<" + "of_" not in call.sql


def test_everything_is_read_from_the_marts_themselves() -> None:
    assert "gold.live_kpis_by_minute" in queries.kpis(WINDOW).sql
    assert "gold.agg_acceptance_daily" in acceptance.acceptance(UTC_DAYS).sql
    assert "gold.agg_refunds_daily" in risk.refunds(UTC_DAYS).sql
    assert "gold.agg_pending_now" in fx.pending().sql


def test_constant_amounts_are_valued_on_one_day_whatever_is_compared() -> None:
    now = dict(queries.trend(WINDOW, PART, CONSTANT).parameters)
    before = dict(queries.trend_before(WINDOW, timedelta(days=7), PART, CONSTANT).parameters)
    assert now["valuation"] == before["valuation"] == "2026-03-29"
    original = queries.kpis(WINDOW, PART, ORIGINAL).sql
    assert "gold.dim_fx_rates" not in original


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05), (0, 20, 0.0, 16.11), (1, 29, 0.61, 17.18)],
)
def test_the_interval_of_a_share_is_wilsons(part: int, whole: int, low: float, high: float) -> None:
    """The examples of R. G. Newcombe, Two-sided confidence intervals for the single proportion,
    Statistics in Medicine 17 (1998), table I, method 3. SQLite reads this SQL, too."""
    database = sqlite3.connect(":memory:")
    database.create_function("greatest", 2, max)
    database.create_function("sqrt", 1, math.sqrt)

    def ends(part: float, whole: float) -> tuple[float | None, float | None]:
        sql = f"select\n{wilson('share', 'part', 'whole')}\nfrom (select ? as part, ? as whole)"
        found: tuple[float | None, float | None] = database.execute(sql, (part, whole)).fetchone()
        return found

    assert ends(float(part), float(whole)) == pytest.approx((low, high), abs=0.006)
    mirrored = ends(float(whole - part), float(whole))
    assert mirrored == pytest.approx((100 - high, 100 - low), abs=0.006)
    assert ends(0.0, 0.0) == (None, None)


def test_rates_come_with_their_intervals() -> None:
    for call, name in (
        (queries.kpis(WINDOW), "success"),
        (queries.trend(WINDOW), "success"),
        (queries.top_merchants(WINDOW, 10), "success"),
        (acceptance.acceptance(UTC_DAYS), "authorization"),
        (acceptance.intents(UTC_DAYS), "deduplicated"),
        (acceptance.recovery(UTC_DAYS), "recovery"),
        (acceptance.rates_by_day(UTC_DAYS), "acceptance"),
        (acceptance.declines(UTC_DAYS), "decline"),
        (acceptance.hour_of_week(), "acceptance"),
    ):
        assert f"as {name}_low_percent" in call.sql
        assert f"as {name}_high_percent" in call.sql
