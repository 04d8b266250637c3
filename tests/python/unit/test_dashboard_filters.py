"""Filters of a page: whatever a URL holds, it becomes a selection that is safe to ask with."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from dashboard import filters, periods
from dashboard.filters import DIMENSIONS, Selection, Zoom

NOW = datetime(2026, 3, 29, 14, 37, 42, tzinfo=UTC)
MERCHANT = str(UUID(int=7))
HOSTILE = [
    "",
    " ",
    "\x00",
    "a\nb",
    "travel\n",
    "' or 1=1 --",
    "{x:Identifier}",
    "\\'; drop table gold.x",
    "x" * 65,
    "<script>alert(1)</script>",
    "\ud800",
    "../../etc/passwd",
    "null",
    "१२३",
    "2026-02-30T10:00",
    "2026-03-29T10:00",
    "2026-03-29T10:00 ",
    "2026-03-29T25:99",
    "9999-12-31T23:59",
    "2０26-03-29T10:00",
    MERCHANT,
    MERCHANT.upper(),
    "{" + MERCHANT + "}",
    "urn:uuid:" + MERCHANT,
    "travel",
    "DE",
    "do_not_honor",
]


def moment(hour: int, minute: int = 0) -> datetime:
    return NOW.replace(hour=hour, minute=minute, second=0)


@pytest.mark.parametrize("seed", range(300))
def test_any_url_makes_a_selection_that_its_own_url_makes_again(seed: int) -> None:
    rng = random.Random(seed)
    names = [*DIMENSIONS, filters.FROM, filters.TO, "other"]
    noise = "".join(chr(rng.randrange(0x300)) for _ in range(rng.randrange(12)))
    url = {
        name: rng.choices([*HOSTILE, noise], k=rng.choice((0, 1, 1, 2, 40)))
        for name in rng.sample(names, rng.randrange(len(names) + 1))
    }
    selection = filters.parse(url)
    assert filters.parse(selection.url) == selection
    for name, values in selection.chosen:
        assert 0 < len(values) <= filters.MOST_VALUES
        assert len(set(values)) == len(values)
        sent = selection.parameters[name]
        assert sent.split("\n") == list(values)
        assert not set(sent) & set("\x00{}\\<>;")
    if selection.zoom:
        assert selection.zoom.start < selection.zoom.end
        window = filters.window_of(periods.RANGES["24h"], selection.zoom, None, NOW)
        assert 1 <= window.slots <= filters.MOST_POINTS


def test_values_have_one_notation_and_ids_are_ids() -> None:
    selection = filters.parse({"merchant": [MERCHANT.upper(), MERCHANT, "7", "travel"]})
    assert selection.of("merchant") == (MERCHANT,)
    assert filters.parse({"category": ["travel", "a b", "x;y"]}).of("category") == ("travel", "a b")


def test_a_second_click_takes_a_value_out_and_the_others_stay() -> None:
    one = Selection().toggled("status", "failed").toggled("category", "travel")
    two = one.toggled("status", "pending")
    assert two.of("status") == ("failed", "pending")
    assert two.toggled("status", "pending") == one
    assert one.toggled("status", "failed").toggled("category", "travel").is_empty


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (moment(10), moment(10)),
        (moment(11), moment(10)),
        (moment(10), moment(10) + timedelta(days=500)),
    ],
)
def test_what_is_no_part_of_the_time_is_no_zoom(start: datetime, end: datetime) -> None:
    assert filters.zoom_of(start, end) is None


def test_a_zoom_is_the_whole_minutes_around_it() -> None:
    zoom = filters.zoom_of(moment(10) + timedelta(seconds=30), moment(10, 9) + timedelta(seconds=1))
    assert zoom == Zoom(moment(10), moment(10, 10))
    assert zoom.label == "29 Mar 10:00 – 10:10 UTC"


def test_a_zoom_is_read_in_whole_buckets_of_the_finest_grain_that_can_be_drawn() -> None:
    window = filters.window_of(periods.RANGES["24h"], Zoom(moment(3, 7), moment(9, 1)), None, NOW)
    assert window.bucket == timedelta(minutes=5)
    assert (window.start, window.end) == (moment(3, 5), moment(9, 5))
    assert window.fill_to == window.end


@pytest.mark.parametrize(
    ("key", "grain", "bucket"),
    [
        ("24h", "Hour", timedelta(hours=1)),
        ("24h", "Day", timedelta(minutes=15)),  # one bucket is no chart
        ("30d", "Minute", timedelta(days=1)),  # 43,200 are none either
        ("7d", "Day", timedelta(days=1)),
        ("7d", "Week", timedelta(hours=1)),
        ("30d", "Week", timedelta(days=7)),
        ("1h", "Auto", timedelta(minutes=1)),
    ],
)
def test_a_grain_that_cannot_be_drawn_counts_as_none(
    key: str, grain: str, bucket: timedelta
) -> None:
    window = filters.window_of(periods.RANGES[key], None, filters.GRAINS[grain], NOW)
    assert window.bucket == bucket


def test_weeks_begin_on_monday() -> None:
    def monday(month: int, day: int) -> datetime:
        return datetime(2026, month, day, tzinfo=UTC)

    week = filters.GRAINS["Week"]
    month = filters.fitted(periods.RANGES["30d"], week)
    assert (month.label, month.activity_days) == ("5 weeks", 35)
    window = filters.window_of(month, None, week, NOW)  # NOW is a Sunday
    assert (window.start, window.filling_from) == (monday(2, 23), monday(3, 23))
    assert window.slots == 5
    for label in ("Auto", "Day"):
        assert filters.fitted(periods.RANGES["30d"], filters.GRAINS[label]).label == "30 d"
    assert filters.fitted(periods.RANGES["7d"], week).label == "7 d"  # one week is no chart
    zoom = Zoom(monday(1, 5) + timedelta(days=2), monday(1, 26))
    window = filters.window_of(periods.RANGES["24h"], zoom, week, NOW)
    assert (window.start, window.end) == (monday(1, 5), monday(1, 26))


@pytest.mark.parametrize(
    ("search", "first", "last"),
    [
        ("0000", 0, (1 << 112) - 1),
        ("abc", 1, 0),
        ("books", 1, 0),
        ("", 1, 0),
        (MERCHANT, 7, 7),
        ("FFFF", 0xFFFF << 112, (1 << 128) - 1),
        ("f" * 33, 1, 0),
    ],
)
def test_a_search_is_a_range_of_ids_or_an_empty_one(search: str, first: int, last: int) -> None:
    found = tuple(int(bound) for bound in filters.range_of(search))
    assert found == (first, last)


def test_a_zoom_that_is_not_over_ends_now_and_one_that_has_not_begun_is_none() -> None:
    running = Zoom(moment(10), moment(23))
    window = filters.window_of(periods.RANGES["24h"], running, None, NOW)
    assert window.is_filling
    assert (window.start, window.end) == (moment(10), moment(14, 38))
    over = filters.window_of(periods.RANGES["24h"], Zoom(moment(10), moment(12)), None, NOW)
    assert not over.is_filling
    assert list(over.over([1, 2])) == [1, 2]
    ahead = Zoom(moment(20), moment(21))
    preset = filters.window_of(periods.RANGES["24h"], None, None, NOW)
    assert filters.window_of(periods.RANGES["24h"], ahead, None, NOW) == preset


@pytest.mark.parametrize(
    ("zoom", "first", "last", "filling"),
    [
        (Zoom(moment(10), moment(12)), 29, 29, True),
        (Zoom(moment(10) - timedelta(days=2), moment(0)), 27, 28, False),
        (Zoom(moment(10) - timedelta(days=1), moment(0) + timedelta(days=3)), 28, 29, True),
    ],
)
def test_the_days_of_a_zoom_are_whole_and_none_is_ahead(
    zoom: Zoom, first: int, last: int, filling: bool
) -> None:
    days = zoom.days(NOW)
    assert (days.first.day, days.last.day, days.is_filling) == (first, last, filling)
    complete = days.complete
    assert complete is None or complete.after <= NOW.date()
    assert days.shifted(timedelta(days=7)).complete == days.shifted(timedelta(days=7))


def test_leftovers_are_counted_and_never_repeated() -> None:
    offer = filters.OFFERS["overview"]
    url = {"category": ["travel", "zzz"], "status": ["failed"], "from": ["x"]}
    said = filters.leftovers(url, filters.parse({"category": ["travel"]}), offer)
    assert said[0].startswith("2 values in the address")
    assert "status" in said[1]
    assert filters.leftovers({"merchant": ["x"]}, Selection(), offer, ("merchant",)) == []
