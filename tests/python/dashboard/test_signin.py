"""Sign-in: open without a section [auth], closed with one, for pages, API and documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest
import streamlit as st
from starlette.requests import Request
from streamlit.testing.v1 import AppTest
from streamlit.web.server.server_util import AUTH_COOKIE_NAME
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from dashboard import server, signin
from infra.settings import ROOT
from tests.python.dashboard.conftest import StubWarehouse

ORIGIN = "https://finhouse.example"
SECRET = "cookie-secret-of-at-least-thirty-two-bytes"
AUTH = {
    "redirect_uri": f"{ORIGIN}/oauth2callback",
    "cookie_secret": SECRET,
    "client_id": "finhouse",
    "client_secret": "unused",
    "server_metadata_url": "https://provider.example/.well-known/openid-configuration",
}


def cookie(secret: str = SECRET, **said: Any) -> dict[str, str]:
    """The cookie that Streamlit gives who comes back from the provider."""
    document = {"origin": ORIGIN, "is_logged_in": True, "email": "ada@example.com"} | said
    signed = create_signed_value(secret, AUTH_COOKIE_NAME, json.dumps(document))
    return {AUTH_COOKIE_NAME: signed.decode()}


def test_without_a_section_everything_is_open() -> None:
    assert not signin.is_wanted()
    assert signin.allows({})


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """This dashboard has a section [auth]."""
    monkeypatch.setattr(st.secrets, "_secrets", {"auth": AUTH})


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize(
    ("cookies", "is_allowed"),
    [
        (cookie(), True),
        ({}, False),
        (cookie(is_logged_in=False), False),
        (cookie(origin="https://elsewhere.example"), False),
        (cookie(secret="another secret, which is not ours"), False),
        ({AUTH_COOKIE_NAME: '{"is_logged_in": true}'}, False),
        ({AUTH_COOKIE_NAME: "é\x00"}, False),
    ],
)
def test_only_the_signed_cookie_of_who_signed_in_opens(
    cookies: dict[str, str], is_allowed: bool
) -> None:
    assert signin.allows(cookies) == is_allowed


@pytest.mark.usefixtures("closed")
def test_the_api_answers_nobody_else() -> None:
    request = Request({"type": "http", "headers": [], "query_string": b"", "method": "GET"})
    answer = server._kpis(request)
    assert answer.status_code == 401
    assert json.loads(bytes(answer.body))["fix"] == server.SIGN_IN


def opened(user: dict[str, Any]) -> AppTest:
    """The app as this user sees it."""
    app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=30)
    app.secrets["auth"] = AUTH
    app.user = user
    return app.run()


def test_who_has_not_signed_in_sees_and_asks_nothing(warehouse: StubWarehouse) -> None:
    app = opened({"is_logged_in": False})
    assert [button.label for button in app.button] == ["Sign in"]
    assert not app.metric and not app.dataframe
    assert warehouse.calls == []


@pytest.mark.usefixtures("warehouse")
def test_who_signed_in_sees_the_page_and_a_way_out() -> None:
    app = opened({"is_logged_in": True, "email": "ada@example.com"})
    assert not app.exception
    assert len(app.metric) > 3
    (out,) = [button for button in app.button if button.label == "Sign out"]
    assert "ada@example.com" in out.help
