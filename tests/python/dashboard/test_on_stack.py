"""The Overview on the real stack: what it shows is what SQL says, and it may read gold only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import definitions, formats, periods, queries
from dashboard.connection import ClickHouseConnection
from dashboard.queries import Call
from infra.errors import FinhouseError
from tests.python.stack.world import World

pytestmark = pytest.mark.stack

OpenPage = Callable[..., AppTest]


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
    assert len(app.metric) == 5
    label = definitions.load().metric("count_attempted").label
    shown = next(metric.value for metric in app.metric if metric.label == label)
    # traffic may run, and the window moves on with the minute
    low, high = sorted((before, after))
    assert low <= int(shown.replace(",", "")) <= high


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
