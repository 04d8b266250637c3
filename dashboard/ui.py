"""Pieces every page shares: freshness badge, cards, error box, "how computed", downloads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from dashboard import charts, data, definitions, exports, formats, views
from dashboard.cards import Card
from dashboard.connection import Answer, Row
from dashboard.definitions import Definitions, Metric
from dashboard.queries import overview
from dashboard.workbench import Result
from infra.docs.site import SITE
from infra.errors import FinhouseError

HOPS = 5  # gold.pipeline_freshness: a hop nothing has passed yet has no row
AMBER_S = 10
RED_S = 60
TABLE_PAGES = "table_pages"  # of the session: the keys of tables with pages
INTERVAL_HELP = "Where the rate may truly lie, given how many it is of (Wilson's score interval)."
_GOLD = re.compile(r"\bgold\.(\w+)")


def headed(title: str, definitions: Definitions, body: Callable[[], Any] | None = None) -> None:
    """A page's title with its freshness badge above a body; an error of either shows in both."""
    head = st.container(horizontal=True, vertical_alignment="center", key="head")
    with head:
        st.title(title, anchor=False, width="content")
    try:
        hops = data.live(overview.freshness()).rows
        with head:
            freshness_badge(hops)
        definitions_hint(definitions)
        stale_warning(hops)
        if body:
            body()
    except FinhouseError as error:
        with head:
            st.badge(error.message, icon=":material/cloud_off:", color="red")
        error_box(error)


def nothing_here(span: str, is_narrowed: bool = False) -> None:
    """Says why all counts are zero; `span` is the time in words."""
    if data.first_day() is None:
        st.info(
            "The warehouse holds no payment yet. `./finhouse status` shows whether history is "
            "still loading; `./finhouse gen --resume` starts the traffic.",
            title="No payments yet",
            icon=":material/hourglass_empty:",
        )
        return
    if is_narrowed:
        st.info(
            "Take a filter out, or choose a longer range.",
            title="No payment has all of this",
            icon=":material/search_off:",
        )
        return
    st.info(
        "Choose a longer range, or start the traffic with `./finhouse gen --resume`.",
        title=f"No payments, {span}",
        icon=":material/search_off:",
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


def ink(color: str = "grayColor") -> str:
    """A colour of the theme that is shown, for text that Streamlit does not colour itself."""
    return str(st.get_option(f"theme.{st.context.theme.type or 'light'}.{color}"))


def chart(option: charts.Option, **shown: Any) -> None:
    """A chart whose text reads on the page."""
    st.echarts_chart(charts.inked(option, ink()), **shown)


def time_chart(
    frame: pd.DataFrame,
    option: charts.Option,
    height: int,
    alt: str,
    key: str,
    offset: timedelta = timedelta(0),
) -> None:
    """A chart over the frame's `drawn_at`, with what `annotations.yml` says of its time.

    `offset` is what was added to UTC in the frame.
    """
    moments = frame["drawn_at"]
    step = moments.diff().max()
    last = moments.max() + (timedelta(days=1) if pd.isna(step) else step)
    marks = views.marks((moments.min() - offset).to_pydatetime(), (last - offset).to_pydatetime())
    charts.annotated(option, marks, offset)
    chart(option, height=height, alt=alt + marks_said(marks), key=key)


def marks_said(marks: Sequence[views.Mark]) -> str:
    """Annotations as the accessible name of a chart goes on."""
    return "".join(f"; {mark.label} at {mark.at:%d %b %H:%M} UTC" for mark in marks)


def how_computed(key: str, answers: Sequence[Answer], about: str) -> None:
    """A popover with what a number means, its SQL, and what the query cost."""
    popover = st.popover(
        "How computed", icon=":material/function:", type="tertiary", key=key, on_change="rerun"
    )
    if not popover.open:
        return
    with popover:
        st.markdown(about)
        if models := models_read(answers):
            st.markdown("Read from:  \n" + "  \n".join(model_line(model) for model in models))
        if not SITE.exists():
            st.caption("`./finhouse docs` builds the lineage of each number.")
        for answer in answers:
            st.caption(
                f"`{answer.call.name}` · {answer.rows_read:,} rows "
                f"({formats.size(answer.bytes_read)}) read in {answer.elapsed_ms:.0f} ms · "
                f"query `{answer.query_id}`"
            )
            st.code(answer.call.sql, language="sql", height=220)
            st.caption(" · ".join(f"{name} = {value}" for name, value in answer.call.parameters))


def models_read(answers: Sequence[Answer]) -> list[Definitions]:
    """The gold models that queries read, in their order; those that dbt's manifest knows."""
    named = dict.fromkeys(name for one in answers for name in _GOLD.findall(one.call.sql))
    return [known for known in map(definitions.of, named) if known.model]


def model_line(known: Definitions) -> str:
    """Markdown: name, meaning and lineage of a model."""
    return f"`{known.model.rpartition('.')[2]}`: {known.description}{lineage(known.model)}"


def lineage(model: str, column: str = "") -> str:
    """Markdown: a link to where a model or one column of it comes from; nothing without a site."""
    if not model or not SITE.exists():
        return ""
    asked = {"model": model, **({"column": column} if column else {}), "parents": 4, "children": 1}
    return f" [Lineage](/lineage/columns/index.html?{urlencode(asked)})"


def footer(
    key: str,
    answers: Sequence[Answer],
    caption: str,
    about: str = "",
    export: Callable[[], Result] | None = None,
) -> None:
    """The line under a card; `about` says more where it opens, beside the models that were read.

    `export` makes what the card's files hold where that is more than the card shows.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(caption)
        with st.container(horizontal=True, width="content", gap="small"):
            how_computed(key, answers, about or caption)
            export_answers(key, answers, export)


def export_answers(
    key: str, answers: Sequence[Answer], export: Callable[[], Result] | None = None
) -> None:
    """A popover with the files of a card: the rows of each of its queries."""
    if not answers:
        return
    popover = st.popover(
        ":material/download:",
        type="tertiary",
        key=f"export_{key}",
        help="Export as CSV, Excel or Parquet",
        on_change="rerun",
    )
    if not popover.open:
        return
    with popover:
        for number, answer in enumerate(answers):
            make = export if export and number == 0 else partial(exports.of_answer, answer)
            times = [one.call.name for one in answers].index(answer.call.name) < number
            name = answer.call.name.replace("_", " ") + (", compared" if times else "")
            st.caption(name[:1].upper() + name[1:])
            file = f"{answer.call.name}{'-before' if times else ''}".replace("_", "-")
            with st.container(horizontal=True):
                downloads(f"{key}_{number}", file, make)


def plain(text: str) -> str:
    """A text of the source for where Markdown is read: each sign in it stands for itself."""
    return re.sub(r"([^\w\s])", r"\\\1", " ".join(text.split()))


def definition_line(metric: Metric) -> str:
    """Markdown: label, unit, meaning and lineage of a metric."""
    unit = f" ({metric.unit})" if metric.unit else ""
    origin = lineage(metric.model, metric.name)
    return f"**{metric.label}**{unit}: {metric.description}{origin}"


def definition_lines(metrics: Iterable[Metric]) -> str:
    """Markdown: a line per metric."""
    return "  \n".join(definition_line(metric) for metric in metrics)


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


def panel(
    title: str, key: str, height: int, body: Callable[[], Any], help: str | None = None
) -> None:
    """A card with a heading; as tall as its neighbours, and a skeleton until its body is there."""
    with st.container(border=True, height="stretch"):
        st.subheader(title, anchor=False, help=help)
        with loading(key, height):
            guarded(body)


def asked_page(key: str) -> int:
    """The page of a table asked for, which only the URL knows until it is drawn; else the first."""
    page = str(st.session_state.get(key, st.query_params.get(key, "")))
    return int(page) if re.fullmatch(r"[1-9][0-9]{0,5}", page) else 1


def pages(key: str, page: int, size: int, rows: int, found: int) -> str:
    """The choice of a page below a table; says which rows of how many it shows."""
    count = -(-found // size)
    if count > 1:
        st.session_state[TABLE_PAGES] = {*st.session_state.get(TABLE_PAGES, ()), key}
        st.pagination(count, key=key, bind="query-params")
    first = (page - 1) * size + 1
    return f"{first:,}–{first + rows - 1:,} of {formats.integer(found)}"


def downloads(key: str, name: str, result: Callable[[], Result], help: str | None = None) -> None:
    """A button per kind of file; the result is asked for, and the file made, on a press."""
    for kind in exports.FILES:
        st.download_button(
            kind.title,
            data=lambda make=kind.make: make(result()),  # type: ignore[misc]
            file_name=f"finhouse-{name}.{kind.suffix}",
            mime=kind.mime,
            icon=":material/download:",
            help=help,
            on_click="ignore",
            key=f"{key}_{kind.suffix}",
        )


def few_in_grey(frame: pd.DataFrame, columns: Sequence[str], counts: Sequence[int]) -> Any:
    """A table whose rates in `columns` are grey where they are of too few."""
    grey = [f"color: {ink()}" if count < formats.ENOUGH else "" for count in counts]
    return frame.style.apply(lambda _: grey, subset=list(columns))


def number_column(metric: Metric, shown_as: str, label: str | None = None) -> Any:
    """A numeric column of a table with the label and the help of its metric."""
    return st.column_config.NumberColumn(
        label or metric.label, format=shown_as, help=metric.description
    )


def guarded(body: Callable[[], Any]) -> None:
    """Run a card's body; without an answer it waits quietly, as the header tells why."""
    try:
        body()
    except FinhouseError:
        st.caption("Waiting for the warehouse.")
