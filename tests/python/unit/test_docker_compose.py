"""The Compose stack as `docker compose config` renders it: no engine is needed for that."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.docker import health, setup
from infra.embedded import connect, kafka, postgres
from infra.embedded.clickhouse import START
from infra.errors import FinhouseError
from infra.settings import PASSWORDS, PREFIX, ROOT, Settings
from ingestion.generator.settings import GeneratorSettings

DOCKER = ROOT / "infra" / "docker"
APPS = ("setup", "transform", "background", "generator", "dashboard")
SECRETS = [f"{PREFIX}{name.upper()}" for name in PASSWORDS if name != "supervisor_password"]
GIB = 1024**3

Service = dict[str, Any]


def compose() -> list[str]:
    """The Compose program: Docker's plugin, else the one in this environment or on PATH."""
    beside = Path(sys.executable).with_name("docker-compose")
    candidates = [["docker", "compose"], [str(beside)], ["docker-compose"]]
    for command in candidates:
        if shutil.which(command[0]):
            version = [*command, "version", "--short"]
            found = subprocess.run(version, capture_output=True, text=True)
            if found.returncode == 0 and int(found.stdout.lstrip("v").split(".")[0]) >= 2:
                return command
    pytest.fail("Docker Compose is not here, though requirements.lock brings docker-compose")


def config(env_file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `docker compose config` with nothing of ours in the environment."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
    command = [*compose(), "-f", str(DOCKER / "compose.yml"), "--env-file", str(env_file)]
    return subprocess.run(
        [*command, "config", *options], env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def rendered() -> dict[str, Any]:
    """The whole project, as rendered with the example's settings."""
    result = config(DOCKER / "env.example", "--format", "json")
    assert result.returncode == 0, result.stderr
    assert "variable is not set" not in result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.fixture
def services(rendered: dict[str, Any]) -> dict[str, Service]:
    """The services by name."""
    found: dict[str, Service] = rendered["services"]
    return found


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a container: no variables but those a test sets, and no state folder."""
    for variable in [key for key in os.environ if key.startswith(PREFIX)]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv(f"{PREFIX}STATE_DIR", str(tmp_path / "none"))


def environment(service: Service) -> dict[str, str]:
    """Variables the container gets; one without a value is not passed on."""
    return {key: value for key, value in service["environment"].items() if value is not None}


def properties(text: str) -> dict[str, str]:
    """Java properties as a dictionary."""
    return dict(line.split("=", 1) for line in text.splitlines())


def test_has_every_part(services: dict[str, Service]) -> None:
    servers = {"postgres", "kafka", "connect", "clickhouse", "kafka-ui"}
    assert set(services) == servers | set(APPS)


def test_images_are_pinned_to_a_version(services: dict[str, Service]) -> None:
    for name, service in services.items():
        tag = service["image"].partition("@")[0].rpartition(":")[2]
        assert re.match(r"v?\d+\.\d+(\.\d+)?", tag), f"{name}: {service['image']}"


def test_base_image_is_pinned_to_a_version() -> None:
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?", (DOCKER / "Dockerfile").read_text(), re.M)
    names = {name for _, name in stages}
    bases = [image for image, _ in stages if image not in names]
    assert bases
    for image in bases:
        assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", image)


def test_own_image_has_the_projects_version(services: dict[str, Service]) -> None:
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.M)
    assert {services[name]["image"] for name in APPS} == {f"finhouse:{version}"}


def test_ports_are_open_on_loopback_only(services: dict[str, Service]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 7
    assert {port.get("host_ip") for port in ports} == {"127.0.0.1"}
    assert len({port["published"] for port in ports}) == len(ports)


def test_every_service_is_watched_and_bounded(services: dict[str, Service]) -> None:
    for name, service in services.items():
        if name == "setup":
            assert service["restart"] == "no"
        else:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name
        assert int(service["mem_limit"]) > 0, name
    assert sum(int(service["mem_limit"]) for service in services.values()) <= 7.5 * GIB


def test_services_start_when_what_they_need_is_ready(services: dict[str, Service]) -> None:
    needed = {
        name: {other: need["condition"] for other, need in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    healthy, done = "service_healthy", "service_completed_successfully"
    assert needed == {
        "postgres": {},
        "kafka": {},
        "clickhouse": {},
        "connect": {"kafka": healthy},
        "kafka-ui": {"kafka": healthy},
        "setup": {"postgres": healthy, "kafka": healthy, "connect": healthy},
        "transform": {"clickhouse": healthy, "setup": done},
        "background": {"clickhouse": healthy, "setup": done},
        "generator": {"setup": done},
        "dashboard": {"clickhouse": healthy},
    }


def test_data_is_kept_in_named_volumes(rendered: dict[str, Any]) -> None:
    kept = {
        volume["source"]: (name, volume["target"])
        for name, service in rendered["services"].items()
        for volume in service.get("volumes", [])
        if volume["type"] == "volume"
    }
    assert kept == {
        "postgres": ("postgres", "/var/lib/postgresql"),
        "kafka": ("kafka", "/var/lib/kafka/data"),
        "clickhouse": ("clickhouse", "/var/lib/clickhouse"),
    }
    assert set(rendered["volumes"]) == set(kept)


@pytest.mark.parametrize("name", APPS)
def test_settings_lead_to_the_other_services(
    services: dict[str, Service], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in environment(services[name]).items():
        monkeypatch.setenv(variable, value)
    settings = Settings()
    assert (settings.postgres_host, settings.postgres_port) == ("postgres", 5432)
    assert settings.kafka_bootstrap == "kafka:9092"
    assert settings.connect_url == "http://connect:8083"
    assert (settings.clickhouse_host, settings.clickhouse_port) == ("clickhouse", 8123)
    assert settings.clickhouse_tcp_port == 9000
    assert not settings.clickhouse_secure


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("setup", {"POSTGRES_ADMIN_PASSWORD", "POSTGRES_PASSWORD", "CDC_PASSWORD"}),
        ("transform", {"CLICKHOUSE_PASSWORD", "POSTGRES_PASSWORD", "CDC_PASSWORD"}),
        ("background", {"CLICKHOUSE_PASSWORD", "DASHBOARD_PASSWORD"}),
        ("generator", {"POSTGRES_PASSWORD"}),
        ("dashboard", {"DASHBOARD_PASSWORD", "ANALYST_PASSWORD"}),
        ("connect", {"CDC_PASSWORD"}),
        ("clickhouse", {"CLICKHOUSE_PASSWORD", "DASHBOARD_PASSWORD", "ANALYST_PASSWORD"}),
        ("kafka", set()),
        ("kafka-ui", set()),
    ],
)
def test_each_service_gets_its_own_secrets_only(
    services: dict[str, Service], name: str, needed: set[str]
) -> None:
    passed = set(environment(services[name])) & set(SECRETS)
    assert passed == {PREFIX + secret for secret in needed}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("line", ["", "{}=\n"], ids=["absent", "empty"])
def test_missing_secret_is_named(tmp_path: Path, secret: str, line: str) -> None:
    example = (DOCKER / "env.example").read_text()
    incomplete = tmp_path / "env"
    incomplete.write_text(example.replace(f"{secret}=change-me\n", line.format(secret)))
    result = config(incomplete, "--quiet")
    assert result.returncode != 0
    assert f"{secret} is missing a value: make infra/docker/.env as its README.md says" in (
        result.stderr
    )


def test_readme_makes_the_env_file(tmp_path: Path) -> None:
    readme = (DOCKER / "README.md").read_text()
    (line,) = re.findall(r"^    (\(umask 077.*)$", readme, re.M)
    (tmp_path / "infra").mkdir()
    shutil.copytree(DOCKER, tmp_path / "infra" / "docker", ignore=lambda *_: [".env"])
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True)
    made = tmp_path / "infra" / "docker" / ".env"
    assert made.stat().st_mode & 0o777 == 0o600
    text = made.read_text()
    values = [re.findall(rf"^{secret}=([0-9a-f]{{36}})$", text, re.M) for secret in SECRETS]
    assert all(len(value) == 1 for value in values)
    assert len({value[0] for value in values}) == len(SECRETS)
    assert config(made, "--quiet").returncode == 0


def test_ports_of_the_env_file_are_the_outer_ones(tmp_path: Path) -> None:
    example = (DOCKER / "env.example").read_text()
    moved, count = re.subn(r"^(FINHOUSE_\w+_PORT)=(\d+)$", r"\1=1\2", example, flags=re.M)
    (tmp_path / "env").write_text(moved)
    services = json.loads(config(tmp_path / "env", "--format", "json").stdout)["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert count == len(ports)
    assert all(port["published"].startswith("1") for port in ports)
    advertised = environment(services["kafka"])["KAFKA_ADVERTISED_LISTENERS"]
    assert advertised == "PLAINTEXT://kafka:9092,HOST://127.0.0.1:19092"
    assert environment(services["setup"])["FINHOUSE_POSTGRES_PORT"] == "5432"


@pytest.mark.parametrize("name", ["setup", "generator"])
def test_traffic_settings_are_passed_on(
    services: dict[str, Service], name: str, tmp_path: Path
) -> None:
    variables = {f"FINHOUSE_GENERATOR_{field.upper()}" for field in GeneratorSettings.model_fields}
    passed = {key for key in services[name]["environment"] if key.startswith("FINHOUSE_GENERATOR_")}
    assert passed == variables
    assert not passed & set(environment(services[name])), "unset ones must not arrive empty"
    example = (DOCKER / "env.example").read_text()
    (tmp_path / "env").write_text(f"{example}\nFINHOUSE_GENERATOR_RATE=7\n")
    changed = json.loads(config(tmp_path / "env", "--format", "json").stdout)["services"][name]
    assert environment(changed)["FINHOUSE_GENERATOR_RATE"] == "7"


def test_the_dashboard_has_an_operator_only_where_the_env_file_says_so(
    services: dict[str, Service], tmp_path: Path
) -> None:
    assert environment(services["dashboard"])["FINHOUSE_OPERATOR"] == "0"
    example = (DOCKER / "env.example").read_text()
    (tmp_path / "env").write_text(f"{example}\nFINHOUSE_OPERATOR=1\n")
    changed = json.loads(config(tmp_path / "env", "--format", "json").stdout)["services"]
    assert environment(changed["dashboard"])["FINHOUSE_OPERATOR"] == "1"
    told = [name for name in changed if "FINHOUSE_OPERATOR" in str(changed[name])]
    assert told == ["dashboard"]


def test_dbt_finds_its_target_and_variables(services: dict[str, Service]) -> None:
    passed = environment(services["transform"])
    assert passed["FINHOUSE_TARGET"] == "docker"
    assert re.search(r"^    docker:$", (ROOT / "profiles.yml").read_text(), re.M)
    files = [ROOT / "profiles.yml", ROOT / "dbt_project.yml"]
    for folder in ("models", "macros"):
        files += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    asked = re.compile(r"env_var\('(\w+)'\)")
    for path in files:
        for variable in asked.findall(path.read_text(encoding="utf-8")):
            assert variable in passed, f"{path.name} asks for {variable}"


def test_clickhouse_reads_the_shared_fragments(services: dict[str, Service]) -> None:
    clickhouse = services["clickhouse"]
    mounted = {
        volume["source"]: (volume["target"], volume["read_only"])
        for volume in clickhouse["volumes"]
        if volume["type"] == "bind"
    }
    fragments = sorted((ROOT / "infra" / "clickhouse").rglob("*.xml"))
    assert len(fragments) >= 2
    for path in fragments:
        target = f"/etc/clickhouse-server/{path.parent.name}/{path.name}"
        assert mounted[str(path)] == (target, True)
    start, data, *_ = clickhouse["entrypoint"]
    assert mounted[str(START)] == (start, True) and os.access(START, os.X_OK)
    assert data in {volume["target"] for volume in clickhouse["volumes"]}
    for source in mounted:
        for variable in re.findall(r'from_env="(\w+)"', Path(source).read_text()):
            assert environment(clickhouse)[variable]


def test_clickhouse_users_are_those_of_the_settings(services: dict[str, Service]) -> None:
    users = (ROOT / "infra" / "clickhouse" / "users.d" / "finhouse.xml").read_text()
    passed = environment(services["transform"])
    assert f"<{passed['FINHOUSE_CLICKHOUSE_USER']}>" in users
    assert f"<{passed['FINHOUSE_DASHBOARD_USER']}>" in users
    assert f"<{passed['FINHOUSE_ANALYST_USER']}>" in users


def test_mounted_files_exist(services: dict[str, Service]) -> None:
    for service in services.values():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind":
                assert Path(volume["source"]).is_file(), volume["source"]


def test_kafka_has_the_embedded_settings(services: dict[str, Service]) -> None:
    ours = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment(services["kafka"]).items()
        if name.startswith("KAFKA_") and not name.endswith("_OPTS")
    }
    theirs = properties(kafka.properties(9092, 9093, Path("/data")))
    addresses = {name for name in theirs if "listener" in name} | {"controller.quorum.voters"}
    assert set(ours) == set(theirs)
    assert ours["auto.create.topics.enable"] == "false"
    for name in theirs.keys() - addresses - {"log.dirs"}:
        assert ours[name] == theirs[name], name


# Names that Debezium's image takes without the prefix CONNECT_.
IMAGE_NAMES = {
    "bootstrap.servers": "BOOTSTRAP_SERVERS",
    "group.id": "GROUP_ID",
    "rest.advertised.host.name": "ADVERTISED_HOST_NAME",
    "key.converter": "KEY_CONVERTER",
    "value.converter": "VALUE_CONVERTER",
    "config.storage.topic": "CONFIG_STORAGE_TOPIC",
    "offset.storage.topic": "OFFSET_STORAGE_TOPIC",
    "status.storage.topic": "STATUS_STORAGE_TOPIC",
    "task.shutdown.graceful.timeout.ms": "SHUTDOWN_TIMEOUT",
}


def test_connect_has_the_embedded_settings(services: dict[str, Service]) -> None:
    ours = environment(services["connect"])
    theirs = properties(connect.properties("kafka:9092", 8083, Path("/plugins")))
    # The image's defaults fit: port 8083 on all addresses, plugins in its own folder.
    for name in theirs.keys() - {"listeners", "rest.advertised.port", "plugin.path"}:
        variable = IMAGE_NAMES.get(name, "CONNECT_" + name.upper().replace(".", "_"))
        expected = "connect" if name == "rest.advertised.host.name" else theirs[name]
        assert ours[variable] == expected, name
    unknown = {
        name.removeprefix("CONNECT_").lower().replace("_", ".")
        for name in ours
        if name.startswith("CONNECT_") and name != "CONNECT_LOG4J_LOGGERS"
    } - theirs.keys()
    assert not unknown


def test_connect_is_exactly_once_and_resolves_its_password(services: dict[str, Service]) -> None:
    ours = environment(services["connect"])
    assert ours["CONNECT_EXACTLY_ONCE_SOURCE_SUPPORT"] == "enabled"
    assert ours["CONNECT_CONFIG_PROVIDERS"] == "env"
    allowed = ours["CONNECT_CONFIG_PROVIDERS_ENV_PARAM_ALLOWLIST_PATTERN"]
    template = (ROOT / "ingestion" / "debezium" / "connector.json").read_text()
    asked = re.findall(r"\$\{env:(\w+)\}", template)
    assert asked
    for variable in asked:
        assert re.fullmatch(allowed, variable)
        assert ours[variable]


def test_postgres_has_the_embedded_settings(services: dict[str, Service], tmp_path: Path) -> None:
    command = postgres.component(Settings(state_dir=tmp_path)).command
    theirs = dict(
        option.split("=", 1)
        for flag, option in zip(command, command[1:], strict=False)
        if flag == "-c"
    )
    program, *options = services["postgres"]["command"]
    ours = dict(option.removeprefix("-c").split("=", 1) for option in options)
    assert program == "postgres"
    assert ours["wal_level"] == "logical"
    assert re.fullmatch(r"\d+GB", ours.pop("max_slot_wal_keep_size"))
    # The image's socket folder stays: its own set-up uses it.
    del theirs["max_slot_wal_keep_size"], theirs["unix_socket_directories"]
    assert ours == theirs


def test_own_image_bakes_in_no_secret_and_is_not_root() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text()
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", dockerfile, re.M)
    assert re.findall(r"(FINHOUSE_\w*PASSWORD)=(\S+)", dockerfile) == [
        ("FINHOUSE_CLICKHOUSE_PASSWORD", "none")
    ]
    assert "dbt parse" in dockerfile.rpartition("USER")[2]
    assert "**/.env" in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()


def test_packages_left_out_of_the_image_are_locked_ones() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text()
    (names,) = re.findall(r"keep = !/\^\(([\w|-]+)\)==/", dockerfile)
    lock = (ROOT / "requirements.lock").read_text()
    for name in ["uv", *names.split("|")]:
        assert re.search(rf"^{name}==", lock, re.M), name


@pytest.mark.parametrize("name", APPS)
def test_modules_of_the_commands_exist(services: dict[str, Service], name: str) -> None:
    commands = [services[name]["command"]]
    if name != "setup":
        commands.append(services[name]["healthcheck"]["test"][1:])
        assert services[name]["healthcheck"]["test"][-1] in health.CHECKS
    for command in commands:
        if command[:2] == ["python", "-m"]:
            path = ROOT.joinpath(*command[2].split("."))
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()
        else:
            assert (ROOT / command[2]).is_file()


def test_setup_runs_its_steps_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def step(name: str, answer: object) -> Any:
        def run(settings: Settings) -> object:
            ran.append(name)
            return answer

        return run

    monkeypatch.setattr("infra.embedded.postgres.ensure_database", step("database", None))
    monkeypatch.setattr("ingestion.source.migrate", step("migrate", []))
    monkeypatch.setattr("infra.docker.setup.load_history", step("history", 250_000))
    monkeypatch.setattr("ingestion.kafka.ensure_topics", step("topics", ["a"]))
    monkeypatch.setattr("ingestion.connector.apply", step("connector", True))
    assert setup.main() == 0
    assert ran == ["database", "migrate", "history", "topics", "connector"]


def test_setup_refuses_the_examples_password(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    example: Mapping[str, str] = dict(
        line.split("=", 1)
        for line in (DOCKER / "env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    for secret in SECRETS:
        monkeypatch.setenv(secret, "a-secret")
    monkeypatch.setenv("FINHOUSE_CDC_PASSWORD", example["FINHOUSE_CDC_PASSWORD"])
    assert setup.main() == 3
    assert "FINHOUSE_CDC_PASSWORD is still 'change-me'" in caplog.text


def test_setup_explains_a_refused_administrator(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(settings: Settings) -> None:
        raise psycopg.OperationalError("connection failed: password authentication failed")

    monkeypatch.setattr(postgres, "ensure_database", refuse)
    with pytest.raises(FinhouseError) as caught:
        setup.make_database(Settings())
    assert caught.value.why == "connection failed: password authentication failed"
    assert "--volumes" in str(caught.value.fix)


@pytest.mark.parametrize(("name", "seconds"), [("transform", 60), ("background", 300)])
def test_workers_are_healthy_while_their_runs_end(
    monkeypatch: pytest.MonkeyPatch, name: str, seconds: int
) -> None:
    for age, code in ((seconds, 0), (seconds + 1, 1)):
        monkeypatch.setattr("infra.embedded.clickhouse.query", lambda *_, age=age: f"{age}\n")
        assert health.main([name]) == code


def test_health_of_something_unknown_is_wrong_usage() -> None:
    assert health.main(["kafka"]) == 2
