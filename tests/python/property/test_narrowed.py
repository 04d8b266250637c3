"""A mart that the dashboard narrows to all there is says what the mart says."""

from __future__ import annotations

from datetime import timedelta

from dashboard.filters import Selection
from dashboard.queries import narrowed
from tests.python.property.histories import DAYS, WINDOWS
from tests.python.property.test_batches import add_histories
from tests.python.property.warehouse import Warehouse

ACCEPTANCE = """
select
    payment_date,
    count_attempted,
    count_decided,
    count_submitted,
    count_successful,
    acceptance_rate,
    authorization_rate
from gold.agg_acceptance_daily
where payment_date >= {from:Date} and payment_date < {to:Date}
order by payment_date
"""


def test_acceptance_in_all_currencies_is_the_mart(warehouse: Warehouse, seed: int) -> None:
    add_histories(warehouse, seed, range(20_000, 20_010))
    warehouse.settle()
    currencies = {row["currency"] for row in warehouse.source.tables["transactions"].values()}
    everything = Selection((("currency", tuple(sorted(currencies))),))
    sql, sent = narrowed.daily(ACCEPTANCE, everything, "agg_acceptance_daily")
    today = warehouse.source.now.date()
    days = {
        "from": (today - timedelta(days=DAYS * WINDOWS + 100)).isoformat(),
        "to": (today + timedelta(days=1)).isoformat(),
    }
    assert "_part" in sql
    found = warehouse.ask(sql, **sent, **days)
    assert found == warehouse.ask(ACCEPTANCE, **days)
    assert any(row[3] < row[2] for row in found)  # somebody was blocked
