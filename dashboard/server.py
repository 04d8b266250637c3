"""The dashboard's server, `streamlit run dashboard/server.py`: pages, API and documentation.

GET /api/health   how far each layer is behind Postgres; 503 once a page would say it is not live
GET /api/kpis?from=2026-11-01&to=2026-11-08   key figures per UTC day of [from, to), in EUR
GET /lineage/     the site that `./finhouse docs` builds

The API speaks JSON. Amounts are decimal text, so that no reader's float rounds them; ratios are
numbers. An error has the keys `error`, `why` and `fix`: 400 for parameters, 503 where the warehouse
does not answer, 401 where people sign in and the request has no cookie of somebody who did; only
/api/health is open then. It reads what the pages read, as their ClickHouse user and through their
cache.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from dashboard import data, editor, signin, ui
from dashboard.queries import api, overview
from infra.docs.site import SITE
from infra.errors import FinhouseError

MOST_DAYS = 366
NO_SITE = "There is no documentation site yet: ./finhouse docs builds it.\n"
SIGN_IN = "sign in to the dashboard with this browser"
USAGE = "GET /api/kpis?from=2026-11-01&to=2026-11-08: UTC days, `to` is the day after the last"


def _usage(message: str, why: str) -> FinhouseError:
    return FinhouseError(message, why=why, fix=USAGE, exit_code=2)


def days_of(query: dict[str, str], today: date) -> tuple[date, date]:
    """The UTC days [first, after) that the parameters ask for; the last seven without any.

    Raises FinhouseError for anything else than two dates that make 1 to 366 days.
    """
    if unknown := query.keys() - {"from", "to"}:
        raise _usage("unknown parameter", f"{', '.join(sorted(unknown))[:100]!r} is not one")
    if not query:
        return today - timedelta(days=6), today + timedelta(days=1)
    try:
        first, after = (date.fromisoformat(query[name]) for name in ("from", "to"))
    except KeyError as error:
        raise _usage("`from` and `to` belong together", f"{error} is missing") from error
    except ValueError as error:
        raise _usage("not a date", str(error)[:200]) from error
    if not 0 < (after - first).days <= MOST_DAYS:
        raise _usage("not a range", f"it has {(after - first).days} days, not 1 to {MOST_DAYS}")
    return first, after


def encoded(value: Any) -> Any:
    """A value of ClickHouse as JSON has it: exact numbers and moments as text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value


def health() -> tuple[dict[str, Any], int]:
    """Seconds that each hop is behind, and whether a page would call it live."""
    hops = data.live(overview.freshness()).rows
    behind = ui.seconds_behind(hops)
    is_live = behind is not None and behind < ui.RED_S
    return {
        "status": "live" if is_live else "stale",
        "seconds_behind": behind,
        "hops": [{key: encoded(value) for key, value in hop.items()} for hop in hops],
    }, 200 if is_live else 503


def kpis(query: dict[str, str]) -> tuple[dict[str, Any], int]:
    """Key figures of the days asked for, and up to which commit gold knows."""
    first, after = days_of(query, datetime.now(UTC).date())
    hops = data.live(overview.freshness()).rows
    rows = data.recent(api.daily_kpis(first, after)).rows
    return {
        "from": encoded(first),
        "to": encoded(after),
        "as_of": min((encoded(hop["newest_commit_at"]) for hop in hops), default=None),
        "days": [{key: encoded(value) for key, value in row.items()} for row in rows],
    }, 200


def _answer(ask: Callable[[], tuple[dict[str, Any], int]]) -> Response:
    try:
        document, status = ask()
    except FinhouseError as error:
        document = {"error": error.message, "why": error.why, "fix": error.fix}
        status = 400 if error.exit_code == 2 else 503
    return JSONResponse(document, status, headers={"Cache-Control": "no-store"})


# Not coroutines: Starlette runs them in threads, and a slow query holds up nobody.
def _health(request: Request) -> Response:
    return _answer(health)


def _kpis(request: Request) -> Response:
    if not signin.allows(request.cookies):
        return _signed_out()
    return _answer(lambda: kpis(dict(request.query_params)))


def _signed_out() -> Response:
    document = {"error": "not signed in", "why": "this dashboard asks who looks", "fix": SIGN_IN}
    return JSONResponse(document, 401, headers={"Cache-Control": "no-store"})


class _Lineage(StaticFiles):
    """The documentation site; says how to build it where there is none."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not signin.allows(Request(scope).cookies):
            await _signed_out()(scope, receive, send)
        elif SITE.exists():
            await super().__call__(scope, receive, send)
        else:
            missing = PlainTextResponse(NO_SITE, 404)
            await missing(scope, receive, send)


app = st.App(
    "app.py",
    routes=[
        Route("/api/health", _health),
        Route("/api/kpis", _kpis),
        Route(f"/{editor.ADDRESS}", lambda _: FileResponse(editor.BUNDLE)),
        # Without the slash the pages' own router would answer.
        Route("/lineage", lambda _: RedirectResponse("/lineage/")),
        Mount("/lineage", _Lineage(directory=SITE, html=True, check_dir=False)),
    ],
)
