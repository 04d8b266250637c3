"""Time ranges and what they are compared with: which minutes a page reads. All times are UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from dashboard import formats

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
YEAR = 52 * WEEK  # so that weekdays match
# A Monday: buckets of every width up to a week begin a whole number of widths after it.
_EPOCH = datetime(1970, 1, 5, tzinfo=UTC)

Option = TypeVar("Option")
Bucket = TypeVar("Bucket")


@dataclass(frozen=True, slots=True)
class Range:
    """A preset: how far back, in buckets of what width, and for how many days of activity."""

    label: str
    length: timedelta
    bucket: timedelta
    activity_days: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a number is compared with; `shift` None means the period before, see `shift_of`.

    `when` says in words how far back a fixed shift is.
    """

    shift: timedelta | None
    when: str = ""
    is_wanted: bool = True


# The keys are what the sidebar shows and the URL carries.
RANGES: Mapping[str, Range] = {
    "1h": Range("1 h", HOUR, MINUTE, 1),
    "6h": Range("6 h", 6 * HOUR, 5 * MINUTE, 1),
    "24h": Range("24 h", DAY, 15 * MINUTE, 1),
    "7d": Range("7 d", 7 * DAY, HOUR, 7),
    "30d": Range("30 d", 30 * DAY, DAY, 30),
}
COMPARISONS: Mapping[str, Comparison] = {
    "Previous period": Comparison(None),
    "Same time last week": Comparison(WEEK, "last week"),
    "Same weekday last year": Comparison(YEAR, "52 weeks ago"),
    "Nothing": Comparison(None, is_wanted=False),
}
DEFAULT_RANGE = "24h"
DEFAULT_COMPARISON = "Previous period"


def choose(key: object, options: Mapping[str, Option], default: str) -> Option:
    """The option named `key`; the default for anything else (a URL may hold anything)."""
    return options[key] if isinstance(key, str) and key in options else options[default]


@dataclass(frozen=True, slots=True)
class Window:
    """The minutes a page reads: [start, end), cut into buckets from `start` on.

    The last bucket, which begins at `filling_from`, still fills; so does the last minute, which
    begins at `complete_end`. Comparisons look at whole minutes only.
    """

    start: datetime
    end: datetime
    complete_end: datetime
    filling_from: datetime
    bucket: timedelta

    @property
    def fill_to(self) -> datetime:
        """End of the last bucket."""
        return self.filling_from + self.bucket

    @property
    def is_filling(self) -> bool:
        """Whether the last bucket is not over."""
        return self.complete_end < self.fill_to

    @property
    def slots(self) -> int:
        """Number of buckets, the filling one included."""
        return (self.fill_to - self.start) // self.bucket

    def over(self, buckets: Sequence[Bucket]) -> Sequence[Bucket]:
        """Of one value per bucket those that will not change: without the one that fills."""
        return buckets[:-1] if self.is_filling else buckets


@dataclass(frozen=True, slots=True)
class Days:
    """Whole UTC days, `first` to `last`; the last one still fills if it is today."""

    first: date
    last: date
    is_filling: bool = True

    @property
    def words(self) -> str:
        """The days as a reader is told them."""
        return f"{self.short}, UTC" + (", today so far" if self.is_filling else "")

    @property
    def short(self) -> str:
        """The same in fewer words."""
        return formats.days(self.first, self.last)

    @property
    def after(self) -> date:
        """The day after the last one."""
        return self.last + DAY

    @property
    def open_from(self) -> date:
        """The first day that is not over: the last one while it fills, else the one after it."""
        return self.last if self.is_filling else self.after

    @property
    def count(self) -> int:
        """Number of days."""
        return (self.after - self.first).days

    @property
    def complete(self) -> Days | None:
        """The same without today, which comparisons leave out; None if there is no other day."""
        if self.open_from == self.first:
            return None
        return Days(self.first, self.open_from - DAY, is_filling=False)

    def shifted(self, shift: timedelta) -> Days:
        """The same days, earlier: all of them are over."""
        return Days(self.first - shift, self.last - shift, is_filling=False)

    def at_least(self, days: int) -> Days:
        """These days and as many before them as make so many, for what is drawn."""
        return replace(self, first=min(self.first, self.after - days * DAY))


def days_of(chosen: Range, now: datetime) -> Days:
    """The days of a range that ends now, for what is known per day only."""
    window = window_of(chosen, now)
    return Days(window.start.date(), window.complete_end.date())


def window_of(chosen: Range, now: datetime) -> Window:
    """The window of a range that ends now; all of its buckets but the last are whole."""
    now = now.astimezone(UTC)
    filling_from = floor(now, chosen.bucket)
    complete_end = floor(now, MINUTE)
    return Window(
        start=filling_from - chosen.length + chosen.bucket,
        end=complete_end + MINUTE,
        complete_end=complete_end,
        filling_from=filling_from,
        bucket=chosen.bucket,
    )


def shift_of(comparison: Comparison, chosen: Range) -> timedelta:
    """How far back the comparison lies: from 7 days on in whole weeks, so weekdays match."""
    if comparison.shift is not None:
        return comparison.shift
    if chosen.length < WEEK:
        return chosen.length
    return -(-chosen.length // WEEK) * WEEK


def shifted(window: Window, shift: timedelta) -> Window:
    """The same window, earlier; nothing in it fills any more."""
    return Window(
        start=window.start - shift,
        end=window.complete_end - shift,
        complete_end=window.complete_end - shift,
        filling_from=window.filling_from - shift,
        bucket=window.bucket,
    )


def describe_comparison(comparison: Comparison, chosen: Range) -> str:
    """The words after "vs": what the delta of a number is measured against."""
    if comparison.shift is not None:
        return f"same time {comparison.when}"
    if shift_of(comparison, chosen) == chosen.length:
        return f"previous {chosen.label}"
    return f"{chosen.label} ending {shift_of(comparison, chosen) // WEEK} weeks ago"


def day_shift_of(comparison: Comparison, chosen: Range) -> timedelta:
    """How far back the comparison of whole days lies: a day for ranges within one."""
    return max(shift_of(comparison, chosen), DAY)


def describe_day_comparison(comparison: Comparison, chosen: Range) -> str:
    """The words after "vs" where whole days are compared."""
    if comparison.shift is not None:
        return f"same days {comparison.when}"
    if day_shift_of(comparison, chosen) == DAY:
        return "day before"
    return describe_comparison(comparison, chosen)


def activity_days(chosen: Range, now: datetime) -> Days:
    """The UTC days that count for active accounts."""
    today = now.astimezone(UTC).date()
    return Days(today - timedelta(days=chosen.activity_days - 1), today)


def floor(moment: datetime, step: timedelta) -> datetime:
    """The begin of the bucket of this width that a moment falls in; weeks begin on Monday, UTC."""
    return moment - (moment - _EPOCH) % step
