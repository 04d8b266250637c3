"""What the configuration lets the user `analyst` do, and that it keeps up with the models."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from xml.etree import ElementTree

import pytest

from infra.embedded import clickhouse, clickhouse_server
from infra.settings import ROOT, Settings

USERS = ROOT / "infra" / "clickhouse" / "users.d" / "finhouse.xml"
PERSONAL = {"user_name", "email"}
# What a message may tell of who or where somebody is.
TELLING = PERSONAL | {"profile_text", "ip"}
OVERFLOW = ("timeout_overflow_mode", "read_overflow_mode", "result_overflow_mode")


@pytest.fixture
def users() -> ElementTree.Element:
    return ElementTree.parse(USERS).getroot()


def withheld(users: ElementTree.Element) -> dict[str, set[str]]:
    """database.table -> columns the analyst may not read."""
    queries = [query.text or "" for query in users.iterfind("users/analyst/grants/query")]
    found = (re.fullmatch(r"REVOKE SELECT\((.+)\) ON (\S+)", query) for query in queries)
    return {match[2]: set(match[1].split(", ")) for match in found if match}


def test_no_table_tells_who_somebody_is(nodes: dict[str, Any], users: ElementTree.Element) -> None:
    telling = {
        f"{node['schema']}.{node['alias']}": PERSONAL & set(node["columns"])
        for node in nodes.values()
        if node["resource_type"] in ("model", "snapshot")
        and node["schema"] in ("gold", "silver")
        and PERSONAL & set(node["columns"])
    }
    assert len(telling) >= 5
    assert withheld(users) == telling


def test_messages_mask_every_field_that_tells_who_or_where_somebody_is() -> None:
    text = (ROOT / "macros" / "cdc" / "source_tables.sql").read_text(encoding="utf-8")
    tables = dict(re.findall(r"^        '(\w+)': \{$(.*?)^        \},$", text, re.M | re.S))
    assert len(tables) >= 8
    for name, contract in tables.items():
        fields = set(re.findall(r"^                '(\w+)':", contract, re.M))
        listed = re.search(r"'personal': \[(.*)\]", contract)
        personal = set(re.findall(r"'(\w+)'", listed[1])) if listed else set()
        assert fields
        assert personal == fields & TELLING, name


def test_the_analyst_is_granted_gold_and_silver_only(users: ElementTree.Element) -> None:
    grants = [query.text or "" for query in users.iterfind("users/analyst/grants/query")]
    assert [grant for grant in grants if grant.startswith("GRANT")] == [
        "GRANT SELECT ON gold.*",
        "GRANT SELECT ON silver.*",
    ]


def test_nothing_of_the_analysts_profile_can_be_lifted(users: ElementTree.Element) -> None:
    profile = users.find("profiles/analyst")
    assert profile is not None
    values = {setting.tag: setting.text for setting in profile if isinstance(setting.tag, str)}
    assert values["readonly"] == "1"
    for name in ("max_execution_time", "max_memory_usage", "max_rows_to_read", "max_result_bytes"):
        assert int(values[name] or 0) > 0
    assert {values[name] for name in OVERFLOW} == {"throw"}, "never a part of a number"


def test_a_user_without_its_variable_has_no_password_instead_of_an_empty_one(
    users: ElementTree.Element,
) -> None:
    passwords = list(users.iterfind("users/*/password"))
    assert len(passwords) == 3
    assert all(password.get("optional") == "true" for password in passwords)


def test_a_server_whose_supervisor_knows_no_password_lets_no_analyst_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FINHOUSE_ANALYST_PASSWORD", "")
    monkeypatch.delenv("FINHOUSE_ANALYST_PASSWORD")
    monkeypatch.setattr(clickhouse_server, "load_engine", Mock(side_effect=ModuleNotFoundError))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        with pytest.raises(ModuleNotFoundError):
            clickhouse_server.main()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    assert len(os.environ["FINHOUSE_ANALYST_PASSWORD"]) >= 20


@pytest.mark.parametrize("native", ["/usr/bin/clickhouse", None], ids=["server", "wheel"])
def test_what_only_the_wheel_has_is_closed(
    tmp_path: Path, native: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: native)
    clickhouse.configure(Settings(state_dir=tmp_path))
    base = (tmp_path / "config" / "clickhouse" / "users.xml").read_text()
    ElementTree.fromstring(base)
    # a server would not start with a setting it does not know
    assert ("allow_python_table_function" in base) == (native is None)
    made = tmp_path / "data" / "clickhouse" / "user_defined" / "function_file.sql"
    assert "throwIf" in made.read_text()
