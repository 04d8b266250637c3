"""Runs the dashboard without a browser: the real app file, with or without a real warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import data, definitions
from dashboard.connection import Answer
from dashboard.queries.call import Call
from infra.errors import FinhouseError
from infra.settings import ROOT
from tests.python.dashboard.pages import OpenPage

HOPS = (
    "postgres → debezium",
    "debezium → kafka",
    "kafka → bronze",
    "bronze → silver",
    "silver → gold",
)
MERCHANT = UUID(int=7)


class StubWarehouse:
    """Answers each named query from `rows`; `error` takes the warehouse away."""

    def __init__(self) -> None:
        self.error: FinhouseError | None = None
        self.calls: list[Call] = []
        first_day = (datetime.now(UTC) - timedelta(days=100)).date()
        self.rows: dict[str, list[dict[str, Any]]] = {
            "kpis": [self.totals("now"), self.totals("complete")],
            "active_accounts": [{"count_active_accounts": 321}],
            "active_accounts_by_day": [],
            "first_day": [{"first_day": first_day}],
            "top_merchants": [self.merchant()],
            "recent_payments": [self.payment()],
            "firing": [{"count_firing": 0}],
            "daily_kpis": [self.day(back) for back in (1, 0)],
        }
        self.lags([0.1, 0.2, 0.4, 1.1, 1.2])

    @staticmethod
    def totals(period: str, **changed: Any) -> dict[str, Any]:
        """A row of the `kpis` query."""
        row = {
            "period": period,
            "count_attempted": 1200,
            "count_decided": 1100,
            "count_successful": 1000,
            "attempted_amount_eur": Decimal("120000.00500000"),
            "known_amount_eur": Decimal("98765.43500000"),
            "count_minutes_without_rate": 0,
            "successful_amount_eur": Decimal("98765.43500000"),
            "average_ticket_eur": Decimal("98.76543500"),
            "success_rate": 1000 / 1100,
            "success_low_percent": 89.07,
            "success_high_percent": 92.46,
        }
        return {**row, **changed}

    @staticmethod
    def day(back: int, **changed: Any) -> dict[str, Any]:
        """A row of the `daily_kpis` query, of so many days ago."""
        row = {
            "kpi_date": (datetime.now(UTC) - timedelta(days=back)).date(),
            "count_attempted": 120 + back,
            "count_decided": 110,
            "count_successful": 100,
            "attempted_amount_eur": Decimal("1200.00000000"),
            "successful_amount_eur": Decimal("1000.12500000"),
            "average_ticket_eur": Decimal("10.00125000"),
            "count_active_accounts": 50,
            "success_rate": 100 / 110,
        }
        return {**row, **changed}

    @staticmethod
    def payment(**changed: Any) -> dict[str, Any]:
        """A row of the `recent_payments` query."""
        moment = datetime(2026, 3, 29, 14, 37, 42, 123456, tzinfo=UTC)
        row = {
            "transaction_id": UUID(int=1),
            "occurred_at": moment,
            "committed_at": moment,
            "merchant_id": MERCHANT,
            "merchant_name": "Harbour Books",
            "amount": Decimal("1234.50"),
            "currency_code": "USD",
            "amount_eur": Decimal("1135.74000000"),
            "status": "success",
            "decline_code": None,
        }
        return {**row, **changed}

    def list_payments(self, *payments: dict[str, Any]) -> None:
        """Payments that a table of single ones finds, and one refund of the first."""
        at = datetime(2026, 3, 29, 14, 37, tzinfo=UTC)
        place = {"lowest": "1", "highest": "2", "count_before": 0, "page": 1}
        self.rows["places"] = [{**place, "count_found": len(payments)}] if payments else []
        rest = {"merchant_category": "books", "merchant_country": "DE", "account_id": UUID(int=9)}
        self.rows["payments"] = [{**rest, **payment} for payment in payments]
        self.rows["adjustments"] = [
            {
                "transaction_id": payment["transaction_id"],
                "adjustment_type": "refund",
                "currency_code": payment["currency_code"],
                "status": "succeeded",
                "reason": "not_delivered",
                "amount": Decimal("3.00"),
                "adjusted_at": at,
                "updated_at": at,
                "count_found": 1,
                "page": 1,
            }
            for payment in payments[:1]
        ]

    @staticmethod
    def merchant(**changed: Any) -> dict[str, Any]:
        """A row of the `top_merchants` query."""
        row = {
            "merchant_id": MERCHANT,
            "merchant_name": "Harbour Books",
            "merchant_category": "books",
            "count_attempted": 12,
            "count_decided": 12,
            "successful_amount_eur": Decimal("1000.12500000"),
            "success_percent": 91.25,
            "success_low_percent": 64.61,
            "success_high_percent": 98.51,
            "volume_trend": [1.0, 2.0, 3.0],
        }
        return {**row, **changed}

    def lags(self, lags: list[float | None]) -> None:
        """How far each hop is behind, in seconds; fewer than five: nothing came through yet."""
        self.rows["freshness"] = [
            {"hop": hop, "hop_order": order, "lag_seconds": lag, "hop_seconds": 0.1}
            for order, (hop, lag) in enumerate(zip(HOPS, lags, strict=False), start=1)
        ]

    def run(self, call: Call) -> Answer:
        """Stands in for `dashboard.data.run_call`."""
        self.calls.append(call)
        if self.error:
            raise self.error
        rows = _buckets(call) if call.name == "trend" else self.rows[call.name]
        return Answer(call, tuple(rows), "query-1", 1.5, 10, 1000)

    def last(self, name: str) -> dict[str, Any]:
        """Parameters of the last call of that name."""
        return dict([call for call in self.calls if call.name == name][-1].parameters)


def _buckets(call: Call) -> list[dict[str, Any]]:
    parameters = dict(call.parameters)
    start = datetime.fromisoformat(str(parameters["from"])).replace(tzinfo=UTC)
    fill_to = datetime.fromisoformat(str(parameters["fill_to"])).replace(tzinfo=UTC)
    bucket = timedelta(seconds=int(parameters["bucket"]))
    shift = timedelta(seconds=int(parameters["shift"]))
    return [
        {
            "drawn_at": start + position * bucket + shift,
            "count_attempted": position,
            "count_decided": position,
            "count_successful": position // 2,
            "attempted_eur": 2.0 * position,
            "volume_eur": float(position),
            "average_ticket_eur": 1.0,
            "success_percent": 90.0,
            "success_low_percent": 80.0,
            "success_high_percent": 95.0,
        }
        for position in range((fill_to - start) // bucket)
    ]


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubWarehouse]:
    """A stubbed warehouse with plausible rows, and empty caches before and after."""
    stub = StubWarehouse()
    st.cache_data.clear()
    monkeypatch.setattr(data, "run_call", stub.run)
    yield stub
    st.cache_data.clear()


@pytest.fixture
def bare_labels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Labels are bare names: there is no manifest."""
    load = definitions.load
    monkeypatch.setattr(
        definitions,
        "load",
        lambda model=definitions.KPI_MODEL: load(tmp_path / "manifest.json", model),
    )


@pytest.fixture
def open_page() -> OpenPage:
    """Opens the app at a URL with these query parameters."""

    def run(**url: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=30)
        for name, value in url.items():
            app.query_params[name] = value
        return app.run()

    return run
