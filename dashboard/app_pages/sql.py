"""SQL: a workbench for read-only queries on gold and silver. Exposure: sql."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import bar, definitions, exports, formats, ui, workbench
from dashboard.editor import sql_editor
from dashboard.queries import sql as queries
from infra.errors import FinhouseError

EDITOR_HEIGHT = 220
PAGE_ROWS = 100
PAGE_HEIGHT = 440
SCHEMA_HEIGHT = 330
FIRST_ROWS = 100
TEXTS = (["explain"], ["statement"])  # columns of EXPLAIN and SHOW CREATE: to read, line by line
HISTORY = 20
POLL = "0.5s"
# what answers sooner is shown at once, without a word of waiting
AT_ONCE_S = 0.4

state = st.session_state
filters = bar.current("sql")


@dataclass(frozen=True, slots=True)
class Ended:
    """A statement of this session that has ended."""

    statement: workbench.Statement
    at: datetime


def start(sql: str) -> None:
    """Run a statement; only a person's click gets here, never a URL."""
    if "running" in state:
        return
    state.pop("ended", None)
    state.pop("result_page", None)
    if not sql.strip():
        return
    state.running = workbench.Statement(sql).start()
    if state.running.wait(AT_ONCE_S):
        finish()


def finish() -> None:
    """Keep what the running statement gave, and its line in the history."""
    ended = Ended(state.pop("running"), datetime.now(UTC))
    state.ended = ended
    state.history = [ended, *state.get("history", [])][:HISTORY]
    for older in state.history[1:]:
        older.statement.forget_rows()


def hold(sql: str) -> None:
    """Keep what the editor shows, in the address too."""
    state.q = sql
    if sql:
        st.query_params["q"] = sql
    else:
        st.query_params.pop("q", None)


def edit(sql: str) -> None:
    """Put a statement into the editor."""
    hold(sql)
    state.edition += 1


def hold_and_start(sql: str) -> None:
    """Run what the editor shows."""
    hold(sql)
    start(sql)


def edit_and_start(sql: str) -> None:
    """Put a statement into the editor and run it."""
    edit(sql)
    start(sql)


@st.fragment(run_every=filters.every("2s"))
def head() -> None:
    """Title and freshness."""
    ui.headed("SQL", definitions.Definitions())


@st.cache_data(ttl=300, max_entries=2, show_spinner=False)
def limits() -> Mapping[str, int]:
    """The user's limits by the name of their setting. Raises FinhouseError."""
    return {name: int(value) for name, value in workbench.run(queries.limits().sql).rows}


@st.cache_data(ttl=60, max_entries=2, show_spinner=False)
def schema() -> pd.DataFrame:
    """What can be read, a row per column. Raises FinhouseError."""
    result = workbench.run(queries.columns().sql)
    return pd.DataFrame(result.rows, columns=[column.name for column in result.columns])


def follow_address() -> None:
    """The editor has what the address asks for; an address without gets what the editor has."""
    state.setdefault("edition", 0)
    asked = st.query_params.get("q")
    if asked is None:
        hold(state.get("q", ""))
    elif asked != state.get("q"):
        edit(asked)


def names() -> dict[str, dict[str, list[str]]]:
    """Columns by table by database, to complete from; none while the schema cannot be read."""
    try:
        known = schema()
    except FinhouseError:
        return {}
    found: dict[str, dict[str, list[str]]] = {}
    for database, table_name, column in known[["database", "table", "name"]].itertuples(
        index=False
    ):
        found.setdefault(database, {}).setdefault(table_name, []).append(column)
    return found


def editor() -> None:
    """The statement and what can be done with it."""
    sql_editor(
        state.q,
        state.edition,
        names(),
        key="editor",
        height=EDITOR_HEIGHT,
        on_change=lambda: hold(state.editor.text),
        on_run=lambda: hold_and_start(state.editor.run),
    )
    is_running = "running" in state
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run",
            icon=":material/play_arrow:",
            shortcut="Ctrl+Enter",
            disabled=is_running,
            on_click=lambda: start(state.q),
            key="run",
        )
        st.button(
            "Explain",
            icon=":material/account_tree:",
            help="How it would run, and which parts of which tables it would read",
            disabled=is_running,
            on_click=lambda: start(queries.explained(state.q)),
            key="explain",
        )
        st.button(
            "Cancel",
            icon=":material/stop:",
            disabled=not is_running,
            on_click=cancel,
            key="cancel",
        )
    st.caption(limits_line())
    if not state.q:
        examples()


def cancel() -> None:
    """Stop the running statement."""
    if "running" in state:
        state.running.cancel()
        state.running.wait(AT_ONCE_S)


def limits_line() -> str:
    """What holds for every statement."""
    says = "Reads `gold` and `silver`, all times in UTC."
    try:
        most = limits()
    except FinhouseError:
        return says
    return (
        f"{says} At most {formats.seconds(most['max_execution_time'])}, "
        f"{formats.size(most['max_memory_usage'])} of memory, "
        f"{formats.compact(most['max_rows_to_read'])} rows read and "
        f"{formats.integer(most['max_result_rows'])} rows back; what goes over fails as a whole. "
        "The address of this page holds the statement: opening it runs nothing."
    )


def examples() -> None:
    """Something to begin with."""
    with st.container(horizontal=True):
        for title, sql in queries.EXAMPLES.items():
            st.button(title, icon=":material/lightbulb:", on_click=edit, args=(sql,), key=title)


def answer() -> None:
    """The running statement, or what the last one gave."""
    if "running" in state:
        progress()
    elif "ended" in state:
        statement = state.ended.statement
        if statement.refusal:
            refused(statement)
        elif statement.result:
            table(statement.result, statement.seconds)


@st.fragment(run_every=POLL)
def progress() -> None:
    """How long it has run; the whole page is drawn anew when it ends."""
    if "running" not in state:
        return
    if not state.running.is_running:
        finish()
        st.rerun()
    st.info(
        f"Running for {formats.seconds(state.running.running_seconds)}",
        icon=":material/hourglass_top:",
    )


def refused(statement: workbench.Statement) -> None:
    """Why there is no result, in plain words and in the server's."""
    refusal = statement.refusal
    assert refusal
    if statement.is_cancelled:
        st.info(refusal.why or "", title=refusal.message, icon=":material/stop:")
        return
    st.error(refusal.fix or "", title=refusal.message, icon=":material/block:")
    st.code(refusal.why or "", language=None, wrap_lines=True)
    if refusal.code == workbench.RESULT_TOO_LARGE:
        shorter = queries.limited(statement.sql, FIRST_ROWS)
        st.button(
            f"Run for the first {FIRST_ROWS} rows",
            icon=":material/vertical_align_top:",
            on_click=edit_and_start,
            args=(shorter,),
            key="run_limited",
        )


@st.fragment
def table(result: workbench.Result, seconds: float) -> None:
    """A page of the result, what it cost, and the ways to take it along."""
    count = len(result.rows)
    rows = "1 row" if count == 1 else f"{count:,} rows"
    st.caption(
        f"**{rows}** in {formats.seconds(seconds)} "
        f"({result.elapsed_ms:,.0f} ms in ClickHouse) · read {result.rows_read:,} rows, "
        f"{formats.size(result.bytes_read)} · query `{result.query_id}`"
    )
    if not count:
        st.info("No rows.", icon=":material/inbox:")
        return
    if [column.name for column in result.columns] in TEXTS:
        text = "\n".join(str(row[0]) for row in result.rows)
        st.code(text, language=None, height=PAGE_HEIGHT)
        return
    page, pages = 1, -(-count // PAGE_ROWS)
    shown = st.container()
    with st.container(horizontal=True, vertical_alignment="center"):
        if pages > 1:
            page = st.pagination(pages, key="result_page")
        downloads(result)
    first = PAGE_ROWS * (page - 1)
    with shown:
        grid(result, first, result.rows[first : first + PAGE_ROWS])


def grid(result: workbench.Result, first: int, rows: Sequence[Sequence[Any]]) -> None:
    """Rows with each value as ClickHouse writes it: a browser's numbers have 15 digits."""
    names = exports.unique_names(result)
    frame = pd.DataFrame([[exports.shown(cell) for cell in row] for row in rows], columns=names)
    frame.index = pd.RangeIndex(first + 1, first + 1 + len(rows))
    st.dataframe(
        frame,
        column_config={
            name: st.column_config.TextColumn(
                name,
                help=f"`{column.type}`",
                alignment="right" if exports.is_number(column.type) else "left",
            )
            for name, column in zip(names, result.columns, strict=True)
        },
        height="content" if len(rows) <= 10 else PAGE_HEIGHT,
        placeholder="NULL",
        key="result",
        alt=f"Rows {first + 1} to {first + len(rows)} of {len(result.rows)} of the result",
    )


def downloads(result: workbench.Result) -> None:
    """The whole result as a file, made when it is asked for."""
    ui.downloads("download", f"{state.ended.at:%Y%m%d-%H%M%S}", lambda: result)


def browser() -> None:
    """Databases, tables and columns that can be read."""
    st.subheader("Tables", anchor=False)
    try:
        with ui.loading("schema", SCHEMA_HEIGHT):
            known = schema()
    except FinhouseError as error:
        st.caption(f"{error.message}. {error.fix or ''}")
        return
    if known.empty:
        st.caption("There are no tables yet: wait for the first transform run.")
        return
    database = st.segmented_control(
        "Database",
        sorted(known["database"].unique()),
        default="gold",
        required=True,
        key="schema_database",
        label_visibility="collapsed",
        width="stretch",
    )
    within = known[known["database"] == database]
    name = st.selectbox("Table", sorted(within["table"].unique()), key="schema_table")
    columns = within[within["table"] == name]
    if columns.empty:
        return
    st.caption(columns["table_comment"].iloc[0] or "No description.")
    st.dataframe(
        columns[["name", "type", "comment"]],
        column_config={
            "name": st.column_config.TextColumn("Column", width=160),
            "type": st.column_config.TextColumn("Type", width=150),
            "comment": st.column_config.TextColumn("Meaning", width="large"),
        },
        hide_index=True,
        height=SCHEMA_HEIGHT,
        key="schema_columns",
        alt=f"Columns of {database}.{name} with type and meaning",
    )
    st.button(
        "Into the editor",
        icon=":material/edit:",
        help="A statement that selects each of these columns",
        on_click=edit,
        args=(queries.first_rows(f"{database}.{name}", list(columns["name"]), FIRST_ROWS),),
        key="schema_edit",
    )


def history() -> None:
    """The statements of this session, newest first."""
    st.subheader("History", anchor=False)
    if not state.get("history"):
        st.caption("What you run in this session is listed here.")
        return
    for position, ended in enumerate(state.history):
        entry(position, ended)


def entry(position: int, ended: Ended) -> None:
    """One statement: how it went, and the ways back to it."""
    statement = ended.statement
    with st.container(border=True, key=f"entry_{position}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            if statement.refusal:
                st.badge(
                    statement.refusal.message,
                    icon=":material/block:",
                    color="gray" if statement.is_cancelled else "red",
                )
                st.caption(f"{ended.at:%H:%M:%S} · {formats.seconds(statement.seconds)}")
            elif result := statement.result:
                st.badge("Success", icon=":material/check:", color="green")
                st.caption(
                    f"{ended.at:%H:%M:%S} · {formats.seconds(statement.seconds)} · "
                    f"{result.row_count:,} rows · "
                    f"read {result.rows_read:,} rows, {formats.size(result.bytes_read)}"
                )
        st.code(
            statement.sql, language="sql", height=110 if len(statement.sql) > 200 else "content"
        )
        with st.container(horizontal=True):
            st.button(
                "Run again",
                icon=":material/replay:",
                type="tertiary",
                disabled="running" in state,
                on_click=edit_and_start,
                args=(statement.sql,),
                key=f"again_{position}",
            )
            st.button(
                "Edit",
                icon=":material/edit:",
                type="tertiary",
                on_click=edit,
                args=(statement.sql,),
                key=f"edit_{position}",
            )


head()
follow_address()
work, tables = st.columns([2, 1])
with work:
    editor()
    answer()
    history()
with tables:
    browser()
