"""The Overview in each of its states, on a stubbed warehouse."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import definitions, ui
from tests.python.dashboard.pages import UNREACHABLE, OpenPage, captions, metrics, options


def badge(app: AppTest) -> str:
    return next(text.value for text in app.markdown if "-badge[" in text.value)


def charts(app: AppTest) -> int:
    return len(app.get("echarts_chart"))


@pytest.fixture(autouse=True)
def no_manifest(bare_labels: None) -> None:
    """Labels are the bare names, whatever dbt has written to this checkout's target folder."""


def test_it_shows_exact_kpis_charts_and_tables(warehouse: Any, open_page: OpenPage) -> None:
    app = open_page()
    assert not app.exception
    assert metrics(app) == {
        "Successful amount": "€ 98,765.44",
        "Attempted amount": "€ 120,000.00",
        "Attempted": "1,200",
        "Success rate": "90.91 %",
        "Average ticket": "€ 98.77",
        "Active accounts": "321",
    }
    assert charts(app) == 3
    assert len(app.dataframe) == 3
    assert not app.error
    assert not app.warning
    assert any("UTC" in text.value for text in app.caption)


def test_a_fresh_page_is_green_and_names_every_hop(warehouse: Any, open_page: OpenPage) -> None:
    app = open_page()
    assert "1.2 s behind source" in badge(app)
    assert ":green-badge" in badge(app)


@pytest.mark.parametrize(
    ("lags", "color", "text"),
    [
        ([0.1, 0.2, 0.4, 9.9, 9.9], "green", "9.9 s behind source"),
        ([0.1, 0.2, 0.4, 1.1, 10.0], "orange", "10 s behind source"),
        # an early hop that stands still counts although a later one is not the slowest
        ([75.0, 0.2, 0.4, 1.1, 1.2], "red", "1 min 15 s behind source"),
        ([0.1, 0.2, 0.4, 1.1, None], "red", "no heartbeat yet"),
        ([0.1, 0.2, 0.4], "red", "no heartbeat yet"),
        ([], "red", "no heartbeat yet"),
    ],
)
def test_the_badge_turns_with_the_slowest_hop(
    warehouse: Any, lags: list[float | None], color: str, text: str, open_page: OpenPage
) -> None:
    warehouse.lags(lags)
    app = open_page()
    assert not app.exception
    assert f":{color}-badge" in badge(app)
    assert text in badge(app)
    assert bool(app.warning) == (color == "red")


def test_a_stale_page_names_the_hop_and_keeps_its_numbers(
    warehouse: Any, open_page: OpenPage
) -> None:
    warehouse.lags([0.1, 0.2, 0.4, 90.0, 91.0])
    app = open_page()
    assert "bronze → silver" in app.warning[0].value
    assert "./finhouse status" in app.warning[0].value
    assert metrics(app)["Attempted"] == "1,200"


def test_without_clickhouse_it_says_what_why_and_fix(warehouse: Any, open_page: OpenPage) -> None:
    warehouse.error = UNREACHABLE
    app = open_page()
    assert not app.exception
    assert not app.metric
    assert "Connection refused" in app.error[0].value
    assert "./finhouse status" in app.error[0].value
    assert ":red-badge" in badge(app)
    assert [text.value for text in app.caption].count("Waiting for the warehouse.") == 6


def test_it_recovers_when_clickhouse_is_back(warehouse: Any, open_page: OpenPage) -> None:
    warehouse.error = UNREACHABLE
    app = open_page()
    warehouse.error = None
    app.run()
    assert not app.error
    assert metrics(app)["Attempted"] == "1,200"


def test_it_goes_from_numbers_to_the_error(warehouse: Any, open_page: OpenPage) -> None:
    app = open_page()
    warehouse.error = UNREACHABLE
    st.cache_data.clear()
    app.run()
    assert app.error
    assert not app.metric


def test_an_empty_warehouse_says_how_to_fill_it(warehouse: Any, open_page: OpenPage) -> None:
    warehouse.rows.update(
        kpis=[],
        active_accounts=[{"count_active_accounts": 0}],
        first_day=[{"first_day": None}],
        top_merchants=[],
        recent_payments=[],
    )
    app = open_page()
    assert not app.exception
    assert any("./finhouse gen --resume" in info.value for info in app.info)
    assert metrics(app)["Successful amount"] == "€ 0.00"
    assert metrics(app)["Success rate"] == "n/a"


def test_an_empty_range_is_told_apart_from_an_empty_warehouse(
    warehouse: Any, open_page: OpenPage
) -> None:
    warehouse.rows["kpis"] = []
    app = open_page(range="1h")
    assert any("Choose a longer range" in info.value for info in app.info)


def test_a_missing_rate_is_named_and_never_zero(warehouse: Any, open_page: OpenPage) -> None:
    missing = {
        "attempted_amount_eur": None,
        "successful_amount_eur": None,
        "average_ticket_eur": None,
        "count_minutes_without_rate": 2,
    }
    warehouse.rows["kpis"] = [
        warehouse.totals("now", **missing),
        warehouse.totals("complete", **missing),
    ]
    warehouse.rows["recent_payments"] = [warehouse.payment(amount_eur=None)]
    warehouse.rows["top_merchants"] = [warehouse.merchant(successful_amount_eur=None)]
    app = open_page()
    assert not app.exception
    assert metrics(app)["Successful amount"] == "n/a: rate missing"
    assert metrics(app)["Attempted amount"] == "n/a: rate missing"
    assert metrics(app)["Average ticket"] == "n/a"
    _, top, recent = (table.value for table in app.dataframe)
    assert top["volume"].isna().all()
    assert recent["eur"].tolist() == ["n/a: rate missing"]
    assert any("n/a: rate missing" in text.value for text in app.caption)


def test_tables_show_money_exactly_and_unknown_merchants(
    warehouse: Any, open_page: OpenPage
) -> None:
    warehouse.rows["recent_payments"] = [warehouse.payment(merchant_name=None)]
    _, top, recent = (table.value for table in open_page().dataframe)
    assert str(top["volume"][0]) == "1000.12"
    assert recent["amount"].tolist() == ["USD 1,234.50"]
    assert recent["eur"].tolist() == ["€ 1,135.74"]
    assert recent["merchant"].tolist() == ["unknown (00000000)"]
    assert list(top["trend"][0]) == [1.0, 2.0]


def test_the_url_chooses_range_and_comparison(warehouse: Any, open_page: OpenPage) -> None:
    app = open_page(range="7d", compare="Same time last week")
    assert not app.exception
    assert warehouse.last("top_merchants")["bucket"] == 3600
    assert any("same time last week" in text.value for text in app.caption)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("range", "'; DROP TABLE gold.x --"),
        ("range", "9999d"),
        ("range", ""),
        ("compare", "{from:String}"),
        ("compare", "\x00"),
        ("pause", "perhaps"),
    ],
)
def test_a_hostile_url_falls_back_to_the_defaults(
    warehouse: Any, name: str, value: str, open_page: OpenPage
) -> None:
    app = open_page(**{name: value})
    assert not app.exception
    assert warehouse.last("top_merchants")["bucket"] == 900
    sent = repr([call.parameters for call in warehouse.calls])
    assert not value or value not in sent


def test_a_client_that_sends_an_option_which_is_none_gets_the_default(
    warehouse: Any, open_page: OpenPage
) -> None:
    app = open_page()
    app.session_state["range"] = "1h union all select 1"
    app.run()
    assert warehouse.last("top_merchants")["bucket"] == 900


@pytest.mark.parametrize(
    ("url", "timers"),
    [({}, ["10s", "10s", "15s", "2s", "5s"]), ({"pause": "true"}, [None] * 5)],
)
def test_pausing_stops_the_timers_and_keeps_the_numbers(
    warehouse: Any,
    monkeypatch: pytest.MonkeyPatch,
    url: dict[str, str],
    timers: list[str | None],
    open_page: OpenPage,
) -> None:
    started: list[str | None] = []
    fragment = st.fragment

    def recording(**options: Any) -> Any:
        started.append(options["run_every"])
        return fragment(**options)

    monkeypatch.setattr(st, "fragment", recording)
    app = open_page(**url)
    assert sorted(started, key=str) == timers
    assert metrics(app)["Attempted"] == "1,200"
    assert any("paused" in text.value for text in app.caption) == bool(url)


def test_without_data_that_far_back_there_is_no_change(warehouse: Any, open_page: OpenPage) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    warehouse.rows["first_day"] = [{"first_day": yesterday}]
    app = open_page(range="7d")
    assert {metric.delta for metric in app.metric} == {""}
    assert len([call for call in warehouse.calls if call.name == "kpis"]) == 1


def test_bare_names_come_with_the_hint_how_to_get_definitions(
    warehouse: Any, open_page: OpenPage
) -> None:
    app = open_page()
    assert any("./finhouse dbt parse" in info.value for info in app.info)


def test_how_computed_shows_sql_and_cost_when_opened(warehouse: Any, open_page: OpenPage) -> None:
    app = open_page()
    assert not app.code
    app.session_state["how_kpis"] = True
    app.run()
    assert any("gold.live_kpis_by_minute" in code.value for code in app.code)
    assert any("10 rows" in text.value for text in app.caption)


def test_payments_are_drawn_attempted_and_of_them_successful(
    warehouse: Any, open_page: OpenPage
) -> None:
    (payments,) = (
        option
        for option in options(open_page())
        if "Successful" in [series["name"] for series in option["series"]]
    )
    first, second = payments["series"][:2]
    assert (first["name"], first["encode"]["y"]) == ("Attempted", "value")
    assert (second["encode"]["y"], second["barGap"]) == ("successful", "-100%")


def test_recent_days_are_those_of_the_api_newest_first(warehouse: Any, open_page: OpenPage) -> None:
    warehouse.rows["daily_kpis"][-1] = warehouse.day(
        0, attempted_amount_eur=None, count_active_accounts=None
    )
    today = datetime.now(UTC).date()
    days = next(table.value for table in open_page().dataframe if "kpi_date" in table.value)
    assert days["kpi_date"].tolist() == [today, today - timedelta(days=1)]
    assert days["count_attempted"].tolist() == [120, 121]
    assert [str(amount) for amount in days["successful_amount_eur"]] == ["1000.12"] * 2
    assert days["success_rate"].round(2).tolist() == [90.91] * 2
    assert days["attempted_amount_eur"].isna().tolist() == [True, False]
    assert days["count_active_accounts"].isna().tolist() == [True, False]
    asked = warehouse.last("daily_kpis")
    assert (asked["from"], asked["to"]) == (
        str(today - timedelta(days=6)),
        str(today + timedelta(days=1)),
    )


def test_recent_days_follow_the_filters(warehouse: Any, open_page: OpenPage) -> None:
    open_page(range="30d", category="travel")
    asked = warehouse.last("daily_kpis")
    assert asked["category"] == "travel"
    assert (date.fromisoformat(asked["to"]) - date.fromisoformat(asked["from"])).days == 30


@pytest.mark.parametrize("is_built", [True, False])
def test_how_computed_names_its_models_and_leads_to_their_lineage(
    warehouse: Any,
    open_page: OpenPage,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    is_built: bool,
) -> None:
    def known(model: str) -> definitions.Definitions:
        name = model.rpartition(".")[2]
        metric = definitions.Metric(
            "success_rate", "Success", "%", "percent", "up", "Worked.", model=model
        )
        return definitions.Definitions({metric.name: metric}, None, model, f"All of {name}.")

    monkeypatch.setattr(definitions, "load", lambda model=definitions.KPI_MODEL: known(model))
    monkeypatch.setattr(ui, "SITE", tmp_path if is_built else tmp_path / "site")
    app = open_page()
    for key in ("how_success_percent", "how_recent"):
        app.session_state[key] = True
    app.run()
    said = "\n".join(text.value for text in app.markdown)
    assert "**Success** (%): Worked." in said
    assert "`live_kpis_by_minute`: All of live_kpis_by_minute." in said
    assert "`live_recent_payments`: All of live_recent_payments." in said
    place = "/lineage/columns/index.html?model=model.finhouse."
    of_column = f"[Lineage]({place}agg_kpis_daily&column=success_rate&parents=4&children=1)"
    of_model = f"[Lineage]({place}live_recent_payments&parents=4&children=1)"
    assert (of_column in said, of_model in said) == (is_built, is_built)
    hint = "`./finhouse docs` builds the lineage of each number."
    assert (hint in captions(app)) != is_built
