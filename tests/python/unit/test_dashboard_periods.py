"""Which minutes a page reads, and what it compares them with."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import periods

NOW = datetime(2026, 3, 29, 14, 37, 42, tzinfo=UTC)
MOMENTS = st.datetimes(
    min_value=datetime(2020, 1, 1), max_value=datetime(2035, 1, 1), timezones=st.just(UTC)
)


@pytest.mark.parametrize(
    ("key", "start", "filling_from"),
    [
        ("1h", "2026-03-29 13:38", "2026-03-29 14:37"),
        ("6h", "2026-03-29 08:40", "2026-03-29 14:35"),
        ("24h", "2026-03-28 14:45", "2026-03-29 14:30"),
        ("7d", "2026-03-22 15:00", "2026-03-29 14:00"),
        ("30d", "2026-02-28 00:00", "2026-03-29 00:00"),
    ],
)
def test_a_window_begins_on_a_bucket_and_ends_after_the_running_minute(
    key: str, start: str, filling_from: str
) -> None:
    window = periods.window_of(periods.RANGES[key], NOW)
    assert f"{window.start:%Y-%m-%d %H:%M}" == start
    assert f"{window.filling_from:%Y-%m-%d %H:%M}" == filling_from
    assert f"{window.complete_end:%H:%M:%S}" == "14:37:00"
    assert f"{window.end:%H:%M:%S}" == "14:38:00"


@pytest.mark.parametrize(
    ("key", "first", "whole_days", "shift", "versus"),
    [
        ("1h", date(2026, 3, 29), 0, 1, "day before"),
        ("24h", date(2026, 3, 28), 1, 1, "day before"),
        ("7d", date(2026, 3, 22), 7, 7, "previous 7 d"),
        ("30d", date(2026, 2, 28), 29, 35, "30 d ending 5 weeks ago"),
    ],
)
def test_whole_days_cover_the_range_and_are_compared_without_today(
    key: str, first: date, whole_days: int, shift: int, versus: str
) -> None:
    chosen = periods.RANGES[key]
    days = periods.days_of(chosen, NOW)
    assert (days.first, days.last, days.after) == (first, NOW.date(), date(2026, 3, 30))
    complete = days.complete
    assert (complete.after - complete.first).days == whole_days if complete else not whole_days
    previous = periods.COMPARISONS["Previous period"]
    assert periods.day_shift_of(previous, chosen) == timedelta(days=shift)
    assert periods.describe_day_comparison(previous, chosen) == versus
    last_week = periods.COMPARISONS["Same time last week"]
    assert periods.describe_day_comparison(last_week, chosen) == "same days last week"
    last_year = periods.COMPARISONS["Same weekday last year"]
    assert periods.describe_comparison(last_year, chosen) == "same time 52 weeks ago"
    assert periods.describe_day_comparison(last_year, chosen) == "same days 52 weeks ago"
    assert periods.shift_of(last_year, chosen) == timedelta(days=364)
    assert periods.day_shift_of(last_year, chosen) == timedelta(days=364) == 52 * periods.WEEK


@given(now=MOMENTS, key=st.sampled_from(sorted(periods.RANGES)))
def test_the_days_before_are_none_of_the_days(now: datetime, key: str) -> None:
    chosen = periods.RANGES[key]
    days = periods.days_of(chosen, now)
    assert days.at_least(14).first <= days.first <= now.date() == days.last
    if days.complete:
        shift = periods.day_shift_of(periods.COMPARISONS["Previous period"], chosen)
        assert days.complete.shifted(shift).after <= days.first


@given(now=MOMENTS, key=st.sampled_from(sorted(periods.RANGES)))
def test_any_window_holds_now_in_its_last_bucket_and_few_enough_points(
    now: datetime, key: str
) -> None:
    chosen = periods.RANGES[key]
    window = periods.window_of(chosen, now)
    assert window.filling_from <= now < window.fill_to
    assert window.slots * chosen.bucket == chosen.length
    assert window.slots <= 2000


@given(
    now=MOMENTS,
    key=st.sampled_from(sorted(periods.RANGES)),
    compare=st.sampled_from(sorted(periods.COMPARISONS)),
)
def test_a_comparison_is_as_long_as_the_whole_minutes_and_not_after_them(
    now: datetime, key: str, compare: str
) -> None:
    chosen = periods.RANGES[key]
    window = periods.window_of(chosen, now)
    before = periods.shifted(window, periods.shift_of(periods.COMPARISONS[compare], chosen))
    assert before.end - before.start == window.complete_end - window.start
    assert before.end == before.complete_end
    if compare == periods.DEFAULT_COMPARISON:
        assert before.end <= window.start


def test_a_moment_in_another_time_zone_gives_the_utc_window() -> None:
    auckland = NOW.astimezone(timezone(timedelta(hours=13)))
    chosen = periods.RANGES["30d"]
    assert periods.window_of(chosen, auckland) == periods.window_of(chosen, NOW)
    days = periods.activity_days(chosen, auckland)
    assert (days.first, days.after) == (date(2026, 2, 28), date(2026, 3, 30))


@pytest.mark.parametrize(
    ("key", "days", "words"),
    [
        ("1h", 1 / 24, "previous 1 h"),
        ("24h", 1, "previous 24 h"),
        ("7d", 7, "previous 7 d"),
        ("30d", 35, "30 d ending 5 weeks ago"),
    ],
)
def test_the_previous_period_keeps_weekdays_from_a_week_on(
    key: str, days: float, words: str
) -> None:
    previous = periods.COMPARISONS["Previous period"]
    chosen = periods.RANGES[key]
    assert periods.shift_of(previous, chosen) == timedelta(days=days)
    assert periods.describe_comparison(previous, chosen) == words


@pytest.mark.parametrize("key", [None, "", "7D", "'; drop table x --", 7, ["7d"], {"7d": 1}])
def test_an_unknown_choice_falls_back_to_the_default(key: object) -> None:
    assert periods.choose(key, periods.RANGES, "24h") is periods.RANGES["24h"]
    assert periods.choose("7d", periods.RANGES, "24h") is periods.RANGES["7d"]
