"""The dashboard's SQL on a real ClickHouse: known rows in tables of gold's shape, exact answers.

The tables live in a database of their own; the calls are pointed there by name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import clickhouse_connect
import pytest

from dashboard import periods
from dashboard.queries import acceptance, merchants
from dashboard.queries import overview as queries
from dashboard.queries.call import Call
from infra.settings import load_settings

pytestmark = pytest.mark.stack

DATABASE = "dashboard_test"
NOW = datetime(2026, 3, 29, 14, 37, 42, tzinfo=UTC)
HOUR = periods.window_of(periods.RANGES["1h"], NOW)
BIG, SMALL = UUID(int=1), UUID(int=2)
ONE, TWO = UUID(int=11), UUID(int=12)
YESTERDAY, TODAY = date(2026, 3, 28), date(2026, 3, 29)
DAYS = periods.Days(YESTERDAY, TODAY)

TABLES = {
    "live_kpis_by_minute": """
        minute DateTime('UTC'), count_attempted Int64, count_decided Int64,
        count_successful Int64, successful_amount_eur Nullable(Decimal(38, 8)),
        attempted_amount_eur Nullable(Decimal(38, 8)) materialized 2 * successful_amount_eur""",
    "live_merchants_by_minute": """
        minute DateTime('UTC'), merchant_id UUID, merchant_name Nullable(String),
        merchant_category Nullable(String), count_attempted Int64, count_decided Int64,
        count_successful Int64, successful_amount_eur Nullable(Decimal(38, 8)),
        attempted_amount_eur Nullable(Decimal(38, 8)) materialized 2 * successful_amount_eur""",
    "fct_account_activity_by_day": """
        activity_date Date, account_id UUID, status String, count_payments Int64,
        currency_code String materialized 'EUR'""",
    "agg_acceptance_daily": """
        payment_date Date, count_attempted Int64, count_decided Int64, count_submitted Int64,
        count_pending Int64 materialized count_attempted - count_decided,
        pending_amount_eur Nullable(Decimal(38, 8)) materialized decided_amount_eur,
        count_successful Int64, decided_amount_eur Nullable(Decimal(38, 8)),
        submitted_amount_eur Nullable(Decimal(38, 8)),
        successful_amount_eur Nullable(Decimal(38, 8))""",
    "agg_declines_daily": """
        payment_date Date, decline_code String, decline_group String, advice Nullable(String),
        count_declined Int64, declined_amount_eur Nullable(Decimal(38, 8))""",
    "agg_tickets_daily": """
        payment_date Date, ticket_eur Nullable(Float64), count_successful Int64""",
    "agg_merchants_trailing": """
        merchant_id UUID, merchant_name Nullable(String), merchant_category Nullable(String),
        count_attempted Int64, successful_amount_eur Nullable(Decimal(38, 8)),
        volume_share Nullable(Float64), acceptance_rate Nullable(Float64),
        refund_rate Nullable(Float64), dispute_rate Nullable(Float64),
        merchant_country Nullable(String) materialized 'DE'""",
    "agg_merchant_risk": """
        merchant_id UUID, risk_score Float64""",
}

Run = Callable[[Call], list[dict[str, Any]]]
Fill = Callable[[str, list[list[Any]]], None]


def at(hour: int, minute: int) -> datetime:
    return NOW.replace(hour=hour, minute=minute, second=0)


@pytest.fixture(scope="module")
def client(stack: object) -> Iterator[Any]:
    settings = load_settings()
    client = clickhouse_connect.get_client(
        host=settings.clickhouse_host,
        port=settings.clickhouse_port,
        username=settings.clickhouse_user,
        password=settings.clickhouse_password,
        autogenerate_session_id=False,
    )
    client.command(f"drop database if exists {DATABASE}")
    client.command(f"create database {DATABASE}")
    for name, columns in TABLES.items():
        client.command(f"create table {DATABASE}.{name} ({columns}) engine = Memory")
    yield client
    client.command(f"drop database {DATABASE}")
    client.close()


@pytest.fixture
def fill(client: Any) -> Fill:
    for name in TABLES:
        client.command(f"truncate table {DATABASE}.{name}")
    return lambda name, rows: client.insert(name, rows, database=DATABASE) and None


@pytest.fixture
def run(client: Any) -> Run:
    def run_call(call: Call) -> list[dict[str, Any]]:
        here = dataclasses.replace(call, sql=call.sql.replace("gold.", f"{DATABASE}."))
        answer = client.query(here.sql, parameters=dict(here.parameters), tz_mode="aware")
        return list(answer.named_results())

    return run_call


def test_kpis_are_exact_and_leave_the_running_minute_out_of_comparisons(
    fill: Fill, run: Run
) -> None:
    huge = Decimal("12345678901234567890.12345678")
    fill(
        "live_kpis_by_minute",
        [
            [at(13, 37), 100, 100, 100, Decimal(100)],  # a minute before the window
            [at(13, 38), 3, 3, 2, huge],
            [at(14, 36), 4, 2, 1, Decimal("0.00000001")],
            [at(14, 37), 10, 5, 3, Decimal("30.5")],  # the running minute
            [at(14, 38), 100, 100, 100, Decimal(100)],  # a clock that is ahead
        ],
    )
    rows = {row["period"]: row for row in run(queries.kpis(HOUR))}
    assert rows["now"]["count_attempted"] == 17
    assert rows["now"]["success_rate"] == pytest.approx(6 / 10)
    assert rows["complete"]["count_attempted"] == 7
    whole = Decimal("12345678901234567890.12345679")
    assert rows["complete"]["successful_amount_eur"] == whole
    assert rows["complete"]["attempted_amount_eur"] == whole + whole
    assert rows["complete"]["average_ticket_eur"] == Decimal("4115226300411522630.04115226")
    assert str(rows["now"]["successful_amount_eur"]) == "12345678901234567920.62345679"


def test_one_minute_without_a_rate_makes_the_volume_unknown_not_smaller(
    fill: Fill, run: Run
) -> None:
    fill(
        "live_kpis_by_minute",
        [[at(14, 0), 2, 2, 1, Decimal(7)], [at(14, 1), 2, 2, 1, None]],
    )
    row = run(queries.kpis(HOUR))[0]
    assert row["successful_amount_eur"] is None
    assert row["attempted_amount_eur"] is None
    assert row["average_ticket_eur"] is None
    assert row["known_amount_eur"] == 7
    assert row["count_minutes_without_rate"] == 1
    assert row["success_rate"] == 0.5


def test_a_minute_without_success_needs_no_rate(fill: Fill, run: Run) -> None:
    fill("live_kpis_by_minute", [[at(14, 0), 2, 0, 0, None]])
    row = run(queries.kpis(HOUR))[0]
    assert row["successful_amount_eur"] == 0
    assert row["average_ticket_eur"] is None
    assert row["success_rate"] is None


def test_an_empty_window_has_no_row(fill: Fill, run: Run) -> None:
    assert run(queries.kpis(HOUR)) == []


@pytest.mark.parametrize("key", sorted(periods.RANGES))
def test_a_trend_has_every_bucket_and_sums_to_the_kpi(fill: Fill, run: Run, key: str) -> None:
    window = periods.window_of(periods.RANGES[key], NOW)
    minutes = [window.start, window.start + timedelta(minutes=7), window.filling_from]
    fill("live_kpis_by_minute", [[minute, 2, 2, 1, Decimal("1.5")] for minute in minutes])
    rows = run(queries.trend(window))
    assert len(rows) == window.slots
    assert [row["drawn_at"] for row in rows] == [
        window.start + position * window.bucket for position in range(window.slots)
    ]
    assert sum(row["count_attempted"] for row in rows) == 6
    assert sum(row["count_successful"] for row in rows) == 3
    assert sum(row["volume_eur"] for row in rows) == pytest.approx(4.5)
    assert sum(row["attempted_eur"] for row in rows) == pytest.approx(9)
    empty = [row for row in rows if not row["count_attempted"]]
    assert empty
    assert {row["volume_eur"] for row in empty} == {0.0}
    assert {row["success_percent"] for row in empty} == {None}


def test_a_trend_leaves_a_gap_where_a_rate_is_missing(fill: Fill, run: Run) -> None:
    fill("live_kpis_by_minute", [[at(14, 0), 2, 2, 1, None]])
    row = next(row for row in run(queries.trend(HOUR)) if row["drawn_at"] == at(14, 0))
    assert row["volume_eur"] is None
    assert row["success_percent"] == 50


def test_the_comparison_has_the_windows_time_axis(fill: Fill, run: Run) -> None:
    fill("live_kpis_by_minute", [[at(13, 0), 5, 5, 5, Decimal(9)]])
    rows = run(queries.trend_before(HOUR, timedelta(hours=1)))
    assert [row["drawn_at"] for row in rows] == [
        row["drawn_at"] for row in run(queries.trend(HOUR))
    ]
    assert [row["drawn_at"] for row in rows if row["count_attempted"]] == [at(14, 0)]


def test_merchants_are_ranked_by_volume_with_a_point_per_bucket(fill: Fill, run: Run) -> None:
    fill(
        "live_merchants_by_minute",
        [
            [at(13, 38), SMALL, "Small", "books", 9, 9, 9, Decimal("1.10")],
            [at(14, 37), SMALL, "Small", "books", 1, 1, 0, Decimal(0)],
            [at(14, 0), BIG, None, None, 2, 2, 1, Decimal("50.00000001")],
            [at(14, 37), BIG, None, None, 2, 0, 0, Decimal(0)],
            [at(12, 0), BIG, None, None, 99, 99, 99, Decimal(99)],
        ],
    )
    big, small = run(queries.top_merchants(HOUR, 10))
    assert (big["merchant_id"], big["merchant_name"]) == (BIG, None)
    assert big["successful_amount_eur"] == Decimal("50.00000001")
    assert (big["count_attempted"], big["success_percent"]) == (4, 50)
    assert (small["merchant_name"], small["success_percent"]) == ("Small", 90)
    assert len(big["volume_trend"]) == len(small["volume_trend"]) == HOUR.slots
    assert small["volume_trend"][0] == pytest.approx(1.1)
    assert big["volume_trend"][22] == pytest.approx(50.00000001)
    assert sum(small["volume_trend"][1:]) == 0
    assert len(run(queries.top_merchants(HOUR, 1))) == 1


def test_a_merchant_with_a_missing_rate_has_no_volume(fill: Fill, run: Run) -> None:
    fill(
        "live_merchants_by_minute",
        [
            [at(14, 0), BIG, "Big", "air", 2, 2, 1, Decimal(5)],
            [at(14, 1), BIG, "Big", "air", 2, 2, 1, None],
        ],
    )
    (row,) = run(queries.top_merchants(HOUR, 10))
    assert row["successful_amount_eur"] is None
    assert row["count_attempted"] == 4


def test_an_account_is_active_once_and_only_while_its_payments_remain(fill: Fill, run: Run) -> None:
    day, next_day = date(2026, 3, 28), date(2026, 3, 29)
    fill(
        "fct_account_activity_by_day",
        [
            [day, ONE, "success", 2],
            [next_day, ONE, "success", 1],
            [day, TWO, "success", 1],
            [day, TWO, "success", -1],  # deleted: not merged yet
            [day, UUID(int=13), "failed", 4],
            [date(2026, 3, 30), UUID(int=14), "success", 4],
        ],
    )
    call = queries.active_accounts(periods.Days(day, next_day))
    assert run(call) == [{"count_active_accounts": 1}]
    assert run(queries.first_day()) == [{"first_day": day}]


def test_the_first_day_of_nothing_is_null(fill: Fill, run: Run) -> None:
    assert run(queries.first_day()) == [{"first_day": None}]


def test_rates_of_several_days_are_of_their_sums_and_today_is_left_out_of_comparisons(
    fill: Fill, run: Run
) -> None:
    fill(
        "agg_acceptance_daily",
        [
            [date(2026, 3, 27), 99, 99, 99, 99, 99, 99, 99],  # the day before
            [YESTERDAY, 110, 100, 80, 40, 1000, 800, 600],
            [TODAY, 10, 10, 10, 10, 20, 20, 20],
        ],
    )
    rows = {row["period"]: row for row in run(acceptance.acceptance(DAYS))}
    assert rows["now"]["count_attempted"] == 120
    assert rows["now"]["acceptance_rate"] == pytest.approx(50 / 110)
    assert rows["now"]["authorization_rate"] == pytest.approx(50 / 90)
    assert rows["now"]["acceptance_rate_by_value"] == pytest.approx(620 / 1020)
    assert rows["complete"]["acceptance_rate"] == pytest.approx(0.4)
    assert rows["complete"]["authorization_rate_by_value"] == pytest.approx(0.75)


def test_a_day_without_a_rate_makes_rates_by_value_unknown_and_no_others(
    fill: Fill, run: Run
) -> None:
    fill(
        "agg_acceptance_daily",
        [[YESTERDAY, 2, 2, 0, 1, 10, 10, 5], [TODAY, 2, 2, 0, 1, 10, None, None]],
    )
    rows = {row["period"]: row for row in run(acceptance.acceptance(DAYS))}
    assert rows["now"]["acceptance_rate"] == 0.5
    assert rows["now"]["authorization_rate"] is None
    assert rows["now"]["acceptance_rate_by_value"] is None
    assert rows["complete"]["acceptance_rate_by_value"] == 0.5


def test_quantiles_of_several_days_weigh_each_ticket_and_need_all_of_them(
    fill: Fill, run: Run
) -> None:
    fill(
        "agg_tickets_daily",
        [[YESTERDAY, 10.0, 18], [YESTERDAY, 1000.0, 1], [TODAY, 1000.0, 1], [TODAY, None, 1]],
    )
    rows = {row["period"]: row for row in run(acceptance.tickets(DAYS))}
    assert (rows["complete"]["ticket_p50_eur"], rows["complete"]["ticket_p95_eur"]) == (10, 1000)
    assert rows["now"]["ticket_p50_eur"] is None


def test_a_reason_has_its_share_of_declines_and_of_decided_payments(fill: Fill, run: Run) -> None:
    fill(
        "agg_acceptance_daily",
        # the second day has no decline, its payments were decided all the same
        [[YESTERDAY, 10, 10, 10, 6, 0, 0, 0], [TODAY, 30, 30, 30, 30, 0, 0, 0]],
    )
    fill(
        "agg_declines_daily",
        [
            [YESTERDAY, "do_not_honor", "soft", "Call the bank", 3, Decimal("7.5")],
            [YESTERDAY, "new_code", "unknown", None, 1, None],
        ],
    )
    first, second = run(acceptance.declines(DAYS))
    assert (first["decline_code"], first["share_percent"]) == ("do_not_honor", 75)
    assert (first["decline_percent"], first["declined_amount_eur"]) == (7.5, Decimal("7.5"))
    assert (second["decline_group"], second["decline_percent"]) == ("unknown", 2.5)
    assert second["declined_amount_eur"] is None


def test_merchants_are_sorted_searched_and_paged_by_the_server(fill: Fill, run: Run) -> None:
    third = UUID(int=3)
    fill(
        "agg_merchants_trailing",
        [
            [BIG, "Harbour Books", "books", 9, Decimal(75), 0.75, 0.8, 0.1, None],
            [SMALL, "Bookshop", "books", 5, Decimal(25), 0.25, 0.9, 0.2, 0.1],
            [third, None, None, 1, None, None, None, None, None],
        ],
    )
    fill("agg_merchant_risk", [[BIG, 0.1], [SMALL, 0.9], [third, 0.5]])

    def found(*arguments: Any) -> list[UUID]:
        return [row["merchant_id"] for row in run(merchants.merchants(*arguments))]

    assert found("", "successful_amount_eur", False, 1, 15) == [BIG, SMALL, third]
    assert found("", "successful_amount_eur", True, 1, 15) == [SMALL, BIG, third]
    assert found("", "risk_score", False, 1, 15) == [SMALL, third, BIG]
    assert found("BOOK", "dispute_rate", False, 1, 15) == [SMALL, BIG]
    assert found(str(third), "risk_score", False, 1, 15) == [third]
    assert found("nobody", "risk_score", False, 1, 15) == []
    (row,) = run(merchants.merchants("", "count_attempted", False, 99, 2))
    assert (row["merchant_id"], row["page"], row["count_found"]) == (third, 2, 3)
    assert (row["successful_amount_eur"], row["share_percent"]) == (None, None)


def test_one_merchant_has_the_figures_of_its_own_minutes(fill: Fill, run: Run) -> None:
    fill(
        "live_merchants_by_minute",
        [
            [at(14, 0), BIG, "Big", "air", 2, 2, 1, Decimal("50.00000001")],
            [at(14, 37), BIG, "Big", "air", 2, 0, 0, Decimal(0)],
            [at(14, 0), SMALL, "Small", "air", 9, 9, 9, Decimal(9)],
        ],
    )
    rows = {row["period"]: row for row in run(merchants.merchant_kpis(HOUR, BIG))}
    assert (rows["now"]["count_attempted"], rows["complete"]["count_attempted"]) == (4, 2)
    assert rows["now"]["successful_amount_eur"] == Decimal("50.00000001")
    trend = run(merchants.merchant_trend(HOUR, BIG))
    assert len(trend) == HOUR.slots
    assert sum(row["count_attempted"] for row in trend) == 4
