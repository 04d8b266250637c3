"""Commands that open the running stack to a person: env, dbt, sql, peek, test."""

from __future__ import annotations

import json
import os
import shlex
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from rich.table import Table

from infra.cli import console
from infra.embedded import clickhouse
from infra.errors import FinhouseError
from infra.settings import ROOT, Settings, load_settings

LAYERS = ("bronze", "silver", "gold", "ops", "system", "default")


def env(format: str) -> None:
    """Print all FINHOUSE_* variables as dotenv, json or shell."""
    variables = load_settings().environment()
    if format == "json":
        text = json.dumps(variables, indent=2)
    elif format == "shell":
        text = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())
    elif format == "dotenv":
        text = "\n".join(f"{name}='{value}'" for name, value in variables.items())
    else:
        raise FinhouseError(
            f"there is no format {format!r}", why="it is dotenv, json or shell", exit_code=2
        )
    print(text)


def dbt(arguments: list[str]) -> None:
    """Become dbt, with this stack's settings and this project."""
    program, environment = dbt_program(load_settings())
    os.execve(program, [program, *arguments], environment)


def dbt_program(settings: Settings) -> tuple[str, dict[str, str]]:
    """Path of dbt and the environment in which it finds this stack and this project."""
    environment = {
        **os.environ,
        **settings.environment(),
        "FINHOUSE_STATE_DIR": str(settings.state_dir),
        "DBT_PROFILES_DIR": str(ROOT),
        "DBT_PROJECT_DIR": str(ROOT),
    }
    return str(Path(sys.executable).with_name("dbt")), environment


def test(arguments: list[str]) -> None:
    """Become pytest, in the project's folder; all tests run on two workers."""
    os.chdir(ROOT)
    program = [sys.executable, "-m", "pytest"]
    os.execv(sys.executable, [*program, *(arguments or ["--numprocesses", "2"])])


def sql(query: str, *, as_json: bool) -> None:
    """Run a statement as the read-only user and print its rows."""
    settings = load_settings()
    answer = _ask(settings, query, settings.dashboard_user, settings.dashboard_password)
    _show(answer, as_json=as_json)


def peek(name: str, count: int) -> None:
    """Print the last rows of a table (`silver.x`) or the last messages of a topic.

    Raises FinhouseError if there is neither.
    """
    settings = load_settings()
    database, _, table = name.partition(".")
    if database in LAYERS and table:
        _peek_table(settings, database, table, count)
        return
    from ingestion import kafka

    for message in kafka.tail(settings, name, count):
        header = f"offset {message.offset}  {message.timestamp:%Y-%m-%d %H:%M:%S.%f}  {message.key}"
        console.out.print(header, style="dim", markup=False)
        console.out.print(message.value, markup=False)


def _peek_table(settings: Settings, database: str, table: str, count: int) -> None:
    user, password = settings.clickhouse_user, settings.clickhouse_password
    found = _ask(
        settings,
        "SELECT sorting_key, name FROM system.tables "
        f"WHERE database = '{_quoted(database)}' AND name = '{_quoted(table)}'",
        user,
        password,
    )["data"]
    if not found:
        names = _ask(
            settings,
            f"SELECT name FROM system.tables WHERE database = '{_quoted(database)}' ORDER BY name",
            user,
            password,
        )["data"]
        raise FinhouseError(
            f"there is no table {database}.{table}",
            why=f"{database} has {', '.join(row['name'] for row in names) or 'no tables'}",
            exit_code=2,
        )
    keys = [key.strip() for key in found[0]["sorting_key"].split(",") if key.strip()]
    order = " ORDER BY " + ", ".join(f"{key} DESC" for key in keys) if keys else ""
    query = f"SELECT * FROM {database}.`{table.replace('`', '')}`{order} LIMIT {count}"
    _show(_ask(settings, query, user, password), as_json=False)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _ask(settings: Settings, query: str, user: str, password: str) -> dict[str, Any]:
    """ClickHouse's JSON answer: `meta`, `data`, `rows`; all empty for a statement without rows."""
    scheme = "https" if settings.clickhouse_secure else "http"
    request = urllib.request.Request(
        f"{scheme}://{settings.clickhouse_host}:{settings.clickhouse_port}/"
        "?default_format=JSON&output_format_json_quote_64bit_integers=0",
        data=query.encode(),
        headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": password},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read().decode()
    except urllib.error.HTTPError as error:
        raise FinhouseError(
            "ClickHouse refuses the statement",
            why=error.read().decode(errors="replace").strip()[:600],
            exit_code=1,
        ) from error
    except OSError as error:
        raise clickhouse.does_not_answer(settings, error) from error
    try:
        answer = json.loads(text) if text.strip() else {}
    except json.JSONDecodeError:  # the statement named its own FORMAT
        print(text, end="")
        answer = {}
    return answer if "data" in answer else {"meta": [], "data": [], "rows": 0}


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer["data"], indent=2))
        return
    if not answer["meta"]:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in answer["meta"]:
        is_number = any(kind in column["type"] for kind in ("Int", "Float", "Decimal"))
        table.add_column(column["name"], justify="right" if is_number else "left", no_wrap=True)
    for row in answer["data"]:
        cells = ("" if value is None else str(value) for value in row.values())
        table.add_row(*(cell.replace("[", r"\[") for cell in cells))
    console.whole_lines()
    console.out.print(table)
    rows = len(answer["data"])
    console.out.print(f"{rows:,} row{'' if rows == 1 else 's'}", style="dim")
