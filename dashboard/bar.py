"""The filters of the pages: one state in the URL, controls for it, and chips that take it out.

What a page offers stands in `filters.OFFERS`. What is chosen goes along from page to page: where a
page does not offer it, it waits for the next one that does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard import data, filters, periods, ui, views
from dashboard.filters import DIMENSIONS, OFFERS, Offer, Selection
from dashboard.periods import DAY, Comparison, Range
from dashboard.queries import alerts, explore
from dashboard.queries.narrowed import BOOKED, Money
from dashboard.views import CONTROLS, MODES, ZONES, View
from infra.errors import FinhouseError

STATUSES = {"success": "green", "failed": "red", "pending": "orange"}
# The names of a page's URL that are a filter elsewhere and something else there.
OWN = {"merchants": ("merchant",)}
UTC_ZONE = "UTC"
BOOKED_WORDS = "Amounts in EUR use the rate of the payment's day."

state = st.session_state


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page is asked to show."""

    preset: Range
    comparison: Comparison
    paused: bool
    selection: Selection = Selection()
    grain: timedelta | None = None
    zone: str = UTC_ZONE
    mode: str = MODES[0]

    @property
    def chosen(self) -> Range:
        """The range; of a custom time one as long as its buckets."""
        zoom = self.selection.zoom
        if not zoom:
            return self.preset
        window = self.window(datetime.now(UTC))
        return replace(zoom.as_range, length=window.fill_to - window.start)

    @property
    def span(self) -> str:
        """The time in words, after a comma."""
        zoom = self.selection.zoom
        return zoom.label if zoom else f"last {self.preset.label}"

    def window(self, now: datetime) -> periods.Window:
        """The buckets to read."""
        return filters.window_of(self.preset, self.selection.zoom, self.grain, now)

    @property
    def days(self) -> periods.Days:
        """The whole UTC days that cover the time as it is now."""
        now = datetime.now(UTC)
        zoom = self.selection.zoom
        return zoom.days(now) if zoom else periods.days_of(self.preset, now)

    @property
    def active_days(self) -> periods.Days:
        """The UTC days that count for active accounts."""
        if self.selection.zoom:
            return self.days
        return periods.activity_days(self.preset, datetime.now(UTC))

    @property
    def shift(self) -> timedelta:
        """How far back the comparison lies."""
        return periods.shift_of(self.comparison, self.chosen)

    @property
    def versus(self) -> str:
        """The comparison in words."""
        return periods.describe_comparison(self.comparison, self.chosen)

    @property
    def _range_of_days(self) -> Range:
        zoom = self.selection.zoom
        if not zoom:
            return self.preset
        count = self.days.count
        return replace(zoom.as_range, label=f"{count} d", length=count * DAY)

    @property
    def day_shift(self) -> timedelta:
        """How far back the comparison lies where whole days are compared."""
        return periods.day_shift_of(self.comparison, self._range_of_days)

    @property
    def days_before(self) -> periods.Days | None:
        """The whole days that the days are compared with, if that is wanted and there is data."""
        complete = self.days.complete
        earlier = complete.shifted(self.day_shift) if complete else None
        return earlier if earlier and self.compares_from(earlier.first) else None

    @property
    def versus_days(self) -> str:
        """The comparison of whole days in words."""
        return periods.describe_day_comparison(self.comparison, self._range_of_days)

    @property
    def against(self) -> str:
        """For a caption: what changes are measured against."""
        wanted = self.comparison.is_wanted
        return f"changes against {self.versus}" if wanted else "compared with nothing"

    @property
    def against_days(self) -> str:
        """The same where whole days are compared."""
        wanted = self.comparison.is_wanted
        return f"whole days against {self.versus_days}" if wanted else "compared with nothing"

    def compares_from(self, day: date) -> bool:
        """Whether a comparison is wanted, and payments of the whole UTC day it begins on exist."""
        return self.comparison.is_wanted and data.has_whole_day(day)

    @property
    def money(self) -> Money:
        """How amounts are valued: constant rates are those of the last day of the time."""
        currencies = self.selection.of("currency")
        if self.mode == MODES[1]:
            return Money("constant", self.days.last)
        if self.mode == MODES[2] and len(currencies) == 1:
            return Money("original", self.days.last, currencies[0])
        return BOOKED

    @property
    def money_words(self) -> str:
        """How amounts are valued, for a caption; nothing where it is the usual way."""
        money = self.money
        if money.mode == "constant":
            return f"EUR at the rates of {money.valuation:%d %b %Y}"
        return f"amounts in {money.currency}" if money.currency else ""

    def offset(self, window: periods.Window) -> timedelta:
        """What is added to UTC where times are drawn: that of the end; none for days, which are
        UTC days."""
        if self.zone == UTC_ZONE or window.bucket >= DAY:
            return timedelta(0)
        return window.end.astimezone(ZoneInfo(self.zone)).utcoffset() or timedelta(0)

    def clock(self, window: periods.Window) -> str:
        """Which clock the times of a chart are of."""
        if self.zone == UTC_ZONE:
            return "UTC"
        if window.bucket >= DAY:
            return "UTC days"
        offset = window.end.astimezone(ZoneInfo(self.zone)).strftime("%z")
        return f"{self.zone} (UTC{offset[:3]}:{offset[3:]})"

    def per(self, window: periods.Window) -> str:
        """Buckets and time of a chart in words."""
        clock = self.clock(window)
        if self.selection.zoom and clock == UTC_ZONE:
            clock = ""  # the span says it
        parts = [f"per {filters.grain_label(window.bucket)}", self.span, clock]
        return ", ".join(part for part in parts if part)

    @property
    def zone_title(self) -> str:
        """For the heading of a column of times."""
        return self.zone.rpartition("/")[2].replace("_", " ") if self.zone != UTC_ZONE else "UTC"

    def time(self, moment: datetime, shown_as: str) -> str:
        """A moment in the chosen zone."""
        return format(moment.astimezone(ZoneInfo(self.zone)), shown_as)

    def times(self, window: periods.Window) -> str:
        """From when to when a window is, in the chosen zone."""
        start = self.time(window.start, "%d %b %Y %H:%M")
        end = "now" if window.is_filling else self.time(window.end, "%d %b %Y %H:%M")
        return f"{start} – {end}, {self.zone}"

    def every(self, interval: str) -> str | None:
        """A fragment's `run_every`: None while the page is paused."""
        return None if self.paused else interval


def current(page: str) -> Filters:
    """The filters of a page as they are now; what a URL or a client made up is left out."""
    offer = OFFERS.get(page, Offer())
    zone = state.get("tz")
    mode = state.get("amounts")
    grain = None
    if offer.has_grain:
        grain = periods.choose(state.get("grain"), filters.GRAINS, "Auto")
    preset = periods.choose(state.get("range"), periods.RANGES, periods.DEFAULT_RANGE)
    return Filters(
        preset=filters.fitted(preset, grain),
        comparison=periods.choose(
            state.get("compare"), periods.COMPARISONS, periods.DEFAULT_COMPARISON
        ),
        paused=state.get("pause") is True,
        selection=selected(page),
        grain=grain,
        zone=str(zone) if offer.has_zone and zone in ZONES else UTC_ZONE,
        mode=str(mode) if offer.has_modes and mode in MODES else MODES[0],
    )


def selected(page: str) -> Selection:
    """The selection of the URL that the page offers. A value that nothing has selects nothing."""
    offer = OFFERS.get(page, Offer())
    url = st.query_params
    selection = filters.parse({name: url.get_all(name) for name in offer.names})
    if selection.zoom and selection.zoom.start >= datetime.now(UTC):
        selection = replace(selection, zoom=None)
    return selection


def select(selection: Selection) -> None:
    """Put a selection into the URL; tables begin at their first page again."""
    for name, values in selection.url.items():
        if name == "merchant" and state.get("filters_page") in OWN:
            continue
        if values:
            st.query_params[name] = values
        else:
            st.query_params.pop(name, None)
    for name in state.get(ui.TABLE_PAGES, ()):
        if name in state:
            state[name] = 1
    state["filters_changed"] = state.get("filters_changed", 0) + 1
    state["filters_redraw"] = True


def draw_again_if_changed() -> None:
    """A choice made within a fragment is for the whole page."""
    if state.pop("filters_redraw", False):
        st.rerun()


def carry(page: str) -> None:
    """Filters go along to a page whose address has none of its own."""
    kept: dict[str, list[str]] = state.setdefault("filters_kept", {})
    offer = OFFERS.get(page)
    came, state["filters_page"] = state.get("filters_page") != page, page
    if offer is None:
        return
    if came and not any(name in st.query_params for name in offer.names):
        for name in offer.names:
            if kept.get(name):
                st.query_params[name] = kept[name]
    for name in offer.names:
        kept[name] = st.query_params.get_all(name)


def sidebar(page: str) -> None:
    """Time, comparison, and how things are shown; their state lives in the URL."""
    offer = OFFERS.get(page)
    with st.sidebar:
        if offer:
            _time_controls(page, offer)
        st.toggle(
            "Pause auto-refresh",
            key="pause",
            bind="query-params",
            help="Freezes the page until you switch it off.",
        )
        now = current(page)  # the controls are what reads the address
        st.caption(
            f"Times in {now.zone_title}, days in UTC. "
            + (f"Amounts: {now.money_words}." if now.money_words else BOOKED_WORDS)
        )
        saved_views(page)
        st.fragment(run_every=now.every("15s"))(firing_mark)()


def _time_controls(page: str, offer: Offer) -> None:
    zoom = selected(page).zoom
    st.segmented_control(
        "Range",
        list(periods.RANGES),
        default=periods.DEFAULT_RANGE,
        required=True,
        key="range",
        bind="query-params",
        width="stretch",
        disabled=zoom is not None,
        help="A custom time is chosen: its chip takes it out." if zoom else None,
    )
    if offer.has_comparison:
        st.selectbox("Compare with", list(periods.COMPARISONS), key="compare", bind="query-params")
    if offer.has_grain:
        st.selectbox("Grain", list(filters.GRAINS), key="grain", bind="query-params")
    if offer.has_modes:
        st.selectbox(
            "Amounts",
            MODES,
            key="amounts",
            bind="query-params",
            help="Booked: each payment at the rate of its day. Constant: all of them at the rates "
            "of the last day shown, so that only volume moves. Original: of one currency.",
        )
    if offer.has_zone:
        st.selectbox(
            "Time zone",
            ZONES,
            key="tz",
            bind="query-params",
            format_func=lambda zone: zone.replace("_", " "),
            help="Of times of day. Days are UTC days everywhere, whatever the zone.",
        )


def saved_views(page: str) -> None:
    """The views of the file, and the one that is open in the file's words."""
    with st.expander(
        "Saved views", icon=":material/bookmarks:", key="views", on_change="rerun"
    ) as box:
        if not box.open:
            return
        try:
            for number, view in enumerate(views.saved()):
                st.button(
                    ui.plain(view.name),
                    type="tertiary",
                    key=f"view_{number}",
                    on_click=open_view,
                    args=(view,),
                )
            views.all_marks()
        except FinhouseError as error:
            st.caption(
                f":material/error: {error.message}: {ui.plain(error.why or '')} · {error.fix}"
            )
        if page in OFFERS:
            chosen = {
                name: state[name]
                for name in views.controls_of(page)
                if name in state and state[name] != CONTROLS[name][0]
            }
            asked = {name: values for name, values in selected(page).url.items() if values}
            single = {name: one[0] if len(one) == 1 else one for name, one in asked.items()}
            st.caption("What is open now, to put into `views.yml`:")
            st.code(views.as_text(page, {**chosen, **single}), language="yaml")


def open_view(view: View) -> None:
    """Put a view's filters into the state; `follow_view` goes to its page."""
    for name in views.controls_of(view.page):
        state[name] = view.filters.get(name, CONTROLS[name][0])
    for name in (*DIMENSIONS, filters.FROM, filters.TO):
        st.query_params.pop(name, None)
    state["filters_kept"] = view.values
    state["filters_page"] = None
    state["filters_changed"] = state.get("filters_changed", 0) + 1
    state["view_page"] = view.page


def follow_view(page: str) -> None:
    """Go to the page of a view that was opened."""
    wanted = state.pop("view_page", page)
    if wanted != page:
        # none at all would also clear what widgets own, which Streamlit refuses
        st.switch_page(f"app_pages/{wanted}.py", query_params=state["filters_kept"])


def firing_mark() -> None:
    """A link that says how many alerts fire; nothing while none does or nobody knows."""
    try:
        count = sum(row["count_firing"] for row in data.recent(alerts.firing()).rows)
    except FinhouseError:
        return  # the header tells
    if count:
        said = "1 alert fires" if count == 1 else f"{count:,} alerts fire"
        icon = ":material/notifications_active:"
        st.page_link("app_pages/alerts.py", label=f":red[**{said}**]", icon=icon)


def draw(page: str) -> None:
    """The bar above a page: what can be chosen, what is, and what of the address is not."""
    offer = OFFERS.get(page)
    if offer is None:
        return
    selection = selected(page)
    with st.container(horizontal=True, vertical_alignment="center", key="filters"):
        popover = st.popover(
            "Filter", icon=":material/filter_list:", key="filter_bar", on_change="rerun"
        )
        if popover.open:
            with popover:
                pickers(page, offer, selection)
        chips(selection)
    url = {name: st.query_params.get_all(name) for name in st.query_params}
    for sentence in filters.leftovers(url, selection, offer, OWN.get(page, ())):
        st.caption(f":material/info: {sentence}")
    is_original = offer.has_modes and state.get("amounts") == MODES[2]
    if is_original and len(selection.of("currency")) != 1:
        st.caption(
            ":material/info: Original amounts are shown of exactly one currency: choose one under "
            "Filter. These are booked EUR."
        )
    if problem := state.pop("filters_problem", None):
        st.caption(f":material/info: {problem}")


def pickers(page: str, offer: Offer, selection: Selection) -> None:
    """A time, and every value of every dimension, for what no list shows and for the keyboard."""
    number = state.get("filters_changed", 0)
    left, right = st.columns(2)
    zoom = selection.zoom
    keys = (f"pick_from_{number}", f"pick_to_{number}")
    for column, label, key, moment in (
        (left, "From, UTC", keys[0], zoom and zoom.start),
        (right, "Until, UTC", keys[1], zoom and zoom.end),
    ):
        with column:
            st.datetime_input(
                label,
                moment.replace(tzinfo=None) if moment else None,
                key=key,
                on_change=pick_time,
                args=(page, *keys),
            )
    if not offer.dimensions:
        return
    try:
        rows = data.past(explore.values()).rows
    except FinhouseError:
        st.caption("Waiting for the warehouse.")
        return
    for name in offer.dimensions:
        options = list(STATUSES) if name == "status" else []
        options += [row["value"] for row in rows if row["dimension"] == name]
        options += [value for value in selection.of(name) if value not in options]
        key = f"pick_{name}_{number}"
        st.multiselect(
            DIMENSIONS[name].label,
            options,
            default=list(selection.of(name)),
            format_func=partial(shown_value, name),
            max_selections=filters.MOST_VALUES,
            key=key,
            on_change=pick,
            args=(page, name, key),
        )


def pick(page: str, name: str, key: str) -> None:
    """The reader changed the values of one dimension."""
    select(selected(page).having(name, state[key]))


def pick_time(page: str, start_key: str, end_key: str) -> None:
    """The reader chose one end of a time, or both."""
    start, end = state[start_key], state[end_key]
    if start is None or end is None:
        return
    zoom = filters.zoom_of(start.replace(tzinfo=UTC), end.replace(tzinfo=UTC))
    if zoom is None or zoom.start >= datetime.now(UTC):
        state["filters_problem"] = (
            f"A time begins before it ends and before now, and has at most "
            f"{filters.LONGEST_ZOOM.days} days."
        )
        return
    select(replace(selected(page), zoom=zoom))


def chips(selection: Selection) -> None:
    """What is chosen, each with its way out."""
    if selection.is_empty:
        return
    if selection.zoom:
        chip(selection.zoom.label, replace(selection, zoom=None), "zoom")
    for name, values in selection.chosen:
        for value in values:
            text = f"{DIMENSIONS[name].label}: {ui.plain(shown_value(name, value))}"
            chip(text, selection.toggled(name, value), f"{name}_{value}")
    st.button(
        "Reset all",
        icon=":material/restart_alt:",
        type="tertiary",
        key="reset_all",
        on_click=select,
        args=(Selection(),),
    )


def chip(text: str, without: Selection, key: str) -> None:
    """One chosen value; a click takes it out."""
    st.button(
        text,
        icon=":material/close:",
        key=f"chip_{key}",
        help="Take this filter out",
        on_click=select,
        args=(without,),
    )


@st.cache_data(ttl=60, max_entries=4, show_spinner=False)
def merchant_names() -> Mapping[str, str]:
    """The merchants' names by their ids. Raises FinhouseError."""
    rows = data.run_call(explore.values()).rows
    return {row["value"]: row["name"] for row in rows if row["dimension"] == "merchant"}


def shown_value(name: str, value: str) -> str:
    """A value as a reader knows it."""
    if name == "merchant":
        try:
            found = merchant_names().get(value)
        except FinhouseError:
            found = None
        return found or f"unknown ({value[:8]})"
    if name in ("country", "currency"):
        return value
    return value.replace("_", " ").capitalize()


def nothing_here(filters_: Filters) -> None:
    """Says why all counts are zero."""
    ui.nothing_here(filters_.span, is_narrowed=bool(filters_.selection.chosen))
