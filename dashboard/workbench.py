"""Runs what a person types on the page SQL, as the ClickHouse user `analyst`.

The server alone decides what that user may do: grants and the profile in infra/clickhouse/users.d.
Nothing here looks into a statement; it only says in plain words what the server answered.
"""

from __future__ import annotations

import base64
import http.client
import re
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import orjson

from infra.errors import FinhouseError
from infra.settings import Settings, load_settings

# Names, then types, then a row per line. Numbers that JSON cannot hold come as text (profile).
FORMAT = "JSONCompactEachRowWithNamesAndTypes"
CONNECT_TIMEOUT_S = 2
ANSWER_TIMEOUT_S = 60  # the server's own limit on time comes first
# To the server a constant that is repeated in each row is as large as one of it.
ANSWER_BYTES = 64_000_000

SHORT = 400  # characters of a message that is shown as it is
RESULT_TOO_LARGE = 396

_SERVERS_FRAME = re.compile(r"^Code: \d+\. DB::Exception: |\s*\(version [^)]*\)\s*$")

# Code of the server's error: what happened, and what to do about it.
_RIGHTS = (
    "That is not allowed here",
    "This page reads tables of `gold` and `silver`, without the names and e-mail addresses of "
    "accounts: name the columns you want instead of `*`",
)
_NAMES = ("There is no such name", "The list of tables has every name that can be read")
_SETTINGS = ("Settings are fixed on this page", "Leave out SET and SETTINGS")
_MISFIT = ("The parts of the statement do not fit together", "Mend it where the message points to")
_FORMAT = (
    "The page chooses the format of the answer",
    "Leave out FORMAT; the buttons below a result export it",
)
_READS_TOO_MUCH = (
    "The query reads more than it may",
    "Filter by day or by minute, or ask a daily table of `gold`",
)
_RESULT_TOO_LARGE = ("The result is too large", "Add a LIMIT, or choose fewer columns")
_WORDS: dict[int, tuple[str, str]] = {
    **dict.fromkeys((344, 395, 446, 477, 481, 495, 497, 511), _RIGHTS),
    **dict.fromkeys((46, 47, 60, 81, 636, 701), _NAMES),
    **dict.fromkeys((115, 164, 392, 452), _SETTINGS),
    **dict.fromkeys((6, 36, 42, 43, 53, 179, 184, 207, 215, 386), _MISFIT),
    **dict.fromkeys((73, 474), _FORMAT),
    **dict.fromkeys((158, 307), _READS_TOO_MUCH),
    62: ("This is not a statement ClickHouse understands", "Mend it where the message points to"),
    RESULT_TOO_LARGE: _RESULT_TOO_LARGE,
    159: ("The query took too long", "Filter by day or by minute, or select fewer columns"),
    160: ("The query waits on purpose", "Leave out sleep()"),
    241: ("The query needs too much memory", "Group by fewer columns, or filter by day"),
    243: ("The query needs too much disk", "Group by fewer columns, or filter by day"),
    202: ("Too many queries run at once", "Wait until another one has ended"),
    358: (
        "Files cannot be written",
        "Leave out INTO OUTFILE; the buttons below a result export it",
    ),
    516: (
        "The stack does not know the user `analyst` yet",
        "It was started before this page came: `./finhouse down`, then `./finhouse up`",
    ),
}
OTHER = ("ClickHouse refused the statement", "The message says what is wrong")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement gave and what it cost."""

    columns: tuple[Column, ...]
    rows: tuple[Sequence[Any], ...]
    row_count: int
    query_id: str
    elapsed_ms: float
    rows_read: int
    bytes_read: int


class RefusedError(FinhouseError):
    """A statement without a result; `code` is the server's, 0 if it is not from there."""

    def __init__(self, message: str, *, why: str, fix: str, code: int = 0) -> None:
        super().__init__(message, why=why, fix=fix, exit_code=1)
        self.code = code


class Statement:
    """One statement under way, in a thread and on a connection of its own."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.result: Result | None = None
        self.refusal: RefusedError | None = None
        self.seconds = 0.0
        self._began = time.monotonic()
        self._connection: http.client.HTTPConnection | None = None
        self.is_cancelled = False
        self._thread = threading.Thread(target=self._run, name="statement", daemon=True)

    def start(self) -> Statement:
        """Send it; returns at once."""
        self._thread.start()
        return self

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, at most so long; whether it has ended."""
        self._thread.join(seconds)
        return not self.is_running

    def cancel(self) -> None:
        """Hang up: the server ends a read-only query whose client is gone
        (`cancel_http_readonly_queries_on_client_close`). Other than KILL this needs no right, and
        reaches nobody else's query."""
        self.is_cancelled = True
        if self._connection and self._connection.sock:
            with suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)

    def forget_rows(self) -> None:
        """Keep what it cost, not what it gave: a history of results would fill the memory."""
        if self.result:
            self.result = replace(self.result, rows=())

    @property
    def is_running(self) -> bool:
        """Whether there is no answer yet."""
        return self.result is None and self.refusal is None

    @property
    def running_seconds(self) -> float:
        """How long it has run so far."""
        return time.monotonic() - self._began

    def _run(self) -> None:
        try:
            settings = load_settings()
            self._connection = _connect(settings)
            result = _ask(self._connection, settings, self.sql)
        except FinhouseError as error:
            refusal = error if isinstance(error, RefusedError) else _as_refusal(error)
        except (OSError, http.client.HTTPException) as error:
            refusal = _stopped() if self.is_cancelled else _no_answer(error)
        else:
            self.seconds, self.result = self.running_seconds, result
            return
        finally:
            if self._connection:
                self._connection.close()
        self.seconds, self.refusal = self.running_seconds, refusal


def run(sql: str) -> Result:
    """Run a statement and wait for it. Raises RefusedError."""
    statement = Statement(sql).start()
    statement.wait()
    if statement.refusal:
        raise statement.refusal
    assert statement.result
    return statement.result


def _connect(settings: Settings) -> http.client.HTTPConnection:
    """A connection that can be closed while another thread waits for its answer, which the pooled
    ones of a driver cannot."""
    make = http.client.HTTPSConnection if settings.clickhouse_secure else http.client.HTTPConnection
    connection = make(settings.clickhouse_host, settings.clickhouse_port, timeout=CONNECT_TIMEOUT_S)
    connection.connect()
    connection.sock.settimeout(ANSWER_TIMEOUT_S)
    return connection


def _ask(connection: http.client.HTTPConnection, settings: Settings, sql: str) -> Result:
    query_id = str(uuid4())
    # Only a finished query's summary counts everything, and only then is every error a status.
    options = {"default_format": FORMAT, "query_id": query_id, "wait_end_of_query": 1}
    credentials = f"{settings.analyst_user}:{settings.analyst_password}".encode()
    connection.request(
        "POST",
        f"/?{urlencode(options)}",
        body=sql.encode("utf-8", "replace"),
        headers={"Authorization": f"Basic {base64.b64encode(credentials).decode()}"},
    )
    response = connection.getresponse()
    answer = response.read(ANSWER_BYTES + 1)
    if len(answer) > ANSWER_BYTES:
        message, fix = _RESULT_TOO_LARGE
        why = f"It has more than {ANSWER_BYTES // 10**6} MB as text."
        raise RefusedError(message, why=why, fix=fix, code=RESULT_TOO_LARGE)
    text = answer.decode("utf-8", "replace")
    code = response.headers.get("X-ClickHouse-Exception-Code")
    if code or response.status != http.client.OK:
        raise explain(int(code or 0), text)
    form = response.headers.get("X-ClickHouse-Format", FORMAT)
    if form != FORMAT:
        message, fix = _FORMAT
        raise RefusedError(message, why=f"The statement asks for FORMAT {form}.", fix=fix)
    summary = orjson.loads(response.headers.get("X-ClickHouse-Summary", "{}"))
    lines = [orjson.loads(line) for line in text.split("\n") if line]
    names, types, *rows = lines if lines else ([], [])
    return Result(
        columns=tuple(Column(name, type) for name, type in zip(names, types, strict=True)),
        rows=tuple(rows),
        row_count=len(rows),
        query_id=query_id,
        elapsed_ms=int(summary.get("elapsed_ns", 0)) / 1e6,
        rows_read=int(summary.get("read_rows", 0)),
        bytes_read=int(summary.get("read_bytes", 0)),
    )


def explain(code: int, text: str) -> RefusedError:
    """The server's error in plain words, with its own message."""
    why = _SERVERS_FRAME.sub("", text.strip()).strip()
    if len(why) > SHORT:  # the parser lists every word it knows
        why = why.partition(" Expected one of:")[0]
    message, fix = _WORDS.get(code, OTHER)
    if "Multi-statements are not allowed" in why:
        message, fix = "One statement at a time", "Run what comes after the semicolon by itself"
    elif "is not set" in why and code == 456:
        message, fix = "The statement has a parameter without a value", "Write the value itself"
    return RefusedError(message, why=why[:1000], fix=fix, code=code)


def _as_refusal(error: FinhouseError) -> RefusedError:
    return RefusedError(error.message, why=error.why or "", fix=error.fix or "")


def _stopped() -> RefusedError:
    return RefusedError(
        "You stopped the query", why="The connection was closed, so the server ended it.", fix=""
    )


def _no_answer(error: Exception) -> RefusedError:
    return RefusedError(
        "ClickHouse does not answer",
        why=str(error) or type(error).__name__,
        fix="`./finhouse status` shows which component is down, `./finhouse up` starts it",
    )
