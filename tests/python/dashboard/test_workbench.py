"""The page SQL in each of its states, on a stubbed warehouse and a stubbed analyst."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import workbench
from dashboard.queries import sql as queries
from dashboard.workbench import Column, RefusedError, Result
from infra.settings import ROOT
from tests.python.dashboard.pages import captions

OpenSql = Callable[..., AppTest]

LIMITS = (
    ["max_execution_time", "20"],
    ["max_memory_usage", "400000000"],
    ["max_result_rows", "20000"],
    ["max_rows_to_read", "200000000"],
)
SCHEMA = (
    ["gold", "dim_dates", "Calendar.", "calendar_date", "Date", "Day, UTC."],
    ["gold", "dim_dates", "Calendar.", "weekday_name", "String", "English name."],
    ["silver", "fx_rates_state", "Rates.", "rate_to_eur", "Decimal(18, 6)", "EUR per unit."],
)


def result(columns: dict[str, str], rows: Sequence[Sequence[Any]]) -> Result:
    named = tuple(Column(name, type) for name, type in columns.items())
    return Result(named, tuple(rows), len(rows), "query-1", 12.0, 5_100_000, 120_000_000)


class Analyst:
    """Answers statements; `hold` keeps them running until it is set or they are cancelled."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: RefusedError | None = None
        self.answers: dict[str, Result] = {}
        self.hold = threading.Event()
        self.hold.set()

    def ask(self, connection: Any, settings: Any, sql: str) -> Result:
        names = ("database", "table", "table_comment", "name", "type", "comment")
        if sql == queries.columns().sql:
            return result(dict.fromkeys(names, "String"), SCHEMA)
        if sql == queries.limits().sql:
            return result({"name": "String", "value": "String"}, LIMITS)
        self.asked.append(sql)
        self.hold.wait(20)
        if connection.is_closed:
            raise ConnectionResetError
        if self.error:
            raise self.error
        return self.answers.get(sql) or result({"a": "UInt64", "b": "String"}, [["1", "x"]])


class Connection:
    """What a statement holds while it runs; hanging up lets go of it."""

    def __init__(self, analyst: Analyst) -> None:
        self.is_closed = False
        self.analyst = analyst
        self.sock = self

    def shutdown(self, _: int) -> None:
        self.is_closed = True
        self.analyst.hold.set()

    def close(self) -> None:
        pass


@pytest.fixture
def analyst(monkeypatch: pytest.MonkeyPatch) -> Analyst:
    analyst = Analyst()
    monkeypatch.setattr(workbench, "_connect", lambda settings: Connection(analyst))
    monkeypatch.setattr(workbench, "_ask", analyst.ask)
    return analyst


@pytest.fixture
def open_sql(warehouse: Any) -> OpenSql:
    """Opens the page at a URL with these query parameters."""

    def run(**url: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=30)
        app.switch_page("app_pages/sql.py")
        for name, value in url.items():
            app.query_params[name] = value
        return app.run()

    return run


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def run_statement(app: AppTest, sql: str) -> AppTest:
    app.session_state.q = sql
    return press(app, "run")


def badges(app: AppTest) -> list[str]:
    return [text.value for text in app.markdown if "-badge[" in text.value]


def table(app: AppTest) -> Any:
    shown, _ = app.dataframe  # the other one lists columns
    return shown.value


def test_it_opens_with_limits_examples_and_tables(analyst: Analyst, open_sql: OpenSql) -> None:
    app = open_sql()
    assert not app.exception
    assert app.title[0].value == "SQL"
    assert "1.2 s behind source" in badges(app)[0]
    assert "At most 20 s, 400 MB of memory, 200M rows read and 20,000 rows back" in captions(
        app
    ).replace(".0", "")
    assert app.selectbox(key="schema_table").options == ["dim_dates"]
    assert app.dataframe[-1].value["comment"].tolist() == [
        "Day, UTC.",
        "English name.",
    ]
    press(app, "Volume per day")
    assert app.session_state.q == queries.EXAMPLES["Volume per day"]
    assert analyst.asked == []


def test_running_shows_rows_cost_and_history(analyst: Analyst, open_sql: OpenSql) -> None:
    app = run_statement(open_sql(), "select 1")
    assert analyst.asked == ["select 1"]
    assert table(app).to_dict("list") == {"a": ["1"], "b": ["x"]}
    assert table(app).index.tolist() == [1]
    assert "**1 row**" in captions(app)
    assert "read 5,100,000 rows, 120.0 MB" in captions(app)
    assert any("Success" in badge for badge in badges(app))
    assert app.code[-1].value == "select 1"


@pytest.mark.parametrize(
    "sql",
    ["select 1", "drop table gold.dim_dates", "x" * 5000, "'\"><script>alert(1)</script>", "\x00"],
)
def test_a_link_fills_the_editor_and_runs_nothing(
    analyst: Analyst, open_sql: OpenSql, sql: str
) -> None:
    app = open_sql(q=sql)
    assert not app.exception
    assert app.session_state.q == sql
    assert analyst.asked == []
    press(app, "run")
    assert analyst.asked == [sql]


def test_the_address_holds_what_is_in_the_editor(analyst: Analyst, open_sql: OpenSql) -> None:
    app = press(open_sql(), "Volume per day")
    assert app.query_params["q"] == queries.EXAMPLES["Volume per day"]
    app.query_params["q"] = "select 2"  # a link of another page, in the same session
    assert app.run().session_state.q == "select 2"
    del app.query_params["q"]  # the sidebar leads here again
    assert app.run().query_params["q"] == "select 2"


@pytest.mark.parametrize("sql", ["", "  \n "])
def test_nothing_to_run_runs_nothing(analyst: Analyst, open_sql: OpenSql, sql: str) -> None:
    app = run_statement(open_sql(), sql)
    assert analyst.asked == []
    assert not app.error


def test_a_refusal_has_plain_words_and_the_servers(analyst: Analyst, open_sql: OpenSql) -> None:
    analyst.error = workbench.explain(497, "Code: 497. DB::Exception: Not enough privileges.")
    app = run_statement(open_sql(), "drop table x")
    assert "name the columns you want" in app.error[0].value
    assert "Not enough privileges." in [code.value for code in app.code]
    assert any("That is not allowed here" in badge for badge in badges(app))
    assert not [button for button in app.button if button.key == "run_limited"]


def test_a_result_that_is_too_large_can_be_cut(analyst: Analyst, open_sql: OpenSql) -> None:
    analyst.error = workbench.explain(workbench.RESULT_TOO_LARGE, "Limit for result exceeded")
    app = run_statement(open_sql(), "select * from silver.transactions_state")
    analyst.error = None
    press(app, "run_limited")
    shorter = queries.limited("select * from silver.transactions_state", 100)
    assert analyst.asked[-1] == app.session_state.q == shorter
    assert len(table(app)) == 1


def test_without_an_answer_the_page_stays(analyst: Analyst, open_sql: OpenSql) -> None:
    analyst.error = RefusedError("ClickHouse does not answer", why="refused", fix="`./finhouse up`")
    app = run_statement(open_sql(), "select 1")
    assert "./finhouse up" in app.error[0].value


def test_without_any_server_it_still_opens(
    warehouse: Any, open_sql: OpenSql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINHOUSE_CLICKHOUSE_PORT", "1")
    warehouse.error = RefusedError("ClickHouse does not answer", why="w", fix="`./finhouse up`")
    app = open_sql()
    assert not app.exception
    assert ":red-badge" in badges(app)[0]
    assert "ClickHouse does not answer" in captions(app)


def test_a_large_result_comes_in_pages(analyst: Analyst, open_sql: OpenSql) -> None:
    analyst.answers["select n"] = result({"n": "UInt64"}, [[str(n)] for n in range(250)])
    app = run_statement(open_sql(), "select n")
    assert table(app)["n"].tolist() == [str(n) for n in range(100)]
    app.pagination(key="result_page").set_value(3).run()
    assert not app.exception
    assert table(app)["n"].tolist() == [str(n) for n in range(200, 250)]
    assert table(app).index.tolist() == list(range(201, 251))
    assert analyst.asked == ["select n"]


def test_no_rows_are_said_to_be_none(analyst: Analyst, open_sql: OpenSql) -> None:
    analyst.answers["select n"] = result({"n": "UInt64"}, [])
    app = run_statement(open_sql(), "select n")
    assert app.info[0].value == "No rows."


def test_odd_columns_can_be_shown(analyst: Analyst, open_sql: OpenSql) -> None:
    columns = (Column("1", "UInt8"), Column("1", "Array(UInt8)"), Column("", "Nullable(Nothing)"))
    analyst.answers["select 1"] = Result(columns, ([1, [1, 2], None],), 1, "", 0, 0, 0)
    shown = table(run_statement(open_sql(), "select 1"))
    assert list(shown.columns) == ["1", "1 (2)", ""]
    assert shown.iloc[0].tolist()[:2] == ["1", "[1,2]"]
    assert shown.iloc[0].isna().tolist() == [False, False, True]


def test_a_running_statement_can_be_cancelled(analyst: Analyst, open_sql: OpenSql) -> None:
    analyst.hold.clear()
    app = run_statement(open_sql(), "select slow")
    assert "Running for" in app.info[0].value
    assert app.button(key="run").disabled
    assert not app.button(key="cancel").disabled
    press(app, "cancel")
    app.run()
    assert not app.exception
    assert "the server ended it" in app.info[0].value
    assert any("You stopped the query" in badge for badge in badges(app))
    assert not app.button(key="run").disabled
    assert app.button(key="cancel").disabled


def test_a_statement_that_takes_long_ends_by_itself(analyst: Analyst, open_sql: OpenSql) -> None:
    analyst.hold.clear()
    app = run_statement(open_sql(), "select slow")
    running = app.session_state["running"]
    analyst.hold.set()
    assert running.wait(5)
    app.run()
    assert len(table(app)) == 1


def test_history_runs_again_and_edits(analyst: Analyst, open_sql: OpenSql) -> None:
    app = run_statement(open_sql(), "select 1")
    run_statement(app, "select 2")
    assert [code.value for code in app.code][-2:] == ["select 2", "select 1"]
    press(app, "edit_1")
    assert app.session_state.q == "select 1"
    assert analyst.asked == ["select 1", "select 2"]
    press(app, "again_0")
    assert analyst.asked == ["select 1", "select 2", "select 2"]
    assert app.session_state.q == "select 2"


def test_history_is_short_and_keeps_no_results(analyst: Analyst, open_sql: OpenSql) -> None:
    app = open_sql()
    for number in range(22):
        run_statement(app, f"select {number}")
    kept = app.session_state["history"]
    assert len(kept) == 20
    assert [len(ended.statement.result.rows) for ended in kept] == [1] + [0] * 19
    assert {ended.statement.result.row_count for ended in kept} == {1}


def test_explain_asks_for_the_plan(analyst: Analyst, open_sql: OpenSql) -> None:
    plan = result({"explain": "String"}, [["Limit"], ["  Read"]])
    analyst.answers[queries.explained("select 1")] = plan
    app = open_sql(q="select 1")
    press(app, "explain")
    assert "Limit\n  Read" in [code.value for code in app.code]
    assert analyst.asked == [queries.explained("select 1")]
    assert app.session_state.q == "select 1"


def test_a_table_can_be_put_into_the_editor(analyst: Analyst, open_sql: OpenSql) -> None:
    app = open_sql()
    app.segmented_control(key="schema_database").set_value("silver").run()
    assert app.selectbox(key="schema_table").value == "fx_rates_state"
    press(app, "schema_edit")
    assert app.session_state.q == ("select\n    rate_to_eur\nfrom silver.fx_rates_state\nlimit 100")
    assert analyst.asked == []


def test_a_result_can_be_exported(analyst: Analyst, open_sql: OpenSql) -> None:
    app = run_statement(open_sql(), "select 1")
    keys = [button.key for button in app.download_button]
    assert keys == ["download_csv", "download_xlsx", "download_parquet"]
