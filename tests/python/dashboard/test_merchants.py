"""The page Merchants in each of its states, on a stubbed warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from dashboard import definitions
from dashboard.queries.call import Call
from tests.python.dashboard.pages import UNREACHABLE, OpenPage, captions, metrics, options

PAGE = "app_pages/merchants.py"
ONE, TWO = UUID(int=1), UUID(int=2)
TODAY = datetime.now(UTC).date()
COMPONENTS = ("dispute_rate", "decline_rate", "refund_rate", "geo_share", "velocity", "risk_rating")


def merchant(merchant_id: UUID, **changed: Any) -> dict[str, Any]:
    """A row of the table."""
    row = {
        "merchant_id": merchant_id,
        "merchant_name": "Harbour Books",
        "merchant_category": "books",
        "merchant_country": "DE",
        "risk_rating": 2,
        "count_attempted": 12,
        "successful_amount_eur": Decimal("1000.12500000"),
        "share_percent": 75.0,
        "acceptance_percent": 91.25,
        "refund_percent": 1.0,
        "dispute_percent": 0.5,
        "risk_score": 0.5,
        "count_found": 2,
        "page": 1,
    }
    return {**row, **changed}


def portfolio(period: str, **changed: Any) -> dict[str, Any]:
    """A row of the `portfolio` query."""
    row = {
        "period": period,
        "count_attempted": 100,
        "successful_amount_eur": Decimal("98765.43500000"),
        "refund_rate": 0.021,
        "dispute_rate": 0.0125,
        "count_merchants": 2,
        "top_10_share": 1.0,
        "herfindahl_index": 0.0131,
    }
    return {**row, **changed}


@pytest.fixture(autouse=True)
def rows(warehouse: Any, bare_labels: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the warehouse answers to this page."""
    parts = {f"{component}_part": 0.1 for component in COMPONENTS}
    warehouse.rows.update(
        portfolio=[
            portfolio(str(TODAY - timedelta(days=1))),
            portfolio(str(TODAY), count_merchants=1),
            portfolio("complete", count_merchants=3),
            portfolio("now"),
        ],
        largest=[merchant(ONE), merchant(TWO, share_percent=25.0)],
        riskiest=[merchant(ONE, **parts), merchant(TWO, merchant_name=None, **parts)],
        merchants=[
            merchant(ONE),
            merchant(TWO, merchant_name=None, successful_amount_eur=None, risk_score=None),
        ],
        merchant=[
            {
                **merchant(ONE, merchant_name="A *bold* $name$"),
                "profile_text": "Sells books. " * 100,
                "updated_at": datetime(2026, 3, 29, 14, 37, 42, tzinfo=UTC),
            }
        ],
        merchant_kpis=warehouse.rows["kpis"],
        status_by_day=[{"drawn_at": TODAY, "success": 5, "failed": 2, "pending": 1}],
        merchant_declines=[
            {
                "decline_code": "do_not_honor",
                "decline_group": "soft",
                "count_declined": 2,
                "share_percent": 100.0,
            }
        ],
        risk_parts=[
            {
                "risk_score": 0.61,
                "component": component,
                "value": 2.0,
                "component_rank": 0.5,
                "weight": 0.1,
                "points": 0.05,
            }
            for component in COMPONENTS
        ],
    )

    paid = warehouse.payment(account_id=TWO, decline_code="", merchant_id=ONE)
    warehouse.list_payments(paid)

    def run(call: Call) -> Any:
        if call.name != "merchant_trend":
            return warehouse.__class__.run(warehouse, call)
        trend = Call("trend", call.sql, call.parameters)  # as the conftest fills its buckets
        return warehouse.__class__.run(warehouse, trend)

    monkeypatch.setattr("dashboard.data.run_call", run)
    return warehouse


@pytest.fixture
def open_it(open_page: OpenPage) -> OpenPage:
    """Opens the page itself at a URL with these query parameters."""
    return lambda **url: open_page(**url).switch_page(PAGE).run()


def table(app: Any, column: str) -> Any:
    """The table that has this column."""
    (found,) = (frame.value for frame in app.dataframe if column in frame.value.columns)
    return found


def test_it_shows_concentration_risk_and_the_table(open_it: OpenPage) -> None:
    app = open_it()
    assert not app.exception
    assert not app.error
    assert metrics(app) == {
        "Successful amount": "€ 98,765.44",
        "Attempted": "100",
        "Merchants": "2",
        "Top 10 share": "100.00 %",
        "Herfindahl index": "0.0131",
        "Refund rate": "2.10 %",
        "Dispute rate": "1.25 %",
    }
    largest, riskiest = options(app)
    assert len(largest["series"]) == 1
    assert [series["encode"]["x"] for series in riskiest["series"]] == list(COMPONENTS)
    (listed,) = (frame.value for frame in app.dataframe)
    assert listed["merchant"].tolist() == ["Harbour Books", "unknown (00000000)"]
    assert str(listed["volume"][0]) == "1000.12"
    assert listed["volume"].isna().tolist() == [False, True]
    assert "1–2 of 2" in captions(app)


def test_the_portfolio_is_of_the_range_and_compared(rows: Any, open_it: OpenPage) -> None:
    app = open_it(range="7d")
    sent = [dict(call.parameters) for call in rows.calls if call.name == "portfolio"]
    assert [(one["from"], one["to"]) for one in sent] == [
        ((TODAY - timedelta(days=7)).isoformat(), (TODAY + timedelta(days=1)).isoformat()),
        ((TODAY - timedelta(days=14)).isoformat(), (TODAY - timedelta(days=7)).isoformat()),
    ]
    assert sent[0]["drawn_from"] == (TODAY - timedelta(days=13)).isoformat()
    shown = {metric.label: metric for metric in app.metric}
    # 3 of the whole days against 2 of those before
    assert shown["Merchants"].delta == "+50.0 %"
    assert rows.last("largest")["from"] == sent[0]["from"]


def test_compared_with_nothing_asks_for_nothing_else(rows: Any, open_it: OpenPage) -> None:
    app = open_it(range="7d", compare="Nothing")
    assert len([call for call in rows.calls if call.name == "portfolio"]) == 1
    assert not any(metric.delta for metric in app.metric)


def test_search_sort_and_page_go_to_the_server(rows: Any, open_it: OpenPage) -> None:
    open_it(search="  book ", sort="Risk score", order="Lowest first")
    assert rows.last("merchants") == {
        "search": "book",
        "sort": "risk_score",
        "sign": -1,
        "page": 1,
        "size": 15,
        "category": "",
        "country": "",
    }


def test_a_page_of_many_is_asked_for_and_another_search_begins_anew(
    rows: Any, open_it: OpenPage
) -> None:
    rows.rows["merchants"] = [merchant(ONE, count_found=40, page=2)]
    app = open_it(page="2")
    assert not app.exception
    assert rows.last("merchants")["page"] == 2
    assert "16–16 of 40" in captions(app)
    app.text_input(key="search").set_value("x").run()
    assert rows.last("merchants")["page"] == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sort", "merchant_id) --"),
        ("sort", "\x00"),
        ("order", "desc; drop table gold.x"),
        ("page", "-1"),
        ("page", "99999999999999"),
        ("page", "1 union all select 1"),
        ("merchant", "'; DROP TABLE gold.x --"),
        ("merchant", ""),
        ("merchant", "00000000"),
    ],
)
def test_a_hostile_url_falls_back_to_the_defaults(
    rows: Any, name: str, value: str, open_it: OpenPage
) -> None:
    app = open_it(**{name: value})
    assert not app.exception
    sent = rows.last("merchants")
    assert (sent["sort"], sent["sign"], sent["page"]) == ("successful_amount_eur", 1, 1)
    assert not [call for call in rows.calls if call.name == "merchant"]


def test_a_hostile_search_is_only_ever_a_parameter(rows: Any, open_it: OpenPage) -> None:
    hostile = "' or 1=1 -- {sort:Identifier}" + "x" * 500
    app = open_it(search=hostile)
    assert not app.exception
    assert rows.last("merchants")["search"] in ("", hostile[:100])
    assert all("or 1=1" not in call.sql for call in rows.calls)


def test_the_url_opens_a_merchant_in_detail(rows: Any, open_it: OpenPage) -> None:
    app = open_it(merchant=str(ONE), range="7d")
    assert not app.exception
    assert not app.error
    assert rows.last("merchant_kpis")["merchant"] == str(ONE)
    assert rows.last("status_by_day")["merchant"] == str(ONE)
    assert metrics(app)["Risk score"] == "0.6100"
    assert metrics(app)["Average ticket"] == "€ 98.77"
    assert len(options(app)) == 6
    name = next(header.value for header in app.header)
    assert name == r"A \*bold\* \$name\$"
    profile = next(text.value for text in app.text)
    assert profile.endswith(" …")
    assert len(profile) < 410
    parts = table(app, "points")
    assert len(parts) == 6
    assert parts["points"].sum() == pytest.approx(0.3)


def test_a_merchant_comes_with_its_payments_refunds_and_disputes(
    rows: Any, open_it: OpenPage
) -> None:
    app = open_it(merchant=str(ONE), range="7d")
    assert not app.exception
    assert rows.last("places")["merchant"] == rows.last("payments")["merchant"] == str(ONE)
    assert rows.last("adjustments")["id"] == str(ONE)
    paid = table(app, "eur").iloc[0]
    assert paid["payment"] == f"/payment?payment={UUID(int=1)}"
    assert paid["account"] == f"/account?account={TWO}"
    assert "merchant" not in paid
    assert (paid["amount"], paid["eur"]) == ("USD 1,234.50", "€ 1,135.74")
    refund = table(app, "adjusted").iloc[0]
    assert (refund["type"], refund["amount"]) == ("Refund", "USD 3.00")
    assert captions(app).count("1–1 of 1") == 2


def test_pages_of_payments_go_to_the_server_and_begin_anew_with_another_merchant(
    rows: Any, open_it: OpenPage
) -> None:
    rows.rows["adjustments"][0].update(count_found=25, page=3)
    app = open_it(merchant=str(ONE), merchant_payments_page="2", merchant_adjustments_page="3")
    assert not app.exception
    assert (rows.last("places")["page"], rows.last("places")["size"]) == (2, 10)
    assert rows.last("adjustments")["page"] == 3
    assert "21–21 of 25" in captions(app)


def test_a_merchant_without_payments_in_the_range_says_so(rows: Any, open_it: OpenPage) -> None:
    rows.list_payments()
    app = open_it(merchant=str(ONE))
    assert not app.exception
    assert "No payments, last 24 h." in captions(app)
    assert "None so far." in captions(app)


def test_closing_takes_the_merchant_out_of_the_url(rows: Any, open_it: OpenPage) -> None:
    app = open_it(merchant=str(ONE))
    app.button(key="close_merchant").click().run()
    assert not app.exception
    assert "merchant" not in app.query_params
    assert not app.header


def test_payments_may_come_before_their_merchant(rows: Any, open_it: OpenPage) -> None:
    rows.rows["merchant"] = []
    app = open_it(merchant=str(TWO))
    assert not app.exception
    assert app.header[0].value == r"unknown \(00000000\)"
    assert "has not arrived" in captions(app)


def test_an_id_of_nobody_says_so(rows: Any, open_it: OpenPage) -> None:
    rows.rows.update(merchant=[], status_by_day=[], risk_parts=[])
    app = open_it(merchant=str(TWO))
    assert not app.exception
    assert not app.header
    assert any("Choose one in the table" in info.value for info in app.info)


def test_a_search_without_result_is_told_from_an_empty_warehouse(
    rows: Any, open_it: OpenPage
) -> None:
    rows.rows["merchants"] = []
    assert "No merchant has this name" in captions(open_it(search="zzz"))


def test_an_empty_warehouse_says_how_to_fill_it(rows: Any, open_it: OpenPage) -> None:
    rows.rows = {name: [] for name in rows.rows} | {
        "first_day": [{"first_day": None}],
        "freshness": rows.rows["freshness"],
    }
    app = open_it()
    assert not app.exception
    assert any("./finhouse gen --resume" in info.value for info in app.info)
    assert "No payments in the last 30 days." in captions(app)
    assert not options(app)


def test_without_clickhouse_it_says_what_why_and_fix(rows: Any, open_it: OpenPage) -> None:
    rows.error = UNREACHABLE
    app = open_it(merchant=str(ONE))
    assert not app.exception
    assert not app.metric
    assert "Connection refused" in app.error[0].value
    assert captions(app).count("Waiting for the warehouse.") == 5


def test_a_missing_rate_is_named_and_never_zero(rows: Any, open_it: OpenPage) -> None:
    rows.rows["portfolio"][-1].update(
        successful_amount_eur=None, top_10_share=None, herfindahl_index=None
    )
    rows.rows["largest"] = [merchant(ONE, share_percent=None, successful_amount_eur=None)]
    app = open_it()
    assert not app.exception
    assert metrics(app)["Successful amount"] == "n/a: rate missing"
    assert metrics(app)["Top 10 share"] == metrics(app)["Herfindahl index"] == "n/a"
    assert "n/a: rate missing" in captions(app)


def test_labels_come_from_the_definitions(
    monkeypatch: pytest.MonkeyPatch, open_it: OpenPage
) -> None:
    metric = definitions.Metric("herfindahl_index", "HHI", "", "decimal", "down", "Meaning.")
    monkeypatch.setattr(
        definitions,
        "load",
        lambda model=definitions.KPI_MODEL: definitions.Definitions({metric.name: metric}),
    )
    shown = next(card for card in open_it().metric if card.label == "HHI")
    assert shown.value == "0.0131"
    assert "Meaning." in shown.help
