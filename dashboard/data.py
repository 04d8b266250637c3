"""Cached answers, shared by all viewers: N open pages cost one query per time-to-live.

Live numbers expire in the foreground, so what is shown is never older than the ttl. Only the past
is refreshed in the background, which serves the old answer once more: it hardly changes.
"""

from __future__ import annotations

from datetime import date

import streamlit as st

from dashboard.connection import Answer, ClickHouseConnection
from dashboard.queries import overview
from dashboard.queries.call import Call


def run_call(call: Call) -> Answer:
    """Run a call now. Raises FinhouseError."""
    return st.connection("clickhouse", type=ClickHouseConnection).run(call)


@st.cache_data(ttl=1, max_entries=256, show_spinner=False, hash_funcs={Call: repr})
def live(call: Call) -> Answer:
    """An answer at most one second old."""
    return run_call(call)


@st.cache_data(ttl=5, max_entries=256, show_spinner=False, hash_funcs={Call: repr})
def recent(call: Call) -> Answer:
    """An answer at most five seconds old, for what is drawn."""
    return run_call(call)


@st.cache_data(
    ttl=60,
    max_entries=256,
    show_spinner=False,
    refresh_mode="background",
    hash_funcs={Call: repr},
)
def past(call: Call) -> Answer:
    """An answer about a finished period; a minute old, or older after an idle time."""
    return run_call(call)


def first_day() -> date | None:
    """The first UTC day with a payment; None while there is none."""
    found: date | None = past(overview.first_day()).rows[0]["first_day"]
    return found


def has_whole_day(day: date) -> bool:
    """Whether payments of the whole of a UTC day were recorded, so that it can be compared with."""
    first = first_day()
    return first is not None and first < day
