"""What narrows a page down: chosen values per dimension, a part of its time, and a grain.

All of it lives in the URL, which anybody may have written: what has not the shape of a value is
left out, and nothing here raises. Values reach ClickHouse as parameters only, one text for each
dimension with a line per value; none of them can hold a line break.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from dashboard import formats, periods
from dashboard.periods import DAY, HOUR, MINUTE, WEEK, Days, Range, Window

MOST_VALUES = 20
MOST_POINTS = 750
ZOOM_POINTS = 120
LONGEST_ZOOM = 400 * DAY
FROM, TO = "from", "to"  # names of the URL

_TEXT = re.compile(r"[^\W_][\w &.,'/()+-]{0,63}")
_MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class Dimension:
    """What payments can be told apart by; `parse` gives a value in its one notation, or None."""

    name: str
    label: str
    parse: Callable[[str], str | None]


def _text(value: str) -> str | None:
    return value if _TEXT.fullmatch(value) else None


def _id(value: str) -> str | None:
    try:
        return str(UUID(value)) if len(value) == 36 else None
    except ValueError:
        return None


# In the order of the page; the names are those of the URL and of the query's parameters.
DIMENSIONS: Mapping[str, Dimension] = {
    dimension.name: dimension
    for dimension in (
        Dimension("merchant", "Merchant", _id),
        Dimension("category", "Category", _text),
        Dimension("country", "Country", _text),
        Dimension("currency", "Currency", _text),
        Dimension("status", "Status", _text),
        Dimension("reason", "Decline reason", _text),
    )
}

GRAINS: Mapping[str, timedelta | None] = {
    "Auto": None,
    "Minute": MINUTE,
    "5 minutes": 5 * MINUTE,
    "15 minutes": 15 * MINUTE,
    "Hour": HOUR,
    "Day": DAY,
    "Week": WEEK,
}
_WIDTHS = [width for width in GRAINS.values() if width]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a page can be narrowed down by: what each of its numbers knows, or says it does not."""

    dimensions: tuple[str, ...] = ()
    has_comparison: bool = True
    has_grain: bool = False
    has_zone: bool = False
    has_modes: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the URL that are the page's to read."""
        return (*self.dimensions, FROM, TO)


# By the last part of a page's address. The other pages have nothing to narrow down.
OFFERS: Mapping[str, Offer] = {
    "overview": Offer(
        ("category", "country", "currency"), has_grain=True, has_zone=True, has_modes=True
    ),
    "acceptance": Offer(("category", "country", "currency")),
    "risk": Offer(("category", "country"), has_zone=True),
    "merchants": Offer(("category", "country"), has_grain=True, has_zone=True),
    "accounts": Offer(),
    "account": Offer(has_comparison=False, has_zone=True),
    "fx": Offer(("currency",)),
    "explore": Offer(tuple(DIMENSIONS), has_grain=True),
}


@dataclass(frozen=True, slots=True)
class Zoom:
    """A part of the time, [start, end), whole minutes UTC."""

    start: datetime
    end: datetime

    @property
    def as_range(self) -> Range:
        """A range of this length, for what it is compared with."""
        length = self.end - self.start
        days = -(-length // DAY)
        words = formats.seconds(length.total_seconds())
        return Range(words.removesuffix(" 0 min").removesuffix(" 0 h"), length, DAY, days)

    def days(self, now: datetime) -> Days:
        """The whole UTC days around it, none of them after today."""
        today = now.astimezone(UTC).date()
        last = min((self.end - MINUTE).date(), today)
        return Days(min(self.start.date(), last), last, is_filling=last == today)

    @property
    def label(self) -> str:
        """As a chip says it."""
        until = "%H:%M" if self.start.date() == self.end.date() else "%d %b %H:%M"
        return f"{self.start:%d %b %H:%M} – {self.end:{until}} UTC"


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen values of each dimension; several of one dimension mean any of them."""

    chosen: tuple[tuple[str, tuple[str, ...]], ...] = ()
    zoom: Zoom | None = None

    def of(self, name: str) -> tuple[str, ...]:
        """The chosen values of a dimension."""
        return dict(self.chosen).get(name, ())

    @property
    def is_empty(self) -> bool:
        """Whether nothing is narrowed down."""
        return not self.chosen and self.zoom is None

    def having(self, name: str, values: Iterable[str]) -> Selection:
        """The same with other values of one dimension; what is no value is left out."""
        parse = DIMENSIONS[name].parse
        parsed = (parse(value) for value in values)
        kept = tuple(dict.fromkeys(value for value in parsed if value))[:MOST_VALUES]
        chosen = {**dict(self.chosen), name: kept}
        return replace(
            self, chosen=tuple((key, chosen[key]) for key in DIMENSIONS if chosen.get(key))
        )

    def only(self, names: Collection[str]) -> Selection:
        """The same of some dimensions."""
        return replace(self, chosen=tuple(one for one in self.chosen if one[0] in names))

    def toggled(self, name: str, value: str) -> Selection:
        """The same with one value more, or without it if it was chosen."""
        values = self.of(name)
        if value in values:
            return self.having(name, (one for one in values if one != value))
        return self.having(name, (*values, value))

    @property
    def parameters(self) -> dict[str, str]:
        """For a query: each dimension's values, one a line; nothing means all."""
        return {name: "\n".join(self.of(name)) for name in DIMENSIONS}

    @property
    def url(self) -> dict[str, list[str]]:
        """For the URL: every name this module owns, those without a value with none."""
        parts = {name: list(self.of(name)) for name in DIMENSIONS}
        for name in (FROM, TO):
            parts[name] = []
        if self.zoom:
            parts[FROM] = [f"{self.zoom.start:%Y-%m-%dT%H:%M}"]
            parts[TO] = [f"{self.zoom.end:%Y-%m-%dT%H:%M}"]
        return parts


def parse(url: Mapping[str, Sequence[str]]) -> Selection:
    """The selection of a URL's parameters (all values of each name). Never raises."""
    selection = Selection(zoom=_zoom(url.get(FROM, ()), url.get(TO, ())))
    for name in DIMENSIONS:
        selection = selection.having(name, url.get(name, ()))
    return selection


def _zoom(starts: Sequence[str], ends: Sequence[str]) -> Zoom | None:
    if len(starts) != 1 or len(ends) != 1:
        return None
    start, end = _moment(starts[0]), _moment(ends[0])
    return zoom_of(start, end) if start and end else None


def _moment(value: str) -> datetime | None:
    if not _MOMENT.fullmatch(value) or not value.isascii():
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        return None


def zoom_of(start: datetime, end: datetime) -> Zoom | None:
    """The whole minutes around two moments; None for anything that is no part of a time."""
    first = start.astimezone(UTC).replace(second=0, microsecond=0)
    last = end.astimezone(UTC).replace(second=0, microsecond=0)
    if last < end:
        last += MINUTE
    if not MINUTE <= last - first <= LONGEST_ZOOM:
        return None
    return Zoom(first, last)


def leftovers(
    url: Mapping[str, Sequence[str]], selection: Selection, offer: Offer, own: Collection[str] = ()
) -> list[str]:
    """What a URL asks for and the selection of a page leaves out, a sentence each.

    `own`: names that mean something else on the page. Nothing of what was written is repeated.
    """
    kept = selection.url
    asked = {name: len(set(url.get(name, ()))) for name in offer.names}
    # an id may be written in two ways; a value more than is kept is one left out
    count = sum(max(0, asked[name] - len(kept[name])) for name in offer.names)
    said = []
    if count:
        values = "A value" if count == 1 else f"{count:,} values"
        said.append(f"{values} in the address is no filter of this page and was left out.")
    others = [
        dimension.label.lower()
        for name, dimension in DIMENSIONS.items()
        if name not in (*offer.dimensions, *own) and url.get(name)
    ]
    if others:
        said.append(f"Not every number here is known by {' or '.join(others)}: left out.")
    return said


def fitted(chosen: Range, grain: timedelta | None) -> Range:
    """The range; in weeks the next that is a whole number of them. Smaller grains divide each."""
    if grain != WEEK or not _is_drawn(chosen.length, WEEK) or chosen.length % WEEK == timedelta(0):
        return chosen
    weeks = -(-chosen.length // WEEK)
    return replace(chosen, label=f"{weeks} weeks", length=weeks * WEEK, activity_days=weeks * 7)


def _is_drawn(length: timedelta, grain: timedelta) -> bool:
    """Whether the grain makes a chart of that time: neither a single bucket nor thousands."""
    return 2 <= length / grain <= MOST_POINTS


def window_of(chosen: Range, zoom: Zoom | None, grain: timedelta | None, now: datetime) -> Window:
    """The buckets to read: of the range up to now, or of the zoom, which is widened to whole ones.

    A grain that would make fewer than two or more than MOST_POINTS of them counts as none. A zoom
    that is not over ends now; one that has not begun counts as none.
    """
    now = now.astimezone(UTC)
    if zoom and zoom.start >= now:
        zoom = None
    length = min(zoom.end, now) - zoom.start if zoom else chosen.length
    if grain and not _is_drawn(length, grain):
        grain = None
    if not zoom:
        return periods.window_of(replace(chosen, bucket=grain or chosen.bucket), now)
    bucket = grain or next(
        (width for width in _WIDTHS if length / width <= ZOOM_POINTS), _WIDTHS[-1]
    )
    start = periods.floor(zoom.start, bucket)
    end = periods.floor(zoom.end - timedelta.resolution, bucket) + bucket
    if end <= now:
        return Window(
            start=start, end=end, complete_end=end, filling_from=end - bucket, bucket=bucket
        )
    minute = periods.floor(now, MINUTE)
    return Window(
        start=start,
        end=minute + MINUTE,
        complete_end=minute,
        filling_from=periods.floor(now, bucket),
        bucket=bucket,
    )


def grain_label(bucket: timedelta) -> str:
    """A bucket's width in words: `15 minutes`."""
    return next(
        (name.lower() for name, width in GRAINS.items() if width == bucket),
        f"{bucket // MINUTE} minutes",
    )


def range_of(search: str) -> tuple[str, str]:
    """The ids that begin as the search does, first and last, as UInt128 in decimal text.

    An empty range, 1 to 0, if that is no beginning of an id: fewer than four hexadecimal digits.
    """
    digits = search.replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-f]{4,32}", digits):
        return "1", "0"
    return str(int(digits.ljust(32, "0"), 16)), str(int(digits.ljust(32, "f"), 16))
