"""The rendered supervisord.conf, the configuration of the servers, and stray processes."""

from __future__ import annotations

import configparser
import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.embedded import clickhouse, connect, jars, kafka, stack, supervisor
from infra.embedded.component import Component
from infra.errors import FinhouseError
from infra.settings import Settings

SECRET = "s3cret-of-this-stack"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a stack in a folder with an awkward name."""
    state = tmp_path / "my 100% state"
    state.mkdir()
    secrets = {name: SECRET for name in Settings.model_fields if name.endswith("password")}
    values: dict[str, Any] = {"state_dir": state, **secrets}
    return Settings(**values)


def parse(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return parser


def render(settings: Settings) -> str:
    components = stack.components(settings, jars.expected())
    return supervisor.render(settings, components.values())


def test_every_component_has_a_program_that_restarts(settings: Settings) -> None:
    parsed = parse(render(settings))
    programs = {s.removeprefix("program:") for s in parsed.sections() if s.startswith("program:")}
    services = {
        "postgres",
        "kafka",
        "connect",
        "clickhouse",
        "transform",
        "background",
        "generator",
        "dashboard",
    }
    assert programs == services | {"aot"}
    assert {parsed[f"program:{name}"]["autorestart"] for name in services} == {"true"}


def test_no_secret_is_written(settings: Settings) -> None:
    assert SECRET not in render(settings)
    stack.configure(settings, jars.expected())
    for path in settings.config_dir.rglob("*"):
        if path.is_file():
            assert SECRET not in path.read_text(), path


def test_spaces_and_percent_signs_survive_the_configuration(settings: Settings) -> None:
    section = parse(render(settings))["program:kafka"]
    command = shlex.split(section["command"].replace("%%", "%"))
    assert command[-1] == str(settings.config_dir / "kafka.properties")
    assert "100%%" in section["stdout_logfile"]


def test_postgres_is_stopped_fast_and_knows_no_secret(settings: Settings) -> None:
    section = parse(render(settings))["program:postgres"]
    assert section["stopsignal"] == "INT"
    assert " -i " in section["command"]


def test_servers_listen_on_the_loopback_interface_only(settings: Settings) -> None:
    for text in (
        kafka.properties(1, 2, settings.data_dir),
        connect.properties("127.0.0.1:1", 3, settings.data_dir),
    ):
        listeners = [line for line in text.splitlines() if "listeners=" in line]
        assert listeners
        assert all("//127.0.0.1:" in part for line in listeners for part in line.split(","))
    assert "<listen_host>127.0.0.1</listen_host>" in clickhouse.SERVER


def test_the_source_is_exactly_once_and_its_consumer_reads_committed(settings: Settings) -> None:
    worker = connect.properties("127.0.0.1:1", 3, settings.data_dir)
    assert "exactly.once.source.support=enabled" in worker
    fragment = ElementTree.parse(clickhouse.FRAGMENTS / "config.d" / "finhouse.xml")
    level = fragment.find("named_collections/cdc_kafka/kafka/isolation_level")
    assert level is not None
    assert level.text == "read_committed"


def test_a_clickhouse_binary_on_path_is_preferred(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wheel = clickhouse.component(settings)
    start = ["/bin/sh", str(clickhouse.START), str(settings.data_dir / "clickhouse")]
    assert wheel.command[:3] == start
    assert wheel.command[4:6] == ["-m", "infra.embedded.clickhouse_server"]
    binary = tmp_path / "clickhouse"
    binary.touch(mode=0o755)
    found = clickhouse.component(settings)
    assert found.command[:6] == [*start, str(binary), "server", "-C"]
    clickhouse.configure(settings)
    assert Path(found.command[6]).is_file()
    assert "PATH" in found.title


def test_clickhouse_takes_secrets_and_addresses_from_the_environment() -> None:
    users = ElementTree.parse(clickhouse.FRAGMENTS / "users.d" / "finhouse.xml")
    passwords = users.findall("users/*/password")
    assert len(passwords) == 3
    assert all(password.get("from_env", "").endswith("_PASSWORD") for password in passwords)
    known = Settings().environment()
    for folder in ("config.d", "users.d"):
        for path in (clickhouse.FRAGMENTS / folder).glob("*.xml"):
            for element in ElementTree.parse(path).iter():
                assert element.get("from_env", next(iter(known))) in known


@pytest.fixture
def stray(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A process as a killed supervisord leaves it behind."""
    marks = {"FINHOUSE_COMPONENT": "kafka", "FINHOUSE_STATE_DIR": str(settings.state_dir)}
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"],
        env={**os.environ, **marks},
        stdout=subprocess.PIPE,
    )
    # For a moment after exec Linux shows no environment of the new program.
    assert process.stdout and process.stdout.readline() == b"up\n"
    yield process
    process.stdout.close()
    process.kill()
    process.wait()


def test_strays_of_this_state_folder_are_stopped(
    settings: Settings, stray: subprocess.Popen[bytes]
) -> None:
    stopped = supervisor.stop_strays(settings.state_dir)
    assert stopped == [f"kafka (pid {stray.pid})"]
    assert stray.poll() is not None


def test_processes_of_other_stacks_and_of_the_user_are_left_alone(
    settings: Settings, stray: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert supervisor.stop_strays(settings.state_dir / "other") == []
    # a shell in which the user has exported the state folder is no component
    environment = {"FINHOUSE_STATE_DIR": str(settings.state_dir)}
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], env=environment
    ) as shell:
        found = supervisor.stray_processes(settings.state_dir)
        shell.kill()
    assert [process.pid for process in found] == [stray.pid]
    assert psutil.pid_exists(stray.pid)


class CrashingSupervisor:
    """Reports a component that was started anew at each look."""

    looks = 0

    def processes(self) -> dict[str, dict[str, Any]]:
        self.looks += 1
        return {"kafka": {"start": self.looks, "pid": 0, "statename": "BACKOFF"}}


def test_a_component_that_keeps_crashing_is_an_error_with_its_last_words(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.logs_dir.mkdir()
    log = supervisor.log_path(settings, "kafka")
    log.write_text("starting\n\nout of luck\n")
    component = Component("kafka", "kafka", "", ["true"], probe=lambda: None)
    crashing: Any = CrashingSupervisor()
    with pytest.raises(FinhouseError) as caught:
        stack.wait_until_ready(settings, crashing, component)
    assert caught.value.exit_code == 4
    assert "out of luck" in (caught.value.why or "")
    assert str(log) in (caught.value.fix or "")


def test_tail_shows_the_last_lines_only(settings: Settings) -> None:
    settings.logs_dir.mkdir()
    log = supervisor.log_path(settings, "connect")
    log.write_text("".join(f"line {number}\n" for number in range(5000)))
    assert stack.tail(settings, "connect", 2) == ["line 4998", "line 4999"]
    assert stack.tail(settings, "nothing", 2) == []
