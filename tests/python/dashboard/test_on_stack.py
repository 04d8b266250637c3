"""Pages on the real stack: what they show is what SQL says, and they may read gold only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
import requests
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import cards, definitions, filters, formats, periods, server, workbench
from dashboard.connection import ClickHouseConnection, Row
from dashboard.queries import acceptance, accounts, explore, fx, merchants, payment, pipeline, risk
from dashboard.queries import overview as queries
from dashboard.queries.call import Call
from infra.docs.site import SITE
from infra.errors import FinhouseError
from infra.settings import ROOT, Settings
from infra.transform import trace
from infra.transform.arrival import wait_for_logs
from ingestion import connector, kafka
from tests.python.dashboard.pages import OpenPage
from tests.python.stack.world import World, eventually, finhouse

pytestmark = pytest.mark.stack


@pytest.fixture
def connection(stack: object) -> ClickHouseConnection:
    st.cache_data.clear()
    return ClickHouseConnection("clickhouse")


@pytest.mark.parametrize("key", sorted(periods.RANGES))
def test_every_range_renders_and_shows_the_numbers_of_its_query(
    connection: ClickHouseConnection, key: str, open_page: OpenPage
) -> None:
    def attempted() -> int:
        window = periods.window_of(periods.RANGES[key], datetime.now(UTC))
        rows = connection.run(queries.kpis(window)).rows
        return next((row["count_attempted"] for row in rows if row["period"] == "now"), 0)

    before = attempted()
    app = open_page(range=key)
    after = attempted()
    assert not app.exception
    assert not app.error
    assert len(app.metric) == 6
    label = definitions.load().metric("count_attempted").label
    shown = next(metric.value for metric in app.metric if metric.label == label)
    # traffic may run, and the window moves on with the minute
    low, high = sorted((before, after))
    assert low <= int(shown.replace(",", "")) <= high


@pytest.fixture
def dear_francs(world: World) -> Iterator[None]:
    """CHF is worth more each day of 30; every fifth day has a payment of 100, gone afterwards."""
    today = datetime.now(UTC).date()
    for days in range(30):
        world.write(
            "insert into finance.fx_rates values (%s, 'CHF', %s)",
            today - timedelta(days=days),
            Decimal(2) - Decimal(days) / 100,
        )
    ids = [
        world.pay("100.00", at=f"{today - timedelta(days=days)} 12:00:00+00", currency="CHF")
        for days in (1, 6, 11, 16, 21)
    ]
    world.settle()
    yield
    world.write("delete from finance.transactions where transaction_id = any(%s)", ids)
    world.write("delete from finance.fx_rates where currency = 'CHF'")
    world.settle()


@pytest.mark.usefixtures("dear_francs")
def test_weeks_begin_on_monday_and_add_up(connection: ClickHouseConnection) -> None:
    week = periods.WEEK
    month = filters.fitted(periods.RANGES["30d"], week)
    window = filters.window_of(month, None, week, datetime.now(UTC))
    weeks = connection.run(queries.trend(window)).rows
    mondays = [window.start + number * week for number in range(window.slots)]
    assert [row["drawn_at"] for row in weeks] == mondays
    assert {monday.weekday() for monday in mondays} == {0}

    def slices(window: periods.Window) -> Sequence[Row]:
        return connection.run(explore.slices(window, filters.Selection(), "count_attempted")).rows

    sliced = slices(window)
    cut = {row["value"]: row["count_attempted"] for row in sliced if row["dimension"] == "trend"}
    assert cut == {
        f"{row['drawn_at']:%Y-%m-%d %H:%M:%S}": row["count_attempted"]
        for row in weeks
        if row["count_attempted"]
    }
    # Amounts are valued at the rates of their days, whatever they are cut into.
    by_day = slices(replace(window, bucket=periods.DAY))
    (total,), (same,) = (
        [row for row in rows if row["dimension"] == "now"] for rows in (sliced, by_day)
    )
    assert total == same
    assert sum(cut.values()) == total["count_attempted"] > 0


def test_an_answer_tells_what_it_cost(connection: ClickHouseConnection) -> None:
    answer = connection.run(queries.freshness())
    assert answer.query_id
    assert answer.elapsed_ms > 0
    assert answer.rows_read > 0
    assert formats.size(answer.bytes_read)


@pytest.mark.parametrize(
    "sql",
    [
        "select count() from bronze.bronze_transactions",
        "select * from url('http://127.0.0.1:1/', 'LineAsString')",
        "select * from file('/etc/passwd', 'LineAsString')",
        "create table gold.x (a Int8) engine = Memory",
        "insert into gold.dim_merchants select * from gold.dim_merchants",
        "drop view gold.live_kpis_by_minute",
    ],
)
def test_the_dashboards_user_reads_gold_and_nothing_else(
    connection: ClickHouseConnection, sql: str
) -> None:
    with pytest.raises(FinhouseError) as refused:
        connection.run(Call("hostile", sql))
    assert refused.value.fix


def test_recent_payments_with_and_without_a_reason_are_shown(
    world: World, connection: ClickHouseConnection, open_page: OpenPage
) -> None:
    now = datetime.now(UTC).isoformat()
    world.pay("1.23", at=now)
    world.pay("4.56", at=now, status="failed", decline_code="expired_card")
    world.settle()
    app = open_page(range="1h")
    assert not app.exception
    assert not app.error
    shown = app.dataframe[-1].value
    assert "expired card" in set(shown["reason"])
    assert "" in set(shown["reason"])


def test_acceptance_shows_the_rate_of_its_days(
    world: World, connection: ClickHouseConnection, open_page: OpenPage
) -> None:
    now = datetime.now(UTC)
    world.pay("1.23", at=now.isoformat())
    world.pay("4.56", at=now.isoformat(), status="failed", decline_code="expired_card")
    world.settle()
    days = periods.days_of(periods.RANGES["30d"], now)

    def accepted() -> str:
        rows = connection.run(acceptance.acceptance(days)).rows
        return cards.show(cards.totals(rows, "now")["acceptance_rate"], "percent")

    (row,) = world.ask(
        "select sumIf(count_payments, status = 'success')"
        " / sumIf(count_payments, status != 'pending') from gold.fct_payments_by_day"
        " where payment_date >= {first:Date} and payment_date <= {today:Date}",
        first=days.first,
        today=days.last,
    )
    before = accepted()
    app = open_page(range="30d").switch_page("app_pages/acceptance.py").run()
    assert not app.exception
    assert not app.error
    label = definitions.of("agg_acceptance_daily").metric("acceptance_rate").label
    shown = next(metric.value for metric in app.metric if metric.label == label)
    # traffic may run
    assert shown in (before, accepted())
    assert float(before.removesuffix(" %")) == pytest.approx(100 * row[0], abs=0.05)
    assert "Expired card" in set(app.dataframe[0].value["reason"])


def test_a_merchant_is_found_by_its_id_and_shown_with_its_own_payments(
    world: World, connection: ClickHouseConnection, open_page: OpenPage
) -> None:
    merchant_id = uuid4()
    now = datetime.now(UTC)
    for amount, status in (("100.25", "success"), ("0.01", "success"), ("7.00", "failed")):
        world.pay(amount, at=now.isoformat(), merchant=merchant_id, status=status)
    world.settle()
    (row,) = connection.run(merchants.merchants(str(merchant_id), "risk_score", True, 9, 15)).rows
    assert (row["count_attempted"], row["count_found"], row["page"]) == (3, 1, 1)
    parts = connection.run(merchants.risk_parts(merchant_id)).rows
    assert sum(part["points"] for part in parts) == pytest.approx(parts[0]["risk_score"])
    page = open_page(range="24h", merchant=str(merchant_id), search=str(merchant_id))
    app = page.switch_page("app_pages/merchants.py").run()
    assert not app.exception
    assert not app.error
    known = definitions.load()
    volume = [
        metric.value
        for metric in app.metric
        if metric.label == known.metric("successful_amount_eur").label
    ]
    assert volume[-1] == "€ 100.26"
    assert app.dataframe[0].value["attempts"].tolist() == [3]


def test_risk_shows_a_burst_of_card_testing_with_its_last_payment(
    world: World, connection: ClickHouseConnection, open_page: OpenPage
) -> None:
    now = datetime.now(UTC)
    merchant_id, ip = uuid4(), f"2001:db8::f{uuid4().hex[:3]}"
    # five attempts in one slot of five minutes, by three accounts; yesterday, so no slot is ahead
    at = (now - timedelta(days=1)).replace(minute=2, second=0, microsecond=0)
    accounts_of_ring = [uuid4(), uuid4(), uuid4()]
    for number in range(5):
        last = world.pay(
            "1.11",
            at=(at + timedelta(seconds=number)).isoformat(),
            merchant=merchant_id,
            account=accounts_of_ring[number % 3],
            ip=ip,
            status="failed",
            decline_code="do_not_honor",
        )
    world.settle()
    days = periods.days_of(periods.RANGES["24h"], now)
    counted: list[object] = []
    deadline = time.monotonic() + 60
    # of a fact that holds some payments only nobody can tell whether it has all
    while counted != [(5, 3, Decimal("5.55"))] and time.monotonic() < deadline:
        time.sleep(1)
        counted = list(
            world.ask(
                "select count_attempted, count_accounts, attempted_amount_eur"
                " from gold.agg_card_testing_bursts"
                " where payment_date = {day:Date} and ip = {ip:String}",
                day=at.date(),
                ip=ip,
            )
        )
    assert counted == [(5, 3, Decimal("5.55"))]
    found: list[Row] = []
    page = 1
    while not found:
        rows = connection.run(risk.bursts(days, page, 10)).rows
        assert rows
        assert rows[0]["page"] == page
        found = [row for row in rows if row["ip"] == ip]
        page += 1
    (detail,) = connection.run(risk.burst_details(found)).rows
    assert (detail["merchant_id"], str(detail["transaction_id"])) == (merchant_id, str(last))
    app = open_page(range="24h", bursts_page=str(page - 1)).switch_page("app_pages/risk.py").run()
    assert not app.exception
    assert not app.error
    known = definitions.of("agg_risk_signals_daily")
    shown = {metric.label: metric.value for metric in app.metric}
    total = connection.run(risk.signals(days)).rows[-1]["total_burst_attempts"]
    # traffic may run
    label = known.metric("count_burst_attempts").label
    assert 5 <= int(shown[label].replace(",", "")) <= total
    (matrix,) = world.ask(
        "select sum(count_attempted) from gold.agg_geo_daily where payment_date = {day:Date}",
        day=at.date(),
    )
    yesterday = periods.Days(at.date(), at.date())
    pairs = connection.run(risk.countries(yesterday)).rows
    assert sum(row["count_attempted"] for row in pairs) == matrix[0]


def test_explore_finds_exactly_the_payments_that_pass_its_filters(
    world: World, connection: ClickHouseConnection, open_page: OpenPage
) -> None:
    merchant_id = uuid4()
    now = datetime.now(UTC)
    for amount, status in (("100.25", "success"), ("0.01", "success"), ("7.00", "failed")):
        world.pay(amount, at=now.isoformat(), merchant=merchant_id, status=status)
    world.settle()
    page = open_page(range="24h", merchant=str(merchant_id), status="success")
    app = page.switch_page("app_pages/explore.py").run()
    assert not app.exception
    assert not app.error
    known = definitions.load()
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown[known.metric("successful_amount_eur").label] == "€ 100.26"
    assert shown[known.metric("count_attempted").label] == "2"
    assert sorted(app.dataframe[0].value["eur"]) == ["€ 0.01", "€ 100.25"]
    everything = filters.parse({"merchant": [str(merchant_id)]})
    for key in sorted(periods.RANGES):
        window = filters.window_of(periods.RANGES[key], None, None, datetime.now(UTC))
        rows = connection.run(explore.slices(window, everything, "count_attempted")).rows
        (total,) = (row for row in rows if row["dimension"] == "now")
        assert (total["count_attempted"], total["count_decided"]) == (3, 3)
        by_status = {row["value"]: row for row in rows if row["dimension"] == "status"}
        assert {name: row["count_attempted"] for name, row in by_status.items()} == {
            "success": 2,
            "failed": 1,
        }
        for order in explore.PAYMENT_ORDERS:
            (place,) = connection.run(
                explore.places(window, everything, str(merchant_id)[:8], order, 9, 2)
            ).rows
            assert (place["count_found"], place["page"]) == (3, 2)
            bounds = (place["lowest"], place["highest"])
            found = connection.run(
                explore.payments(
                    window, everything, "", order, bounds, 9, 2 - place["count_before"]
                )
            ).rows
            assert len(found) == 1


def test_an_account_is_found_by_its_whole_address_which_is_not_shown(
    world: World, connection: ClickHouseConnection
) -> None:
    account_id, email = uuid4(), f"{uuid4().hex}@example.com"
    world.write(
        "insert into finance.accounts values (%s, 'Right', %s, 'DE', now())", account_id, email
    )
    world.settle()
    (found,) = connection.run(explore.accounts(email.upper(), "Newest first", 1, 50)).rows
    assert found["account_id"] == account_id
    assert email not in str(found)
    assert not connection.run(explore.accounts(email[1:], "Newest first", 1, 50)).rows


def test_fx_and_settlement_shows_what_is_pending_and_earned(
    world: World, connection: ClickHouseConnection, open_page: OpenPage
) -> None:
    now = datetime.now(UTC)
    world.pay("500.00", at=now.isoformat())
    world.pay("7.00", at=now.isoformat(), status="pending")
    world.settle()
    app = open_page(range="30d").switch_page("app_pages/fx.py").run()
    assert not app.exception
    assert not app.error
    days = periods.days_of(periods.RANGES["30d"], now)
    (pending,) = connection.run(fx.pending()).rows
    assert pending["count_pending"] >= 1
    label = definitions.of("agg_pending_now").metric("count_pending").label
    shown = next(metric.value for metric in app.metric if metric.label == label)
    assert int(shown.replace(",", "")) >= 1
    volume = {row["currency_code"]: row for row in connection.run(fx.volume(days)).rows}
    booked = world.one(
        "select sumIf(total_amount, status = 'success' and currency_code = 'EUR')"
        " from gold.fct_payments_by_day"
        " where payment_date >= {first:Date} and payment_date <= {today:Date}",
        first=days.first,
        today=days.last,
    )
    assert volume["EUR"]["successful_amount"] == booked
    assert volume["EUR"]["fx_effect_eur"] == 0
    revenue = cards.totals(connection.run(fx.revenue(days)).rows, "now")
    parts = [revenue[name] for name in ("scheme_cost_eur", "refunded_fees_eur", "lost_amount_eur")]
    if revenue["net_revenue_eur"] is not None:
        left = revenue["gross_fees_eur"] - sum(parts) - revenue["dispute_fees_eur"]
        assert left == revenue["net_revenue_eur"]
    index = {row["currency_code"]: row["rate_index"] for row in connection.run(fx.rates(days)).rows}
    assert "EUR" not in index
    assert sum(row["count_pending"] for row in connection.run(fx.ageing()).rows) >= 1


def test_accounts_shows_who_is_active_today(
    world: World, connection: ClickHouseConnection, open_page: OpenPage
) -> None:
    now = datetime.now(UTC)
    world.pay("3.00", at=now.isoformat(), account=uuid4())
    world.settle()

    def active() -> int:
        return int(
            world.one(
                "select count_active_accounts from gold.agg_kpis_daily where kpi_date = {day:Date}",
                day=now.date(),
            )
        )

    before = active()
    app = open_page(range="24h").switch_page("app_pages/accounts.py").run()
    after = active()
    assert not app.exception
    assert not app.error
    known = definitions.of("agg_active_accounts_daily")
    shown = {metric.label: metric.value for metric in app.metric}
    # traffic may run
    today = int(shown[known.metric("count_active_1d").label].replace(",", ""))
    assert 1 <= before <= today <= after
    assert shown[known.metric("stickiness").label].endswith(" %")
    assert isinstance(connection.run(accounts.retention(12)).rows, tuple)


def test_a_payments_life_is_what_bronze_silver_and_postgres_say(
    world: World, connection: ClickHouseConnection, open_page: OpenPage
) -> None:
    id = world.pay("8.90", at=datetime.now(UTC).isoformat(), status="pending")
    world.write("update finance.transactions set status = 'success' where transaction_id = %s", id)
    world.settle()
    logged = world.ask(
        "select _op, _offset, _lsn from bronze.transactions where _key like {key:String}"
        " order by _offset limit 1 by _offset",
        key=f"%{id}%",
    )
    app = open_page(payment=str(id)).switch_page("app_pages/payment.py").run()
    assert not app.exception
    assert not app.error
    (life,) = (frame.value for frame in app.dataframe if "lsn" in frame.value.columns)
    assert life["operation"].tolist() == ["insert", "update"]
    assert life["kafka"].tolist() == [f"0 / {offset}" for _, offset, _ in logged]
    assert life["lsn"].tolist() == [trace.lsn(position) for _, _, position in logged]
    rows = connection.run(payment.changes(id)).rows
    for row in rows:
        times = [row[f"{name}_at"] for name in ("committed", "captured", "ingested", "silver")]
        assert times == sorted(times)
        assert row["silver_at"] <= row["gold_at"]
        assert all(row[hop] >= 0 for hop in trace.HOPS.values())
    applied = world.one(
        "select max(_applied_at) from silver.transactions_deltas where _offset = {offset:UInt64}",
        offset=logged[-1][1],
    )
    assert rows[0]["silver_at"].replace(tzinfo=None) == applied.replace(tzinfo=None)
    stored = world.postgres.execute(
        "select status, amount from finance.transactions where transaction_id = %s", [id]
    ).fetchone()
    assert (rows[0]["status"], rows[0]["amount"]) == stored


def test_the_pipeline_page_says_what_the_checks_found(
    world: World, connection: ClickHouseConnection, open_page: OpenPage
) -> None:
    world.settle()
    finhouse("reconcile")
    app = open_page().switch_page("app_pages/pipeline.py").run()
    assert not app.exception
    assert not app.error
    (verdict,) = app.success
    assert "0 differences" in verdict.value
    compared = world.one(
        "select uniqExact(comparison) from ops.reconciliations"
        " where started_at = (select max(started_at) from ops.reconciliations)"
    )
    shown = {tuple(frame.value.columns): frame.value for frame in app.dataframe}
    table = shown["comparison", "status", "rows", "groups", "differences", "message"]
    assert len(table) == compared
    assert set(table["differences"]) == {0}
    capture = shown["table", "status", "offset", "age", "problem", "fix"]
    assert set(capture["table"]) == {f"finance.{name}" for name in kafka.tables(world.settings)}
    layers = connection.run(pipeline.lags()).rows
    assert [row["layer"] for row in layers] == ["bronze", "silver", "gold"]
    assert all(0 < row["p50_seconds"] <= row["p99_seconds"] for row in layers)
    assert connection.run(pipeline.failures(5)).call.name == "failures"
    assert connection.run(pipeline.differences(5)).rows == ()


def test_the_pipeline_page_shows_servers_topics_and_messages_without_persons(
    world: World, connection: ClickHouseConnection, open_page: OpenPage
) -> None:
    account, merchant = uuid4(), uuid4()
    secrets = (uuid4().hex, f"{uuid4().hex}@example.com", uuid4().hex, "203.0.113.77")
    name, email, profile, ip = secrets
    world.write(
        "insert into finance.accounts values (%s, %s, %s, 'DE', now())", account, name, email
    )
    world.write("update finance.accounts set user_name = %s where account_id = %s", name, account)
    world.write(
        "insert into finance.merchants values (%s, 'M', 'travel', 'DE', 2, now(), %s)",
        merchant,
        profile,
    )
    world.write("insert into finance.ip_geo values (%s, 'DE', 'Kiel', false)", ip)
    paid = world.pay("3.30", ip=ip, account=account)
    world.write("delete from finance.ip_geo where ip = %s", ip)
    wait_for_logs(world.settings, world.client)

    def rows(call: Call) -> Sequence[Row]:
        return connection.run(call).rows

    # The keeper looks every ten seconds, at a topic that has its messages in bronze by now.
    asked = datetime.now(UTC)
    (servers,) = eventually(
        lambda: [row for row in rows(pipeline.servers()) if row["checked_at"] > asked]
    )
    assert (servers["connector_state"], servers["task_state"]) == ("RUNNING", "RUNNING")
    assert (servers["slot_state"], servers["wal_status"]) == ("active", "reserved")
    assert 0 <= servers["retained_bytes"] <= servers["wal_bytes"]
    assert not any(servers[f"{name}_error"] for name in ("kafka", "connect", "postgres"))
    topics = rows(pipeline.topics())
    assert [row["source_table"] for row in topics] == sorted(kafka.tables(world.settings))
    for row in topics:
        if row["source_table"] != "heartbeat":  # which goes on meanwhile
            logged = world.one(f"select count() from bronze.{row['source_table']}")
            assert row["count_received"] == logged
            assert row["end_offset"] >= row["next_offset"]
            assert row["consumer_lag"] == 0

    # What the analyst may read of the logs tells nobody who or where somebody is.
    found = workbench.run("select * from gold.pipeline_messages where source_table != 'heartbeat'")
    assert found.rows
    assert not [secret for secret in secrets if secret in str(found.rows)]
    newest = workbench.run(pipeline.about_a_topic("accounts")).rows[0]
    assert str(account) in newest[3]
    assert '"email":"(masked)"' in newest[5]
    with pytest.raises(workbench.RefusedError):
        workbench.run("select after from bronze.accounts")

    app = open_page(topic="transactions").switch_page("app_pages/pipeline.py").run()
    assert not app.exception
    assert not app.error
    shown = {tuple(frame.value.columns): frame.value for frame in app.dataframe}
    messages = next(frame for names, frame in shown.items() if "kafka" in names)
    assert str(paid) in messages["after"].iloc[0]
    assert ip not in str(messages.to_dict())


def test_a_paused_connector_is_left_alone_and_shown(
    world: World, connection: ClickHouseConnection
) -> None:
    def state() -> str:
        (row,) = connection.run(pipeline.servers()).rows
        return str(row["connector_state"])

    connector.pause(world.settings)
    try:
        eventually(lambda: state() == "PAUSED", 30)
        said = finhouse("status", code=1)
        assert "Capture is held" in said
        assert "paused" in said
    finally:
        connector.resume(world.settings)
    eventually(lambda: state() == "RUNNING", 30)
    wait_for_logs(world.settings, world.client)


def test_the_page_sql_shows_what_the_analyst_gets(stack: object) -> None:
    sql = "select count() as days, max(calendar_date) as last_day from gold.dim_dates"
    app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=30)
    app.switch_page("app_pages/sql.py")
    app.query_params["q"] = sql
    app.run()
    app.button(key="run").click().run()
    assert not app.exception
    assert not app.error
    (row,) = workbench.run(sql).rows
    assert app.dataframe[0].value.iloc[0].tolist() == [str(value) for value in row]
    assert {"gold", "silver"} == set(app.segmented_control(key="schema_database").options)


def test_the_api_says_what_gold_says(world: World, stack: Settings) -> None:
    now = datetime.now(UTC)
    world.pay("0.07", at=now.isoformat())
    world.settle()
    address = f"http://127.0.0.1:{stack.dashboard_port}"
    health = requests.get(f"{address}/api/health", timeout=20)
    assert (health.status_code, health.json()["status"]) == (200, "live")
    assert [hop["hop_order"] for hop in health.json()["hops"]] == [1, 2, 3, 4, 5]
    days = {"from": now.date().isoformat(), "to": (now.date() + timedelta(days=1)).isoformat()}

    def asked() -> tuple[int, Decimal]:
        (row,) = world.ask(
            "select count_successful, successful_amount_eur from gold.agg_kpis_daily"
            " where kpi_date = {day:Date}",
            day=now.date(),
        )
        return row[0], row[1]

    before = asked()
    answer = requests.get(f"{address}/api/kpis", params=days, timeout=20)
    after = asked()
    assert answer.status_code == 200
    (day,) = answer.json()["days"]
    said = day["count_successful"], Decimal(day["successful_amount_eur"])
    # traffic may run
    assert before <= said <= after
    assert before[0] > 0
    refused = requests.get(f"{address}/api/kpis", params={"from": "x"}, timeout=20)
    assert (refused.status_code, refused.json()["fix"]) == (400, server.USAGE)
    assert requests.post(f"{address}/api/kpis", timeout=20).status_code == 405


def test_the_server_has_the_documentation_site(stack: Settings) -> None:
    address = f"http://127.0.0.1:{stack.dashboard_port}/lineage"
    answer = requests.get(address, timeout=20)
    if SITE.exists():
        assert answer.url == f"{address}/"
        assert answer.text == (SITE / "index.html").read_text(encoding="utf-8")
    else:
        assert (answer.status_code, answer.text) == (404, server.NO_SITE)
    hostile = requests.get(f"{address}/%2e%2e/%2e%2e/README.md", timeout=20)
    assert hostile.status_code in (400, 404)
