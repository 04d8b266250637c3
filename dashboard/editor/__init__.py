"""The SQL editor: CodeMirror as a component of Streamlit, loaded from the dashboard's server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import streamlit as st

BUNDLE = Path(__file__).with_name("sql_editor.js")
ADDRESS = "editor/sql_editor.js"  # below the dashboard's own

# A component's script travels with every run of the page; the editor itself is loaded once.
_LOADER = f"""
const editor = import(new URL("{ADDRESS}", document.baseURI))
export default function (component) {{
  let end = () => {{}}
  let isGone = false
  editor.then((module) => {{ if (!isGone) end = module.default(component) }})
  return () => {{ isGone = true; end() }}
}}
"""

_mount = st.components.v2.component(
    "sql_editor",
    html="<div></div>",
    css=":host, div { display: block; height: 100%; }",
    js=_LOADER,
)


def sql_editor(
    text: str,
    edition: int,
    schema: Mapping[str, Mapping[str, Sequence[str]]],
    *,
    key: str,
    height: int,
    on_change: Callable[[], None],
    on_run: Callable[[], None],
) -> None:
    """A statement to write, with names of `schema` ({database: {table: [column, …]}}) to complete.

    Shows `text`, and again whenever `edition` is another than before. What was typed is in
    `st.session_state[key].text` when `on_change` is called, as the editor loses the focus, and in
    `st.session_state[key].run` when `on_run` is, at Ctrl+Enter.
    """
    _mount(
        key=key,
        data={"text": text, "edition": edition, "schema": schema},
        height=height,
        on_text_change=on_change,
        on_run_change=on_run,
    )
