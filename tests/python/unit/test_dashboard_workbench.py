"""A statement's way to ClickHouse and back, with a server that says what a test wants."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboard import workbench
from dashboard.queries import sql as queries
from dashboard.workbench import RefusedError, Statement

ANSWER = b'["a","b"]\n["UInt8","Nullable(String)"]\n[1,"x\\ny"]\n[2,null]\n'


class Server:
    """Stands in for ClickHouse: answers with `body` and `headers`, notes what it is asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body = ANSWER
        self.headers = {
            "X-ClickHouse-Format": workbench.FORMAT,
            "X-ClickHouse-Summary": '{"read_rows":"7","read_bytes":"70","elapsed_ns":"2500000"}',
        }
        self.asked: list[tuple[dict[str, list[str]], bytes, str]] = []
        self.hold = threading.Event()
        self.hold.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                options = parse_qs(urlsplit(self.path).query)
                server.asked.append((options, body, self.headers["Authorization"]))
                server.hold.wait(10)
                self.send_response(server.status)
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(server.body)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    monkeypatch.setenv("FINHOUSE_CLICKHOUSE_PORT", str(server.http.server_port))
    monkeypatch.setenv("FINHOUSE_CLICKHOUSE_HOST", "127.0.0.1")
    monkeypatch.setenv("FINHOUSE_ANALYST_PASSWORD", "secret")
    yield server
    server.hold.set()
    server.http.shutdown()
    server.http.server_close()


def refusal(sql: str) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        workbench.run(sql)
    return caught.value


def test_a_result_has_columns_rows_and_cost(server: Server) -> None:
    result = workbench.run("select …")
    assert [(column.name, column.type) for column in result.columns] == [
        ("a", "UInt8"),
        ("b", "Nullable(String)"),
    ]
    assert result.rows == ([1, "x\ny"], [2, None])
    assert (result.row_count, result.rows_read, result.bytes_read) == (2, 7, 70)
    assert result.elapsed_ms == 2.5


def test_the_statement_is_sent_as_it_is_and_as_the_analyst(server: Server) -> None:
    workbench.run("select '…' -- x\n;")
    options, body, authorization = server.asked[0]
    assert body.decode() == "select '…' -- x\n;"
    assert set(options) == {"default_format", "query_id", "wait_end_of_query"}
    assert authorization == "Basic YW5hbHlzdDpzZWNyZXQ="


def test_half_a_character_does_not_stop_it(server: Server) -> None:
    assert workbench.run("select '\ud800'").row_count == 2
    server.body = b'["a"]\n["String"]\n["\xff"]\n'
    assert workbench.run("select unhex('ff')").rows == (["\N{REPLACEMENT CHARACTER}"],)


def test_a_statement_without_rows_has_an_empty_result(server: Server) -> None:
    server.body = b""
    assert workbench.run("use gold").columns == ()


def test_an_error_comes_with_the_servers_words_and_ours(server: Server) -> None:
    server.status = 403
    server.headers["X-ClickHouse-Exception-Code"] = "497"
    server.body = (
        b"Code: 497. DB::Exception: analyst: Not enough privileges. (ACCESS_DENIED)"
        b" (version 26.9.2.1)\n"
    )
    refused = refusal("drop table x")
    assert refused.message == "That is not allowed here"
    assert refused.why == "analyst: Not enough privileges. (ACCESS_DENIED)"
    assert "gold" in str(refused.fix)
    assert refused.code == 497


@pytest.mark.parametrize(
    ("code", "text", "message"),
    [
        (62, "Syntax error (Multi-statements are not allowed): …", "One statement at a time"),
        (62, "Syntax error: failed at position 1", "This is not a statement ClickHouse"),
        (456, "Substitution `x` is not set.", "The statement has a parameter without a value"),
        (164, "Cannot modify 'readonly' setting", "Settings are fixed on this page"),
        (159, "Timeout exceeded", "The query took too long"),
        (516, "Authentication failed", "The stack does not know the user `analyst` yet"),
        (9999, "Something new", "ClickHouse refused the statement"),
    ],
)
def test_errors_in_plain_words(code: int, text: str, message: str) -> None:
    refused = workbench.explain(code, f"Code: {code}. DB::Exception: {text} (version 26.9)")
    assert refused.message.startswith(message)
    assert refused.why == text
    assert refused.fix


def test_a_parsers_list_of_words_is_left_out() -> None:
    words = ", ".join(["SELECT"] * 100)
    refused = workbench.explain(62, f"Syntax error: at 1. Expected one of: {words}.")
    assert refused.why == "Syntax error: at 1."


def test_another_format_is_refused(server: Server) -> None:
    server.headers["X-ClickHouse-Format"] = "Null"
    assert "FORMAT Null" in str(refusal("select 1 format Null").why)


def test_an_answer_that_would_fill_the_memory_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbench, "ANSWER_BYTES", len(ANSWER) - 1)
    assert refusal("select repeat('x', 1000)").code == workbench.RESULT_TOO_LARGE
    monkeypatch.setattr(workbench, "ANSWER_BYTES", len(ANSWER))
    assert workbench.run("select 1").row_count == 2


def test_cancelling_hangs_up(server: Server) -> None:
    server.hold.clear()
    statement = Statement("select sleep(3)").start()
    assert not statement.wait(0.3)
    assert statement.is_running
    assert statement.running_seconds >= 0.3
    statement.cancel()
    assert statement.wait(2)
    assert statement.refusal and statement.refusal.message == "You stopped the query"
    assert 0.3 <= statement.seconds < 2


def test_cancelling_what_has_ended_does_nothing(server: Server) -> None:
    statement = Statement("select 1").start()
    assert statement.wait(5)
    statement.cancel()
    assert statement.result and not statement.refusal


def test_without_a_server_it_says_so(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINHOUSE_CLICKHOUSE_PORT", "1")
    refused = refusal("select 1")
    assert refused.message == "ClickHouse does not answer"
    assert "./finhouse up" in str(refused.fix)


def test_only_the_last_result_keeps_its_rows(server: Server) -> None:
    statement = Statement("select 1").start()
    statement.wait()
    statement.forget_rows()
    assert statement.result and statement.result.rows == () and statement.result.row_count == 2


def test_statements_made_for_a_person() -> None:
    assert queries.first_rows("gold.dim_dates", ["a", "b c"], 5) == (
        "select\n    a,\n    `b c`\nfrom gold.dim_dates\nlimit 5"
    )
    assert queries.limited("select 1;\n", 5) == "select *\nfrom (\nselect 1\n)\nlimit 5"
    assert queries.explained("select 1").endswith("\nselect 1")
