"""Alerts: what fires now, how every rule stands, and what happened before. Exposure: alerts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard import bar, data, definitions, formats, ui
from dashboard.connection import Row
from dashboard.queries import alerts as queries
from infra.alerts.rules import label_of

CARD_HEIGHT = 120
TABLE_HEIGHT = 300
SHOWN_CHANGES = 200
# Many rounds of the default half minute: whoever looks at the rules is not there.
STALE_SECONDS = 300
STATE_COLORS = {
    "firing": "red",
    "pending": "orange",
    "error": "violet",
    "no data": "gray",
    "ok": "green",
}
SEVERITY_COLORS = {"critical": "red", "warning": "orange", "info": "blue"}
NO_DATA = "The query has nothing to say, such as a rate of too few payments."

filters = bar.current("alerts")


@st.fragment(run_every=filters.every("5s"))
def header() -> None:
    """Title, freshness, the verdict and a card for each alert that fires."""
    ui.headed("Alerts", definitions.of("pipeline_freshness"), verdict)


def verdict() -> None:
    """How many fire, or why that is not known; then each of them."""
    rows = data.recent(queries.alerts()).rows
    if not rows:
        st.info(
            "The rules are looked at some seconds after the first build. "
            "`./finhouse alerts --check` asks them at once.",
            title="Not looked at yet",
            icon=":material/hourglass_empty:",
        )
        return
    listed = rows[0]["listed_seconds"]
    if listed > STALE_SECONDS:
        st.warning(
            f"**why** nobody has looked at the rules for {formats.seconds(listed)}  \n"
            "**fix** `./finhouse status`, `./finhouse logs background`",
            title="What fires now is not known",
            icon=":material/warning:",
        )
    firing = [row for row in rows if row["state"] == "firing"]
    unusable = [row for row in rows if row["state"] == "error"]
    if firing:
        names = ", ".join(label(row) for row in firing)
        title = "1 alert fires" if len(firing) == 1 else f"{len(firing)} alerts fire"
        st.error(ui.plain(names), title=title, icon=":material/notifications_active:")
    elif listed <= STALE_SECONDS:
        st.success(
            f"{len(rows) - len(unusable)} rules looked at {formats.seconds(listed)} ago",
            title="No alert fires",
            icon=":material/notifications_off:",
        )
    if unusable:
        st.warning(
            "  \n".join(f"**{label(row)}** {ui.plain(row['message'])}" for row in unusable),
            title=f"{len(unusable)} cannot be asked"
            if len(unusable) > 1
            else "1 rule cannot be asked",
            icon=":material/rule:",
        )
    for row in firing:
        firing_card(row)


def label(row: Row) -> str:
    """The name of an alert as a reader sees it."""
    return label_of(str(row["alert"]))


def firing_card(row: Row) -> None:
    """One alert that fires: what is wrong, how much, since when, and where to look."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{ui.plain(label(row))}**", width="content")
            st.badge(row["severity"], color=SEVERITY_COLORS.get(row["severity"], "gray"))  # type: ignore[arg-type]
        st.markdown(ui.plain(row["sentence"]))
        said = [
            f"{row['value_shown']}, fires at {row['fires_when']}",
            row["message"],
            f"since {row['since']:%d %b %H:%M:%S} UTC",
        ]
        st.caption(" · ".join(ui.plain(part) for part in said if part))
        look_at(row["look_at"])


def look_at(page: str) -> None:
    """A link to the page that shows more; a name that is none, from a hand-made row, is no link."""
    path = f"app_pages/{page}.py"
    if page.isidentifier() and (Path(__file__).parents[1] / path).is_file():
        st.page_link(path, label=f"Look at {title_of(page)}", icon=":material/arrow_forward:")


def title_of(page: str) -> str:
    """A page's title in the navigation."""
    special = {"fx": "FX and settlement", "sql": "SQL", "pipeline": "Pipeline and trust"}
    return special.get(page, page.replace("_", " ").capitalize())


@st.fragment(parallel=True, run_every=filters.every("15s"))
def rules() -> None:
    """Every rule, and the history."""
    ui.panel(
        "All rules",
        "alerts_rules",
        TABLE_HEIGHT,
        rules_table,
        "From the file `alerts.yml`, looked at each half minute or as rarely as a rule says.",
    )
    ui.panel("What happened", "alerts_history", TABLE_HEIGHT, history_table)


def state_column() -> st.column_config.MultiselectColumn:  # type: ignore[valid-type]
    """A column of coloured words."""
    return st.column_config.MultiselectColumn(
        "State",
        options=list(STATE_COLORS),
        color=list(STATE_COLORS.values()),
        width="small",
        help="pending: the condition is met, not yet for long enough. error: the rule cannot be "
        f"asked. no data: {NO_DATA[:1].lower()}{NO_DATA[1:]}",
    )


def rules_table() -> None:
    """How each rule stands, what fires first."""
    answer = data.recent(queries.alerts())
    if not answer.rows:
        st.caption("No rule was looked at yet.")
        return
    st.dataframe(
        pd.DataFrame(
            {
                "alert": [label(row) for row in answer.rows],
                "state": [[row["state"]] for row in answer.rows],
                "value": [row["value_shown"] or formats.NOTHING for row in answer.rows],
                "fires": [row["fires_when"] for row in answer.rows],
                "hold": [
                    formats.seconds(row["hold_seconds"]) if row["hold_seconds"] else "at once"
                    for row in answer.rows
                ],
                "since": [row["since"] for row in answer.rows],
                "age": [formats.seconds(row["age_seconds"]) for row in answer.rows],
                "severity": [row["severity"] for row in answer.rows],
                "sentence": [row["sentence"] for row in answer.rows],
                "look_at": [title_of(row["look_at"]) for row in answer.rows],
                "took": [row["milliseconds"] for row in answer.rows],
            }
        ),
        column_config={
            "alert": st.column_config.TextColumn("Alert", pinned=True),
            "state": state_column(),
            "value": st.column_config.TextColumn("Value", width=110),
            "fires": st.column_config.TextColumn("Fires at", width=125),
            "hold": st.column_config.TextColumn("For", help="How long it must hold to fire."),
            "since": st.column_config.DatetimeColumn(
                "Since (UTC)", format="DD MMM HH:mm:ss", timezone="UTC"
            ),
            "age": "Asked ago",
            "severity": "Severity",
            "sentence": st.column_config.TextColumn("Says", width="large"),
            "look_at": "What to look at",
            "took": st.column_config.NumberColumn(
                "Query took", format="%.0f ms", help="From asking to the answer."
            ),
        },
        hide_index=True,
        height="content",
        key="rules_table",
        alt=f"{len(answer.rows)} alert rules with their state, what fires first",
    )
    ui.footer("how_rules", [answer], "What fires first, then by severity")


def history_table() -> None:
    """The newest changes of state."""
    answer = data.recent(queries.history(SHOWN_CHANGES))
    if not answer.rows:
        st.caption(f"Nothing changed in the last {queries.HISTORY_DAYS} days.")
        return
    st.dataframe(
        pd.DataFrame(
            {
                "when": [row["changed_at"] for row in answer.rows],
                "alert": [label(row) for row in answer.rows],
                "state": [[row["state"]] for row in answer.rows],
                "message": [row["message"] for row in answer.rows],
                "told": [told(row) for row in answer.rows],
            }
        ),
        column_config={
            "when": st.column_config.DatetimeColumn(
                "When (UTC)", format="DD MMM HH:mm:ss", timezone="UTC", pinned=True
            ),
            "alert": "Alert",
            "state": state_column(),
            "message": st.column_config.TextColumn("What was seen", width="large"),
            "told": st.column_config.TextColumn(
                "Told", help="Who was told that it fires or is resolved: the file, the webhook."
            ),
        },
        hide_index=True,
        height=TABLE_HEIGHT,
        key="history_table",
        alt=f"{len(answer.rows)} newest changes of the state of alerts",
    )
    ui.footer(
        "how_history",
        [answer],
        f"Newest first, last {queries.HISTORY_DAYS} days, at most {SHOWN_CHANGES}",
    )


def told(row: Row) -> str:
    """Who was told of a change, and who was not, with the reason."""
    waiting = [channel for channel in row["channels"] if channel not in row["told"]]
    parts = [*row["told"]]
    if waiting:
        why = f" ({row['problem']})" if row["problem"] else ""
        parts.append(f"not yet: {', '.join(waiting)}{why}")
    return ", ".join(parts)


header()
rules()
st.caption(
    "Rules are in the file `alerts.yml`; `./finhouse alerts --check` checks it. What fires and "
    "what is resolved is written to the file `alerts.jsonl` among the logs, and sent to "
    "`FINHOUSE_ALERT_WEBHOOK`."
)
