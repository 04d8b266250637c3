"""The page Accounts in each of its states, on a stubbed warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.python.dashboard.pages import UNREACHABLE, OpenPage, captions, metrics, options

PAGE = "app_pages/accounts.py"
TODAY = datetime.now(UTC).date()


def day(back: int, **changed: Any) -> dict[str, Any]:
    row = {
        "drawn_at": TODAY - timedelta(days=back),
        "count_active_1d": 100 - back,
        "count_active_7d": 400,
        "count_active_30d": 1000,
        "stickiness": 0.1,
        "count_new": 7,
        "count_activated": 5,
        "count_dormant": 20,
        "count_resurrected": 1,
    }
    return {**row, **changed}


@pytest.fixture(autouse=True)
def rows(warehouse: Any, bare_labels: None) -> Any:
    """What the warehouse answers to this page."""
    monday = TODAY - timedelta(days=TODAY.weekday() + 14)
    cells = ((0, 80.0, 100.0), (1, 40.0, None))
    warehouse.rows.update(
        activity=[day(back) for back in (8, 2, 1, 0)],
        retention=[
            {
                "cohort_week": monday,
                "week_number": week,
                "cohort_size": 50,
                "count_retained": 20,
                "accounts_percent": accounts,
                "volume_percent": volume,
            }
            for week, accounts, volume in cells
        ],
    )
    return warehouse


@pytest.fixture
def open_it(open_page: OpenPage) -> OpenPage:
    """Opens the page itself at a URL with these query parameters."""
    return lambda **url: open_page(**url).switch_page(PAGE).run()


def test_it_shows_who_is_active_comes_and_stays(open_it: OpenPage, rows: Any) -> None:
    app = open_it(compare="Same time last week")
    assert not app.exception
    assert not app.error
    shown = metrics(app)
    del shown["Stickiness"]  # its format is in the manifest
    assert list(shown.values()) == ["100", "400", "1,000", "7", "20"]
    # yesterday (99) against the day a week before it (92)
    assert app.metric[0].delta == "+7.6 %"
    assert len(options(app)) == 3


def test_without_that_day_a_week_earlier_nothing_is_compared(open_it: OpenPage, rows: Any) -> None:
    rows.rows["activity"] = [day(1), day(0)]
    app = open_it(compare="Same time last week")
    assert not app.exception
    assert app.metric[0].delta == ""


def test_the_share_of_volume_has_its_own_cells(open_it: OpenPage) -> None:
    accounts, volume = open_it(), open_it(share_of="Volume")
    assert "to 80.0 %" in accounts.get("echarts_chart")[-1].proto.alt
    assert "from 100.0 % to 100.0 %" in volume.get("echarts_chart")[-1].proto.alt


def test_a_made_up_share_is_the_default(open_it: OpenPage) -> None:
    app = open_it(share_of="<script>")
    assert not app.exception
    assert "to 80.0 %" in app.get("echarts_chart")[-1].proto.alt


def test_an_empty_warehouse_says_so(open_it: OpenPage, rows: Any) -> None:
    rows.rows.update(activity=[], retention=[], first_day=[{"first_day": None}])
    app = open_it()
    assert not app.exception
    assert "No week of payments is over yet." in captions(app)
    assert [box.value for box in app.info if "finhouse gen --resume" in box.value]


def test_without_a_warehouse_it_says_why_and_what_to_do(open_it: OpenPage, rows: Any) -> None:
    rows.error = UNREACHABLE
    app = open_it()
    assert not app.exception
    (error,) = app.error
    assert "`./finhouse status`" in error.value
    assert "Waiting for the warehouse." in captions(app)
