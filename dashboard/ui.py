"""Pieces every page shares: filters, freshness badge, cards, error box, "how computed"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import streamlit as st

from dashboard import formats, periods
from dashboard.cards import Card
from dashboard.connection import Answer, Row
from dashboard.definitions import Definitions, Metric
from dashboard.periods import Comparison, Range
from infra.errors import FinhouseError

HOPS = 5  # gold.pipeline_freshness: a hop nothing has passed yet has no row
AMBER_S = 10
RED_S = 60


@dataclass(frozen=True, slots=True)
class Filters:
    """What the sidebar says."""

    chosen: Range
    comparison: Comparison
    paused: bool

    @property
    def shift(self) -> timedelta:
        """How far back the comparison lies."""
        return periods.shift_of(self.comparison, self.chosen)

    @property
    def versus(self) -> str:
        """The comparison in words."""
        return periods.describe_comparison(self.comparison, self.chosen)

    def every(self, interval: str) -> str | None:
        """A fragment's `run_every`: None while the page is paused."""
        return None if self.paused else interval


def sidebar() -> None:
    """The filters of all pages; their state lives in the URL."""
    with st.sidebar:
        st.segmented_control(
            "Range",
            list(periods.RANGES),
            default=periods.DEFAULT_RANGE,
            required=True,
            key="range",
            bind="query-params",
            width="stretch",
        )
        st.selectbox(
            "Compare with",
            list(periods.COMPARISONS),
            key="compare",
            bind="query-params",
        )
        st.toggle(
            "Pause auto-refresh",
            key="pause",
            bind="query-params",
            help="Freezes the page until you switch it off.",
        )
        st.caption("All times are UTC. Amounts in EUR use the rate of the payment's day.")


def filters() -> Filters:
    """The filters as they are now; what the URL or a client made up falls back to the default."""
    state = st.session_state
    return Filters(
        chosen=periods.choose(state.get("range"), periods.RANGES, periods.DEFAULT_RANGE),
        comparison=periods.choose(
            state.get("compare"), periods.COMPARISONS, periods.DEFAULT_COMPARISON
        ),
        paused=state.get("pause") is True,
    )


def freshness_badge(hops: Sequence[Row]) -> None:
    """How far behind the source the page is: the slowest hop decides, the help names them all."""
    behind = seconds_behind(hops)
    if behind is None:
        st.badge("no heartbeat yet", icon=":material/schedule:", color="red")
        return
    color, icon = "green", ":material/bolt:"
    if behind >= AMBER_S:
        color, icon = "orange", ":material/schedule:"
    if behind >= RED_S:
        color, icon = "red", ":material/warning:"
    st.badge(
        f"{formats.seconds(behind)} behind source",
        icon=icon,
        color=color,  # type: ignore[arg-type]
        help=hops_table(hops),
    )


def seconds_behind(hops: Sequence[Row]) -> float | None:
    """The largest lag of all hops; None unless each has passed a heartbeat on."""
    lags = [hop["lag_seconds"] for hop in hops]
    return max(lags) if len(lags) == HOPS and None not in lags else None


def hops_table(hops: Sequence[Row]) -> str:
    """Markdown: what lies behind each hop, and how long the newest heartbeat took there."""
    lines = ["Hop | Behind source | Time in hop", ":-- | --: | --:"]
    for hop in hops:
        lag, spent = hop["lag_seconds"], hop["hop_seconds"]
        cells = [
            hop["hop"],
            formats.NOTHING if lag is None else formats.seconds(lag),
            formats.NOTHING if spent is None else formats.seconds(spent),
        ]
        lines.append(" | ".join(cells))
    lines += ["", "Payments and volume are read after kafka → bronze; accounts after the last hop."]
    return "\n".join(lines)


def stale_warning(hops: Sequence[Row]) -> None:
    """Says which hop stands still once the page is too far behind to be trusted as live."""
    behind = seconds_behind(hops)
    if behind is not None and behind < RED_S:
        return
    slow = next(
        (hop["hop"] for hop in hops if hop["lag_seconds"] is None or hop["lag_seconds"] >= RED_S),
        None,
    )
    where = f"nothing newer has passed {slow}" if slow else "no heartbeat has arrived"
    st.warning(
        f"**why** {where}  \n**fix** `./finhouse status` shows which component is down, "
        "`./finhouse up` starts it again",
        title="These numbers are not live",
        icon=":material/warning:",
    )


def error_box(error: FinhouseError) -> None:
    """What happened, why, and the way out; the page tries again by itself unless paused."""
    st.error(
        f"**why** {error.why}  \n**fix** {error.fix}",
        title=error.message[:1].upper() + error.message[1:],
        icon=":material/cloud_off:",
    )
    if st.button("Try again", icon=":material/refresh:", key="try_again"):
        st.rerun()


def metric_card(card: Card) -> None:
    """One KPI with its change and sparkline."""
    st.metric(
        card.label,
        card.value,
        card.delta,
        delta_color=card.delta_color,
        delta_description=card.note,
        help=card.help,
        border=True,
        height="stretch",
        chart_data=list(card.history) if len(card.history) > 1 else None,
        chart_type="area",
    )


def how_computed(key: str, answers: Sequence[Answer], about: str) -> None:
    """A popover with what a number means, its SQL, and what the query cost."""
    popover = st.popover(
        "How computed", icon=":material/function:", type="tertiary", key=key, on_change="rerun"
    )
    if not popover.open:
        return
    with popover:
        st.markdown(about)
        for answer in answers:
            st.caption(
                f"`{answer.call.name}` · {answer.rows_read:,} rows "
                f"({formats.size(answer.bytes_read)}) read in {answer.elapsed_ms:.0f} ms · "
                f"query `{answer.query_id}`"
            )
            st.code(answer.call.sql, language="sql", height=220)
            st.caption(" · ".join(f"{name} = {value}" for name, value in answer.call.parameters))


def definition_line(metric: Metric) -> str:
    """Markdown: label, unit and meaning of a metric."""
    unit = f" ({metric.unit})" if metric.unit else ""
    return f"**{metric.label}**{unit}: {metric.description}"


def definitions_hint(definitions: Definitions) -> None:
    """Says that labels are bare names because dbt's definitions could not be read."""
    if definitions.problem:
        st.info(
            f"Labels and definitions are plain names: {definitions.problem}.",
            icon=":material/menu_book:",
        )


@contextmanager
def loading(key: str, height: int) -> Iterator[None]:
    """A skeleton while a card's first content loads; a refresh keeps the old content instead."""
    seen = f"seen_{key}"
    if seen in st.session_state:
        st.empty()  # keeps the skeleton's place, so that nothing after it is drawn anew
        yield
        return
    with st.skeleton(height=height):
        yield
    st.session_state[seen] = True


def guarded(body: Callable[[], Any]) -> None:
    """Run a card's body; without an answer it waits quietly, as the header tells why."""
    try:
        body()
    except FinhouseError:
        st.caption("Waiting for the warehouse.")
