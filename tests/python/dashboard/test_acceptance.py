"""The page Acceptance in each of its states, on a stubbed warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import streamlit as st

from dashboard import definitions
from tests.python.dashboard.pages import UNREACHABLE, OpenPage, captions, metrics, options

PAGE = "app_pages/acceptance.py"
TODAY = datetime.now(UTC).date()


def both(**row: Any) -> list[dict[str, Any]]:
    """The totals of a query: the same with and without today."""
    return [{"period": "now", **row}, {"period": "complete", **row}]


def decline(code: str, group: str, count: int, percent: float, **changed: Any) -> dict[str, Any]:
    row = {
        "decline_code": code,
        "decline_group": group,
        "advice": "Try again within a day",
        "count_declined": count,
        "declined_amount_eur": Decimal("12.34500000"),
        "share_percent": percent,
        "decline_percent": percent / 10,
        "decline_low_percent": percent / 11,
        "decline_high_percent": percent / 9,
        "count_decided": 400,
    }
    return {**row, **changed}


@pytest.fixture(autouse=True)
def rows(warehouse: Any, bare_labels: None) -> Any:
    """What the warehouse answers to this page."""
    days = [TODAY - timedelta(days=back) for back in (2, 1, 0)]
    warehouse.rows.update(
        acceptance=both(
            count_attempted=110,
            count_decided=100,
            count_submitted=20,
            pending_share=0.0909,
            pending_amount_eur=Decimal("12.34500000"),
            acceptance_low_percent=82.56,
            acceptance_high_percent=94.48,
            authorization_low_percent=76.39,
            authorization_high_percent=99.11,
            acceptance_rate=0.9,
            authorization_rate=0.95,
            acceptance_rate_by_value=0.8,
            authorization_rate_by_value=0.85,
        ),
        intents=both(deduplicated_success_rate=0.97, deduplicated_success_rate_by_value=0.96),
        recovery=both(recovery_rate=0.5),
        tickets=both(ticket_p50_eur=31.25, ticket_p95_eur=410.0),
        rates_by_day=[
            {
                "drawn_at": day,
                "pending_percent": 9.0,
                "pending_eur": 12.0,
                "count_decided": 100,
                "count_submitted": 29,
                "count_intents": 80,
                **{
                    f"{rate}_{end}_percent": 80.0
                    for rate in ("acceptance", "authorization", "deduplicated")
                    for end in ("low", "high")
                },
                **{
                    f"{rate}{by}_percent": 90.0
                    for rate in ("acceptance", "authorization", "deduplicated")
                    for by in ("", "_by_value")
                },
            }
            for day in days
        ],
        recovery_by_day=[
            {
                "drawn_at": day,
                "count_recovered_intents": 4,
                "count_lost_intents": 6,
                "recovery_percent": 40.0,
            }
            for day in days
        ],
        tickets_by_day=[
            {"drawn_at": day, "ticket_p50_eur": 31.0, "ticket_p95_eur": None} for day in days
        ],
        declines=[
            decline("do_not_honor", "soft", 30, 75.0),
            decline("", "unknown", 10, 25.0, advice=None, declined_amount_eur=None),
        ],
        hour_of_week=[
            {
                "weekday": weekday,
                "hour": hour,
                "count_slots": 4,
                "count_decided": decided,
                "payments_per_slot": decided / 4,
                "volume_per_slot_eur": Decimal(decided),
                "acceptance_rate": rate,
                "acceptance_low_percent": 1.0,
                "acceptance_high_percent": 99.0,
            }
            for weekday, hour, decided, rate in ((1, 9, 30, 0.91), (7, 23, 29, 0.1))
        ],
    )
    return warehouse


@pytest.fixture
def open_it(open_page: OpenPage) -> OpenPage:
    """Opens the page itself at a URL with these query parameters."""
    return lambda **url: open_page(**url).switch_page(PAGE).run()


def test_it_shows_rates_charts_and_reasons(open_it: OpenPage) -> None:
    app = open_it()
    assert not app.exception
    assert not app.error
    assert metrics(app) == {
        "Acceptance rate": "90.00 %",
        "Authorization rate": "95.00 %",
        "Deduplicated success rate": "97.00 %",
        "Recovery rate": "50.00 %",
        "Pending share": "9.09 %",
        "Pending amount": "€ 12.34",
        "Ticket p50": "€ 31.25",
        "Ticket p95": "€ 410.00",
    }
    assert len(app.get("echarts_chart")) == 5
    (table,) = (frame.value for frame in app.dataframe)
    assert table["reason"].tolist() == ["Do not honor", "No code"]
    assert table["declined"].tolist() == [30, 10]
    assert table["volume"].tolist() == ["€ 12.34", "n/a: rate missing"]
    assert f"{TODAY:%d %b %Y}, UTC" in captions(app)


def test_rates_by_value_are_the_marts_own(open_it: OpenPage) -> None:
    app = open_it(rates_by="Value")
    assert metrics(app)["Acceptance rate by value"] == "80.00 %"
    assert metrics(app)["Authorization rate by value"] == "85.00 %"
    assert metrics(app)["Deduplicated success rate by value"] == "96.00 %"


def test_whole_days_are_read_and_the_comparison_leaves_out_today(
    rows: Any, open_it: OpenPage
) -> None:
    open_it(range="7d")
    calls = [dict(call.parameters) for call in rows.calls if call.name == "acceptance"]
    now, before = calls[0], calls[-1]
    assert (now["from"], now["to"]) == (
        str(TODAY - timedelta(days=7)),
        str(TODAY + timedelta(days=1)),
    )
    assert now["complete_to"] == str(TODAY)
    assert (before["from"], before["to"]) == (
        str(TODAY - timedelta(days=14)),
        str(TODAY - timedelta(days=7)),
    )


def test_without_data_that_far_back_there_is_no_change(rows: Any, open_it: OpenPage) -> None:
    rows.rows["first_day"] = [{"first_day": TODAY - timedelta(days=1)}]
    app = open_it(range="7d")
    assert {metric.delta for metric in app.metric} == {""}
    assert "payments since" in captions(app)


def test_an_hour_with_few_payments_has_no_rate_on_the_map(open_it: OpenPage) -> None:
    option = next(chart for chart in options(open_it()) if "visualMap" in chart)
    assert [series["encode"]["value"] for series in option["series"]] == ["value", "few"]
    assert (option["visualMap"]["min"], option["visualMap"]["seriesIndex"]) == (91.0, 0)


def test_only_a_day_that_is_not_over_is_drawn_as_such(rows: Any, open_it: OpenPage) -> None:
    def hollow() -> list[bool]:
        charts = [option for option in options(open_it()) if "visualMap" not in option]
        return ["Today so far" in [one["name"] for one in chart["series"]] for chart in charts]

    assert hollow() == [True, False, False, True]  # rates, recovery, reasons, tickets
    for name in ("rates_by_day", "tickets_by_day"):
        rows.rows[name] = rows.rows[name][:-1]
    st.cache_data.clear()
    assert hollow() == [False] * 4


def test_the_map_shows_payments_or_volume_per_hour_instead(rows: Any, open_it: OpenPage) -> None:
    app = open_it(week_by="Volume per slot")
    assert not app.exception
    option = next(chart for chart in options(app) if "visualMap" in chart)
    assert (option["visualMap"]["min"], option["visualMap"]["max"]) == (29.0, 30.0)
    assert option["visualMap"]["text"] == ["€ 30.00", "€ 29.00"]
    assert "mean of 4 such hours" in captions(app)
    assert "UTC" in captions(app)
    assert "grey: fewer" not in captions(app)
    hostile = open_it(week_by="'; drop table gold.x --")
    assert "grey: fewer than 30 decided" in captions(hostile)


def test_a_rate_says_what_it_is_of_and_one_of_few_has_no_change(open_it: OpenPage) -> None:
    cards = {card.label: card for card in open_it().metric}
    assert "Of 100 decided payments. 95 % interval: 82.6 – 94.5 %." in cards["Acceptance rate"].help
    assert cards["Acceptance rate"].delta == "0"
    assert "Of 20 submitted payments." in cards["Authorization rate"].help
    assert cards["Authorization rate"].delta == ""
    rates = options(open_it())[0]["series"]
    assert [one["name"] for one in rates].count("Of fewer than 30") == 1
    by_value = {card.label: card for card in open_it(rates_by="Value").metric}
    assert "95 % interval" not in by_value["Acceptance rate by value"].help


@pytest.mark.parametrize(("key", "said"), [("24h", True), ("30d", False)])
def test_a_short_range_is_told_that_the_map_is_not_of_it(
    key: str, said: bool, open_it: OpenPage
) -> None:
    assert ("too short for such a map" in captions(open_it(range=key))) == said


def test_an_empty_warehouse_says_how_to_fill_it(rows: Any, open_it: OpenPage) -> None:
    rows.rows = {name: [] for name in rows.rows} | {
        "first_day": [{"first_day": None}],
        "freshness": rows.rows["freshness"],
    }
    app = open_it()
    assert not app.exception
    assert set(metrics(app).values()) == {"n/a"}
    assert any("./finhouse gen --resume" in info.value for info in app.info)
    assert not app.get("echarts_chart")
    assert "No declined payments" in captions(app)


def test_without_clickhouse_it_says_what_why_and_fix(rows: Any, open_it: OpenPage) -> None:
    rows.error = UNREACHABLE
    app = open_it()
    assert not app.exception
    assert not app.metric
    assert "Connection refused" in app.error[0].value
    assert captions(app).count("Waiting for the warehouse.") == 7


@pytest.mark.parametrize("value", ["'; DROP TABLE gold.x --", "value", "", "\x00"])
def test_a_hostile_url_counts_payments(rows: Any, value: str, open_it: OpenPage) -> None:
    app = open_it(rates_by=value)
    assert not app.exception
    assert "Acceptance rate" in metrics(app)
    assert not value or value not in repr([call.parameters for call in rows.calls])


def test_labels_come_from_the_definitions(
    monkeypatch: pytest.MonkeyPatch, open_it: OpenPage
) -> None:
    metric = definitions.Metric("acceptance_rate", "Worked", "%", "percent", "up", "Meaning.")
    monkeypatch.setattr(
        definitions,
        "load",
        lambda model=definitions.KPI_MODEL: definitions.Definitions({metric.name: metric}),
    )
    app = open_it()
    shown = next(card for card in app.metric if card.label == "Worked")
    assert "Meaning." in shown.help
    assert "Worked" in [series["name"] for series in options(app)[0]["series"]]


def test_how_computed_shows_sql_when_opened(open_it: OpenPage) -> None:
    app = open_it()
    app.session_state["how_declines"] = True
    app.run()
    assert any("gold.agg_declines_daily" in code.value for code in app.code)
