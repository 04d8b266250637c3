"""Settings, passwords and the choice of ports."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.errors import FinhouseError
from infra.settings import (
    ADDED_PASSWORDS,
    DEFAULT_PORTS,
    PASSWORDS,
    PREFIX,
    PortReservation,
    Settings,
    env_path,
    load_settings,
    port_is_free,
    port_owner,
    prepare_settings,
    read_env_file,
)


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state folder, and no FINHOUSE_ variable but its own."""
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FINHOUSE_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def listener() -> Iterator[int]:
    """A port on which this process listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def prepare() -> Settings:
    with PortReservation() as reservation:
        return prepare_settings(reservation)


def ports_of(settings: Settings) -> dict[str, int]:
    return {name: getattr(settings, name) for name in DEFAULT_PORTS}


def test_first_start_writes_a_private_file_with_different_passwords(state_dir: Path) -> None:
    settings = prepare()
    assert env_path(state_dir).stat().st_mode & 0o777 == 0o600
    passwords = [getattr(settings, name) for name in PASSWORDS]
    assert len(set(passwords)) == len(PASSWORDS)
    assert all(len(password) >= 20 for password in passwords)


def test_second_start_keeps_ports_and_passwords(state_dir: Path) -> None:
    assert prepare().environment() == prepare().environment() == load_settings().environment()


@pytest.mark.parametrize("name", ADDED_PASSWORDS)
@pytest.mark.parametrize("value", [None, ""], ids=["absent", "empty"])
def test_a_state_folder_from_before_a_password_came_gets_one(
    state_dir: Path, name: str, value: str | None
) -> None:
    made = prepare()
    file = env_path(state_dir)
    line = f"{PREFIX}{name.upper()}='{getattr(made, name)}'\n"
    assert line in file.read_text()
    file.write_text(
        file.read_text().replace(line, "" if value is None else f"{PREFIX}{name.upper()}=''\n")
    )
    assert getattr(load_settings(), name) == "", "it is read without complaint"
    again = prepare()
    assert len(getattr(again, name)) >= 20
    assert again.clickhouse_password == made.clickhouse_password
    assert prepare().environment() == again.environment()


def test_ports_of_one_stack_differ(state_dir: Path) -> None:
    assert len(set(ports_of(prepare()).values())) == len(DEFAULT_PORTS)


def test_a_taken_default_moves_to_the_next_free_port(
    state_dir: Path, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DEFAULT_PORTS, "postgres_port", listener)
    chosen = prepare().postgres_port
    assert chosen > listener
    assert f"FINHOUSE_POSTGRES_PORT='{chosen}'" in env_path(state_dir).read_text()


def test_a_remembered_port_that_is_taken_moves_too(state_dir: Path) -> None:
    remembered = prepare().connect_port
    with socket.create_server(("127.0.0.1", remembered)):
        settings = prepare()
    assert settings.connect_port != remembered
    assert settings.connect_url == f"http://127.0.0.1:{settings.connect_port}"


def test_a_taken_explicit_port_is_an_error_that_names_the_owner(
    state_dir: Path, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINHOUSE_CLICKHOUSE_PORT", str(listener))
    with pytest.raises(FinhouseError) as caught:
        prepare()
    assert str(listener) in caught.value.message
    assert f"pid {os.getpid()}" in (caught.value.why or "")
    assert caught.value.exit_code == 3


def test_a_free_explicit_port_is_taken_over_and_remembered(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("FINHOUSE_KAFKA_BOOTSTRAP", f"127.0.0.1:{port}")
    assert prepare().kafka_port == port
    monkeypatch.delenv("FINHOUSE_KAFKA_BOOTSTRAP")
    assert load_settings().kafka_bootstrap == f"127.0.0.1:{port}"


def test_a_port_that_is_no_number_is_named(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINHOUSE_POSTGRES_PORT", "many")
    with pytest.raises(FinhouseError, match="FINHOUSE_POSTGRES_PORT"):
        prepare()


def test_two_stacks_that_start_together_get_different_ports(
    state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PortReservation() as first, PortReservation() as second:
        one = set(ports_of(prepare_settings(first)).values())
        monkeypatch.setenv("FINHOUSE_STATE_DIR", str(tmp_path / "other"))
        two = set(ports_of(prepare_settings(second)).values())
    assert not one & two


def test_a_reservation_does_not_keep_a_server_from_listening() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with PortReservation() as reservation:
        assert reservation.take(port)
        assert not PortReservation().take(port)
        assert port_is_free(port)
        with socket.create_server(("127.0.0.1", port)):
            assert not port_is_free(port)


def test_port_owner_is_this_process(listener: int) -> None:
    assert f"pid {os.getpid()}" in port_owner(listener)


def test_the_environment_wins_over_the_file(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare()
    monkeypatch.setenv("FINHOUSE_CLICKHOUSE_HOST", "warehouse.example")
    assert load_settings().clickhouse_host == "warehouse.example"


@pytest.mark.parametrize(("given", "is_operator"), [("1", True), ("0", False), (None, False)])
def test_only_who_says_so_is_an_operator_and_it_is_remembered(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, is_operator: bool
) -> None:
    if given:
        monkeypatch.setenv("FINHOUSE_OPERATOR", given)
    assert prepare().operator is is_operator
    monkeypatch.delenv("FINHOUSE_OPERATOR", raising=False)
    assert load_settings().operator is is_operator
    assert prepare().operator is is_operator


def test_another_postgres_host_is_not_ours(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch, listener: int
) -> None:
    monkeypatch.setenv("FINHOUSE_POSTGRES_HOST", "localhost")
    monkeypatch.setenv("FINHOUSE_POSTGRES_PORT", str(listener))
    settings = prepare()  # the taken port is the point: someone else's server listens there
    assert not settings.owns_postgres
    assert settings.postgres_port == listener


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe\x00broken", "not a text file"),
        (b"FINHOUSE_POSTGRES_PORT='5432'\n", "no value for FINHOUSE_POSTGRES_ADMIN_PASSWORD"),
        (b"half a li", "unreadable line: half a li"),
    ],
)
def test_a_damaged_file_is_an_error_with_a_way_out(
    state_dir: Path, content: bytes, reason: str
) -> None:
    state_dir.mkdir()
    env_path(state_dir).write_bytes(content)
    with pytest.raises(FinhouseError) as caught:
        load_settings()
    assert reason in (caught.value.why or "")
    assert "--wipe" in (caught.value.fix or "")


def test_an_unreadable_line_is_shown(state_dir: Path) -> None:
    prepare()
    with env_path(state_dir).open("a") as file:
        file.write("this is no setting\n")
    with pytest.raises(FinhouseError) as caught:
        read_env_file(state_dir)
    assert "this is no setting" in (caught.value.why or "")


def test_a_value_of_the_wrong_type_is_named(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINHOUSE_DASHBOARD_PORT", "eighty")
    with pytest.raises(FinhouseError, match="FINHOUSE_DASHBOARD_PORT"):
        load_settings()


def test_data_without_its_settings_is_refused(state_dir: Path) -> None:
    (state_dir / "data" / "postgres").mkdir(parents=True)
    with pytest.raises(FinhouseError, match="no finhouse.env"):
        prepare()
    assert not env_path(state_dir).exists()


def test_a_folder_that_cannot_be_written_is_an_error(
    tmp_path: Path, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FINHOUSE_STATE_DIR", str(tmp_path / "file" / "state"))
    with pytest.raises(FinhouseError, match="cannot write"):
        prepare()


def test_secrets_are_not_in_the_representation(state_dir: Path) -> None:
    settings = prepare()
    assert settings.postgres_password not in repr(settings)
