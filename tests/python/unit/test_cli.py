"""The command line: help, exit codes, and errors in one shape."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

from infra.cli import down, tools, up
from infra.cli.__main__ import main
from infra.cli.doctor import FAIL, PASS, examine
from infra.cli.steps import Steps
from infra.errors import FinhouseError
from infra.settings import PREFIX, ROOT, PortReservation, prepare_settings


@pytest.fixture(autouse=True)
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state folder for each test."""
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FINHOUSE_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for command in ("up", "down", "status", "logs", "doctor", "env", "dbt", "sql", "peek", "test"):
        assert f" {command} " in shown


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from infra.cli.__main__ import main; main(['--help']); "
        "heavy = {'pydantic', 'psycopg', 'clickhouse_connect', 'confluent_kafka', 'dbt', "
        "'streamlit', 'requests', 'psutil'} & set(sys.modules); sys.exit(', '.join(heavy) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "arguments",
    [["nothing"], ["up", "--nothing"], ["up", "--only", "oracle"], ["env", "--format", "xml"]],
)
def test_wrong_usage_is_exit_code_2(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err


def test_an_error_says_what_why_and_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    from infra.cli.console import fail

    fail(FinhouseError("it [broke]", why="someone [a-z] did", fix="./finhouse up"))
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["error: it [broke]", "  why:  someone [a-z] did", "  fix:  ./finhouse up"]


def test_status_of_nothing_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 1
    assert "./finhouse up" in capsys.readouterr().out
    assert main(["status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["healthy"] is False


def test_down_of_nothing_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down"]) == 0
    assert "Nothing runs" in capsys.readouterr().out


def test_wipe_asks_first(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (state_dir / "data").mkdir(parents=True)
    monkeypatch.setattr("typer.confirm", lambda text, abort: (_ for _ in ()).throw(SystemExit(1)))
    assert main(["down", "--wipe"]) == 1
    assert state_dir.exists()
    assert main(["down", "--wipe", "--yes"]) == 0
    assert not state_dir.exists()


def test_wipe_gets_rid_of_a_damaged_state_folder(state_dir: Path) -> None:
    state_dir.mkdir()
    (state_dir / "finhouse.env").write_bytes(b"\xff\xfe")
    down.run(wipe=True, yes=True)
    assert not state_dir.exists()


def test_two_starts_at_once_are_refused(state_dir: Path) -> None:
    with up.start_lock(state_dir), pytest.raises(FinhouseError, match="started or stopped"):
        up.start_lock(state_dir)


def test_a_full_disk_is_refused(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(100, 0, 3 * up.GIB))
    with pytest.raises(FinhouseError, match="disk is too full"):
        up.check_disk(state_dir)
    (state_dir / "data").mkdir(parents=True)
    up.check_disk(state_dir)  # an existing stack may still be started and looked at


def test_env_prints_the_same_variables_in_each_format(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with PortReservation() as reservation:
        settings = prepare_settings(reservation)
    tools.env("json")
    assert json.loads(capsys.readouterr().out) == settings.environment()
    tools.env("shell")
    script = capsys.readouterr().out + "\nenv"
    shown = subprocess.run(
        ["sh", "-c", script], env={}, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert {f"{name}={value}" for name, value in settings.environment().items()} <= set(shown)


def test_sql_without_a_stack_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FINHOUSE_CLICKHOUSE_PORT", "1")
    assert main(["sql", "select 1"]) == 3
    assert "./finhouse up" in capsys.readouterr().err


def test_logs_of_an_unknown_component_list_the_known_ones(
    state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (state_dir / "logs").mkdir(parents=True)
    (state_dir / "logs" / "kafka.log").write_text("hello\n")
    assert main(["logs", "oracle"]) == 2
    assert "kafka" in capsys.readouterr().err
    assert main(["logs", "kafka"]) == 0
    assert "hello" in capsys.readouterr().out


def test_doctor_finds_a_readable_secret_file(state_dir: Path) -> None:
    with PortReservation() as reservation:
        prepare_settings(reservation)
    results = {finding.check: finding.result for finding in examine()}
    assert results["state folder"] == PASS
    (state_dir / "finhouse.env").chmod(0o644)
    finding = next(finding for finding in examine() if finding.check == "state folder")
    assert finding.result == FAIL
    assert finding.fix.startswith("chmod 600")


def test_steps_run_in_order_and_the_first_error_wins() -> None:
    done: list[str] = []

    def step(name: str) -> tuple[str, str]:
        time.sleep(0.02)
        done.append(name)
        return name, ""

    def broken() -> tuple[str, str]:
        raise FinhouseError("kafka is broken")

    first = Steps()
    first.add("one", [], lambda: step("one"))
    first.add("two", ["one"], lambda: step("two"))
    first.finish()
    assert done == ["one", "two"]

    second = Steps()
    second.add("kafka", [], broken)
    second.add("topics", ["kafka"], lambda: step("topics"))
    with pytest.raises(FinhouseError, match="kafka is broken"):
        second.finish()
    assert "topics" not in done
