"""Sign-in with OpenID Connect, if `.streamlit/secrets.toml` has a section [auth]; open without it.

Streamlit talks to the provider and keeps who signed in in a signed cookie. The API and the
documentation site, which are no pages, ask for the same cookie.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import streamlit as st
from streamlit.auth_util import get_origin_from_redirect_uri
from streamlit.web.server.server_util import AUTH_COOKIE_NAME

# Streamlit has no public way to read its own cookie outside a page; the version is pinned.
from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks


def is_wanted() -> bool:
    """Whether somebody has to sign in before anything is shown."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets


def gate() -> None:
    """Ask who has not signed in to do so, and end the page there; others get a way out."""
    if not is_wanted():
        return
    if not st.user.is_logged_in:
        st.title("finhouse")
        st.write("The figures are for those who sign in.")
        st.button("Sign in", on_click=st.login)
        st.stop()
    with st.sidebar:
        st.button("Sign out", type="tertiary", on_click=st.logout, help=_who())


def allows(cookies: Mapping[str, str]) -> bool:
    """Whether a request with these cookies may be answered: nobody has to sign in, or they did."""
    if not is_wanted():
        return True
    signed = _get_signed_cookie_with_chunks(dict(cookies), AUTH_COOKIE_NAME)
    if signed is None:
        return False
    said = json.loads(signed)
    return bool(said.get("is_logged_in")) and said.get("origin") == get_origin_from_redirect_uri()


def _who() -> str:
    return f"Signed in as {st.user.get('email') or st.user.get('name') or 'somebody'}"
