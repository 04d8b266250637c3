"""The filters of every page: offered where each number knows them, in the URL, never ignored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import bar, views
from dashboard.connection import Answer
from dashboard.filters import OFFERS
from dashboard.queries.call import Call
from tests.python.dashboard.pages import OpenPage, captions, metrics, options

pytestmark = pytest.mark.usefixtures("bare_labels")

PAGES = sorted(OFFERS)
VALUES = {"category": "travel", "country": "DE", "currency": "USD", "status": "failed"}
HOSTILE = ["'; drop table gold.x --", "\x00", "travel\nDE", "{country:String}", "<b>"]


class AnyAnswers:
    """Answers every query with no rows, except those whose answer the bar needs."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        day = (datetime.now(UTC) - timedelta(days=400)).date()
        self.rows: dict[str, list[dict[str, Any]]] = {
            "first_day": [{"first_day": day}],
            "firing": [{"count_firing": 0}],
            "values": [
                {"dimension": name, "value": value, "name": ""}
                for name, value in VALUES.items()
                if name != "status"
            ],
        }

    def run(self, call: Call) -> Answer:
        """Stands in for `dashboard.data.run_call`."""
        self.calls.append(call)
        return Answer(call, tuple(self.rows.get(call.name, ())), "query-1", 1.5, 10, 1000)

    def sent(self, name: str) -> list[str]:
        """What was sent as a parameter of this name, by the calls that have one."""
        parameters = [dict(call.parameters) for call in self.calls if call.name != "values"]
        return [str(one[name]) for one in parameters if name in one]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[AnyAnswers]:
    """A warehouse that only remembers what it was asked."""
    answers = AnyAnswers()
    st.cache_data.clear()
    monkeypatch.setattr("dashboard.data.run_call", answers.run)
    yield answers
    st.cache_data.clear()


def open_at(open_page: OpenPage, page: str, **url: str) -> AppTest:
    """A page at a URL; its cards may miss rows, which is not what is tested here."""
    app = open_page(**url)
    return app if page == "overview" else app.switch_page(f"app_pages/{page}.py").run()


def chips(app: AppTest) -> list[str]:
    return [button.label for button in app.button if str(button.key).startswith("chip_")]


@pytest.mark.parametrize("page", PAGES)
def test_each_page_shows_the_controls_it_offers_and_no_other(
    asked: AnyAnswers, open_page: OpenPage, page: str
) -> None:
    app = open_at(open_page, page, filter_bar="true")
    app.session_state["filter_bar"] = True
    app.run()
    keys = {str(box.key) for box in (*app.selectbox, *app.segmented_control)}
    assert keys >= set(views.controls_of(page))
    assert not keys & (set(views.CONTROLS) - set(views.controls_of(page)))
    picked = {str(one.key).split("_")[1] for one in app.multiselect}
    assert picked == set(OFFERS[page].dimensions)


@pytest.mark.parametrize(
    ("page", "name"), [(page, name) for page in PAGES for name in VALUES if page != "explore"]
)
def test_a_filter_reaches_the_queries_or_the_page_says_that_it_does_not(
    asked: AnyAnswers, open_page: OpenPage, page: str, name: str
) -> None:
    value = VALUES[name]
    app = open_page()
    app.query_params[name] = value
    app = app.run() if page == "overview" else app.switch_page(f"app_pages/{page}.py").run()
    offered = name in OFFERS[page].dimensions
    sent = asked.sent(name)
    assert (value in sent) == offered
    assert bool(chips(app)) == offered
    assert ("Not every number here is known by" in captions(app)) == (not offered)


@pytest.mark.parametrize("page", [page for page in PAGES if OFFERS[page].dimensions])
def test_a_chip_takes_its_filter_out_and_a_reset_all_of_them(
    asked: AnyAnswers, open_page: OpenPage, page: str
) -> None:
    names = [name for name in OFFERS[page].dimensions if name in VALUES]
    at = {"from": "2026-03-01T00:00", "to": "2026-03-03T00:00"}
    app = open_at(open_page, page, **{name: VALUES[name] for name in names}, **at)
    assert len(chips(app)) == len(names) + 1
    app.button(key=f"chip_{names[0]}_{VALUES[names[0]]}").click().run()
    assert len(chips(app)) == len(names)
    assert names[0] not in app.query_params
    app.button(key="reset_all").click().run()
    assert not chips(app)
    assert not set(names) & set(app.query_params)
    assert "from" not in app.query_params


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("page", PAGES)
def test_what_is_no_filter_is_left_out_with_a_notice_that_does_not_repeat_it(
    asked: AnyAnswers, open_page: OpenPage, page: str, value: str
) -> None:
    name = "category" if OFFERS[page].dimensions[:1] == ("category",) else "from"
    if page in ("fx", "explore"):
        name = "currency"
    app = open_at(open_page, page, **{name: value})
    assert "left out" in captions(app)
    assert value not in captions(app)
    assert not chips(app)
    assert all(value not in repr(call.parameters) for call in asked.calls)


@pytest.mark.parametrize("page", ["overview", "acceptance", "merchants", "explore"])
def test_a_value_that_nothing_has_is_asked_for_and_not_dropped(
    asked: AnyAnswers, open_page: OpenPage, page: str
) -> None:
    """Without it the page would show more than was asked."""
    app = open_at(open_page, page, category="no such")
    assert chips(app) == ["Category: No such"]
    assert any(dict(call.parameters).get("category") == "no such" for call in asked.calls)


def test_filters_go_along_and_wait_where_they_are_not_offered(
    asked: AnyAnswers, open_page: OpenPage
) -> None:
    app = open_page(category="travel", currency="USD")
    assert len(chips(app)) == 2

    def go(page: str) -> None:
        # what a click in the navigation leaves of an address
        for name in (*VALUES, "from", "to"):
            app.query_params.pop(name, None)
        app.switch_page(f"app_pages/{page}.py").run()

    go("fx")
    assert chips(app) == ["Currency: USD"]
    go("pipeline")
    assert not chips(app)
    go("acceptance")
    assert chips(app) == ["Category: Travel", "Currency: USD"]
    app.button(key="chip_category_travel").click().run()
    go("overview")
    assert chips(app) == ["Currency: USD"]


def test_a_custom_time_is_read_whole_and_compared_with_as_much_before_it(
    warehouse: Any, open_page: OpenPage
) -> None:
    warehouse.rows["first_day"] = [{"first_day": datetime(2025, 1, 1).date()}]
    app = open_page(**{"from": "2026-03-03T00:00", "to": "2026-03-05T00:00"})
    assert not app.exception
    calls = [dict(call.parameters) for call in warehouse.calls if call.name == "kpis"]
    assert [(one["from"], one["to"]) for one in calls] == [
        ("2026-03-03 00:00:00", "2026-03-05 00:00:00"),
        ("2026-03-01 00:00:00", "2026-03-03 00:00:00"),
    ]
    assert "03 Mar 2026 00:00 – 05 Mar 2026 00:00, UTC" in captions(app)
    assert app.segmented_control(key="range").proto.disabled
    names = [series["name"] for series in options(app)[0]["series"]]
    assert "Still filling" not in names


def test_a_time_that_has_not_begun_is_none(warehouse: Any, open_page: OpenPage) -> None:
    begin = datetime.now(UTC) + timedelta(days=2)
    app = open_page(
        **{
            "from": f"{begin:%Y-%m-%dT%H:%M}",
            "to": f"{begin + timedelta(days=1):%Y-%m-%dT%H:%M}",
        }
    )
    assert not app.exception
    assert "left out" in captions(app)
    assert not chips(app)
    assert warehouse.last("top_merchants")["bucket"] == 900


def test_comparing_with_nothing_asks_for_no_earlier_time(
    warehouse: Any, open_page: OpenPage
) -> None:
    app = open_page(compare="Nothing")
    assert {metric.delta for metric in app.metric} == {""}
    assert len([call for call in warehouse.calls if call.name == "kpis"]) == 1
    assert "compared with nothing" in captions(app)


def test_a_grain_cuts_the_same_time_into_other_buckets(warehouse: Any, open_page: OpenPage) -> None:
    app = open_page(grain="Hour")
    assert not app.exception
    assert warehouse.last("trend")["bucket"] == 3600
    assert "Per hour, last 24 h, UTC" in captions(app)


def test_weeks_of_thirty_days_are_five_and_say_so(warehouse: Any, open_page: OpenPage) -> None:
    app = open_page(grain="Week", range="30d")
    assert not app.exception
    trend = warehouse.last("trend")
    assert trend["bucket"] == 7 * 24 * 3600
    assert "Per week, last 5 weeks, UTC" in captions(app)


def test_amounts_in_one_currency_say_so_and_are_not_valued(
    warehouse: Any, open_page: OpenPage
) -> None:
    warehouse.rows["values"] = [{"dimension": "currency", "value": "USD", "name": ""}]
    app = open_page(amounts="Original currency", currency="USD")
    assert not app.exception
    assert metrics(app)["Successful amount"] == "USD 98,765.44"
    assert "amounts in USD" in captions(app)
    (call,) = [call for call in warehouse.calls if call.name == "top_merchants"]
    assert "gold.dim_fx_rates" not in call.sql
    more = open_page(amounts="Original currency")
    assert "exactly one currency" in captions(more)
    assert metrics(more)["Successful amount"] == "€ 98,765.44"


def test_constant_amounts_are_at_the_rates_of_the_last_day(
    warehouse: Any, open_page: OpenPage
) -> None:
    app = open_page(amounts="Constant EUR")
    assert not app.exception
    today = datetime.now(UTC).date()
    assert warehouse.last("trend")["valuation"] == str(today)
    assert f"EUR at the rates of {today:%d %b %Y}" in captions(app)


def test_what_accounts_do_not_know_is_not_shown_of_all_of_them(
    warehouse: Any, open_page: OpenPage
) -> None:
    warehouse.rows["values"] = [{"dimension": "category", "value": "travel", "name": ""}]
    app = open_page(category="travel")
    assert metrics(app)["Active accounts"] == "n/a"
    assert not [call for call in warehouse.calls if call.name == "active_accounts"]


@pytest.mark.parametrize("page", ["overview", "merchants", "risk"])
def test_a_zone_is_one_of_those_offered(asked: AnyAnswers, open_page: OpenPage, page: str) -> None:
    app = open_at(open_page, page, tz="Asia/Tokyo")
    assert "Times in Tokyo, days in UTC." in captions(app)
    other = open_at(open_page, page, tz="../../etc/passwd")
    assert "Times in UTC" in captions(other)


def test_a_zone_moves_the_axis_of_hours_and_not_that_of_days(
    warehouse: Any, open_page: OpenPage
) -> None:
    app = open_page(tz="Asia/Tokyo")
    assert "Asia/Tokyo (UTC+09:00)" in captions(app)
    (utc,), (tokyo,) = (
        [one for one in options(open_page(**url))[:1]] for url in ({}, {"tz": "Asia/Tokyo"})
    )
    point, moved = (
        datetime.fromisoformat(option["series"][1]["data"][0][0]) for option in (utc, tokyo)
    )
    assert timedelta(hours=8) < moved - point < timedelta(hours=10)
    assert "UTC days" in captions(open_page(tz="Asia/Tokyo", range="30d"))


def test_annotations_are_labelled_rules_on_the_charts_of_their_time(
    warehouse: Any, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at = datetime.now(UTC) - timedelta(hours=3)
    file = tmp_path / "annotations.yml"
    file.write_text(
        "annotations:\n"
        f"  - {{at: {at:%Y-%m-%dT%H:%M:%SZ}, label: Checkout 2.4, kind: deploy}}\n"
        "  - {at: 2020-01-01T00:00:00Z, label: Long ago, kind: incident}\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(views, "ANNOTATIONS", file)
    drawn = options(open_page())
    for option in drawn:
        (mark,) = option["series"][0]["markLine"]["data"]
        assert mark["label"]["formatter"] == "Checkout 2.4"
    assert "markLine" not in str(options(open_page(range="1h")))


def test_a_saved_view_sets_every_filter_and_goes_to_its_page(
    asked: AnyAnswers, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "views.yml"
    file.write_text(
        "views:\n"
        "  - name: Travel of a week\n"
        "    page: overview\n"
        "    filters: {range: 7d, grain: Day, category: travel, currency: [USD]}\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(views, "VIEWS", file)
    app = open_page(country="DE", tz="Asia/Tokyo")
    app.session_state["views"] = True
    app.run()
    app.button(key="view_0").click().run()
    assert chips(app) == ["Category: Travel", "Currency: USD"]
    assert app.session_state["range"] == "7d"
    assert app.session_state["grain"] == "Day"
    assert app.session_state["tz"] == bar.UTC_ZONE
    assert any("category: travel" in code.value for code in app.code)


def test_a_saved_view_of_another_page_goes_there(
    asked: AnyAnswers, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "views.yml"
    file.write_text(
        "views:\n"
        "  - {name: Dollars, page: fx, filters: {range: 30d, currency: USD}}\n"
        "  - {name: All, page: risk}\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(views, "VIEWS", file)
    app = open_page(category="travel", range="7d")
    app.session_state["views"] = True
    app.run()
    app.button(key="view_0").click().run()
    assert "streamlit.errors" not in str(app.exception)
    assert chips(app) == ["Currency: USD"]
    assert app.session_state["range"] == "30d"
    app.session_state["views"] = True  # the list folds up on another page
    app.run()
    app.button(key="view_1").click().run()
    assert not chips(app)
    assert app.session_state["range"] == "24h"


def test_a_file_of_views_with_a_mistake_says_where_and_what(
    warehouse: Any, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "views.yml"
    file.write_text("views:\n  - {name: A, page: nowhere}\n", encoding="utf-8")
    monkeypatch.setattr(views, "VIEWS", file)
    app = open_page()
    app.session_state["views"] = True
    app.run()
    assert not app.exception
    assert "views.yml: entry 1 cannot be used" in captions(app)


def test_a_card_can_be_taken_along_as_a_file_of_each_kind(
    warehouse: Any, open_page: OpenPage
) -> None:
    app = open_page()
    app.session_state["export_how_merchants"] = True
    app.run()
    assert not app.exception
    keys = [str(button.key) for button in app.download_button]
    assert keys == [f"how_merchants_0_{suffix}" for suffix in ("csv", "xlsx", "parquet")]
