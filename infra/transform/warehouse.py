"""The warehouse as Python sees it: a client, how far each table is, and when it is ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.embedded import clickhouse
from infra.errors import FinhouseError
from infra.settings import Settings

# The first cycle may meet servers that are still starting.
TOLERATED_FAILURES = 3
# ClickHouse's settings of a query. Nice, so that the kernel gives a query that can wait the time
# that the others leave: needs CAP_SYS_NICE, else both get the same. (With `priority` it paused for
# as long as the loop ran any, which is nearly always.) Not in profiles.yml: dbt parses all of a
# project again, a quarter of a minute, where the connection is another than it was parsed with.
NICE = 10
LIVE = {"max_threads": 2}
BACKGROUND = {"max_threads": 1, "os_threads_nice_value_query": NICE}


def connect(
    settings: Settings,
    user: str = "",
    password: str = "",
    limits: Mapping[str, int] = MappingProxyType({}),
) -> Client:
    """A client with the rights of the transform user, or of another one. `limits`: of each of its
    queries, LIVE or BACKGROUND.

    Raises FinhouseError if nobody answers.
    """
    try:
        return clickhouse_connect.get_client(
            host=settings.clickhouse_host,
            port=settings.clickhouse_port,
            username=user or settings.clickhouse_user,
            password=password if user else settings.clickhouse_password,
            secure=settings.clickhouse_secure,
            autogenerate_session_id=False,
            settings={"join_use_nulls": 1, **limits},
        )
    except ClickHouseError as error:
        raise clickhouse.does_not_answer(settings, error) from error


def positions(client: Client, tables: Mapping[str, str]) -> dict[str, int]:
    """Highest Kafka offset in each table, -1 while it is empty: {name: offset}.

    `tables` maps a name of the caller's to `database.table`.
    """
    parts = [
        f"select '{name}' as name, if(count() = 0, -1, toInt64(max(_offset))) as position"
        f" from {table}"
        for name, table in tables.items()
    ]
    rows = client.query(" union all ".join(parts)).result_rows
    return {str(name): int(position) for name, position in rows}


def wait_until_fresh(
    settings: Settings,
    since: datetime,
    progress: Callable[[str], None],
    timeout: float = 180.0,
) -> tuple[str, int]:
    """Wait until a cycle the transform loop started after `since` is done; its tier and nodes.

    Raises FinhouseError with dbt's message if cycles keep failing, or after `timeout` seconds.
    """
    client = connect(settings)
    deadline = time.monotonic() + timeout
    query = """
        select
            anyIf(tier, cycle_id = newest),
            countIf(cycle_id = newest),
            countIf(cycle_id = newest and status = 'error'),
            uniqExactIf(cycle_id, status = 'error'),
            argMaxIf(concat(model, ': ', message), started_at, status = 'error')
        from ops.transform_runs
        cross join (
            select argMax(cycle_id, started_at) as newest
            from ops.transform_runs
            where
                started_at >= {since:DateTime64(3, 'UTC')}
                and tier not in ('background', 'snapshot')
        ) as cycles
        where
            started_at >= {since:DateTime64(3, 'UTC')}
            and tier not in ('background', 'snapshot')
    """
    message = ""
    while time.monotonic() < deadline:
        try:
            answer = client.query(query, parameters={"since": since})
        except ClickHouseError:
            pass  # the loop has not made the table yet
        else:
            tier, nodes, errors, failed_cycles, message = answer.result_rows[0]
            if nodes and not errors:
                return str(tier), int(nodes)
            if failed_cycles >= TOLERATED_FAILURES:
                break
        progress(message)
        time.sleep(0.1)
    raise FinhouseError(
        "the warehouse was not built",
        why=message or f"the transform loop finished no cycle within {timeout:.0f} s",
        fix="./finhouse logs transform",
    )
