"""The warehouse's own check: a wrong row in any table is found, and rebuilding mends it."""

from __future__ import annotations

import pytest

from infra.transform.parity import Suspects
from tests.python.property.test_batches import add_histories
from tests.python.property.warehouse import Warehouse

# {table: what is planted}. Of the others, tests/python/stack/test_reconcile.py plants more.
PLANTED = {
    "silver.accounts_state": "alter table {0} delete where account_id = (select max(account_id)"
    " from {0} final where _is_deleted = 0)",
    "silver.ip_geo_state": "insert into {0} select * replace ('203.0.113.77' as ip)"
    " from {0} final limit 1",
    "silver.accounts_history": "alter table {0} delete where _offset = (select min(_offset)"
    " from {0})",
    "silver.merchants_history": "insert into {0} select * from {0} limit 1",
    "silver.transactions_offsets": "alter table {0} delete where _offset = (select min(_offset)"
    " from {0})",
    "silver.transactions_status_history": "insert into {0} select * replace ('failed' as to_status)"
    " from (select * from {0} where to_status = 'pending' limit 1)",
    # Of a bucket that no change has, or it would be as the wrong row of the history says.
    "gold.fct_status_changes_by_day": "insert into {0} select * replace (1 as count_changes,"
    " 32000 as elapsed_bucket) from {0} limit 1",
    "gold.fct_attempts_by_intent": "insert into {0} select * replace (amount + 1 as amount)"
    " from {0} limit 1",
    "gold.fct_intents_by_day": "insert into {0} select * replace (1 as count_attempts)"
    " from {0} limit 1",
    "gold.fct_adjusted_payments": "insert into {0} select * replace ("
    "_offset + 1 as _offset, refunded_amount + toDecimal128('0.01', 2) as refunded_amount)"
    " from {0} final limit 1",
    "gold.fct_payments_by_hour": "insert into {0} select * replace (0 as count_payments,"
    " toDecimal128('0.01', 2) as total_amount) from {0} limit 1",
}


@pytest.fixture(scope="module")
def loaded(warehouse: Warehouse, seed: int) -> Warehouse:
    """A warehouse with some histories of these tests' own, all applied."""
    add_histories(warehouse, seed, range(30_000, 30_030))
    warehouse.settle()
    return warehouse


@pytest.mark.timeout(1200)  # rebuilds eleven tables; minutes where the cores are shared
def test_each_wrong_row_is_found_and_mended(loaded: Warehouse) -> None:
    right = loaded.contents()
    models = {relation: node["name"] for relation, node in loaded.models().items()}
    assert loaded.mismatches() == []
    for relation, plant in PLANTED.items():
        loaded.client.command(plant.format(relation), settings={"mutations_sync": 2})
    found = loaded.mismatches()
    assert {one.model for one in found} == {models[relation] for relation in PLANTED}
    suspects = Suspects()
    repairs = []
    while repair := suspects.next(found):
        repairs.append(repair.model)
    loaded.run("--full-refresh", "--select", *repairs)
    assert loaded.mismatches() == []
    assert loaded.contents() == right
