"""The read-only connection to ClickHouse and what it reports about each query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httputil import get_pool_manager
from streamlit.connections import BaseConnection
from urllib3.exceptions import HTTPError

from dashboard.queries.call import Call
from infra.errors import FinhouseError
from infra.settings import load_settings

Row = dict[str, Any]

CONNECT_TIMEOUT_S = 2
ANSWER_TIMEOUT_S = 20
POOL_SIZE = 16

ACCESS_CODES = {192, 193, 194, 497, 516}
MISSING_CODES = {47, 60, 81}
LIMIT_CODES = {158, 159, 160, 241, 307, 396}


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of one query and what they cost; times in milliseconds."""

    call: Call
    rows: tuple[Row, ...]
    query_id: str
    elapsed_ms: float
    rows_read: int
    bytes_read: int
    types: tuple[tuple[str, str], ...] = ()  # of the columns, by their names


class ClickHouseConnection(BaseConnection[Client]):
    """`st.connection("clickhouse", type=ClickHouseConnection)`: the `dashboard` user's queries."""

    def _connect(self, **kwargs: Any) -> Client:
        settings = load_settings()
        try:
            return clickhouse_connect.get_client(
                host=settings.clickhouse_host,
                port=settings.clickhouse_port,
                secure=settings.clickhouse_secure,
                username=settings.dashboard_user,
                password=settings.dashboard_password,
                connect_timeout=CONNECT_TIMEOUT_S,
                send_receive_timeout=ANSWER_TIMEOUT_S,
                client_name="finhouse-dashboard",
                # sessions allow one query at a time; threads of many viewers share this client
                autogenerate_session_id=False,
                pool_mgr=get_pool_manager(maxsize=POOL_SIZE),
            )
        except (ClickHouseError, HTTPError) as error:
            raise explain(error) from error

    def run(self, call: Call) -> Answer:
        """Run a call; its rows as dictionaries. Raises FinhouseError."""
        try:
            # only a finished query's summary counts everything it read
            result = self._instance.query(
                call.sql,
                parameters=dict(call.parameters),
                settings={"wait_end_of_query": 1},
                tz_mode="aware",
            )
        except (ClickHouseError, HTTPError) as error:
            raise explain(error) from error
        summary = result.summary
        return Answer(
            call=call,
            rows=tuple(result.named_results()),
            query_id=str(summary.get("query_id", "")),
            elapsed_ms=int(summary.get("elapsed_ns", 0)) / 1e6,
            rows_read=int(summary.get("read_rows", 0)),
            bytes_read=int(summary.get("read_bytes", 0)),
            types=tuple(
                (name, str(type.name))
                for name, type in zip(result.column_names, result.column_types, strict=True)
            ),
        )


def explain(error: Exception) -> FinhouseError:
    """What a driver's error means to somebody who looks at a dashboard."""
    code = getattr(error, "code", None)
    if code is None:
        return FinhouseError(
            "ClickHouse does not answer",
            why=_root_cause(error),
            fix="`./finhouse status` shows which component is down, `./finhouse up` starts it; "
            "this page recovers by itself",
        )
    reason = " ".join(str(error).split())[:300]
    if code in ACCESS_CODES:
        return FinhouseError(
            "the dashboard may not read the warehouse",
            why=reason,
            fix="`./finhouse doctor`; the user `dashboard` needs SELECT on gold and ops",
        )
    if code in MISSING_CODES:
        return FinhouseError(
            "the gold layer is not built yet",
            why=reason,
            fix="wait for the first transform run, or `./finhouse dbt build`",
        )
    if code in LIMIT_CODES:
        return FinhouseError(
            "the query went over its limits",
            why=reason,
            fix="choose a shorter range",
        )
    return FinhouseError("ClickHouse refused the query", why=reason, fix="`./finhouse logs`")


def _root_cause(error: BaseException) -> str:
    """The innermost reason; the outer ones repeat the address with all of its parameters."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return " ".join(str(error).split())[:300]
