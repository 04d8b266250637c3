"""One real embedded stack per run, on its own ports and in its own folder."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from infra.embedded.supervisor import log_path
from infra.errors import FinhouseError
from infra.settings import DEFAULT_PORTS, PREFIX, ROOT, Settings, load_settings
from infra.transform.project import Project
from tests.python import parsed
from tests.python.stack.world import World, attempt, finhouse

# Tests of stack behaviour that disturb it come last, the ones that read its state first. Those that
# empty the source come after those that want its history, which is loaded only once.
_ORDER = (
    "unit",
    "property",
    "dashboard",
    "stack/test_",
    "browser",
    "stack/test_faults",
    "stack/test_source_faults",
)

# Tests with the fixture `stack`, and those of folder property, which share a ClickHouse.
_TOGETHER = {
    "stack": (
        "/stack/",
        "/browser/test_live_number",
        "/browser/test_pages",
        "/dashboard/test_filters_on_stack",
        "/dashboard/test_on_stack",
        "/dashboard/test_sql",
    ),
    "property": ("/property/",),
}

CACHE = f"{PREFIX}CACHE_DIR"


def _scope(path: str) -> str:
    """What has to run on one worker: all tests of a stack, else those of a file."""
    return next(
        (name for name, parts in _TOGETHER.items() if any(part in path for part in parts)), path
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Logic first: it fails in seconds. Faults last."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()) and _scope(str(item.path)) != "stack":
            raise pytest.UsageError(f"{item.path} wants a stack: name it in _TOGETHER")

    def rank(item: pytest.Item) -> int:
        path = str(item.path)
        return max((index for index, part in enumerate(_ORDER) if part in path), default=0)

    items.sort(key=rank)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure on a stack shows what its components last complained of: the stack is wiped."""
    report = yield
    settings = getattr(item, "funcargs", {}).get("stack")
    if report.failed and settings:
        for name in ("kafka", "connect", "transform", "background"):
            lines = log_path(settings, name).read_text(errors="replace").splitlines()
            said = [line[:240] for line in lines if " ERROR " in line or " WARN " in line]
            report.sections.append((f"last complaints of {name}", "\n".join(said[-8:])))
        report.sections.append(("status", attempt("status").stdout))
        if call.excinfo and isinstance(call.excinfo.value, FinhouseError):
            report.sections.append(("why", str(call.excinfo.value.why)))
    return report


class _ByStack(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Hands the tests of a stack to one worker, in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid.split("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByStack:
    """Hook of pytest-xdist."""
    return _ByStack(config, log)


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Nodes of the project by name. Not parsed into the checkout's `target`, where the transform
    loop of a stack writes.
    """
    target = tmp_path_factory.mktemp("target")
    parsed.take_along(target)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DBT_TARGET_PATH", str(target))
        environment.setenv("FINHOUSE_CLICKHOUSE_PASSWORD", "unused")
        Project().read()
    manifest = json.loads(Path(target, "manifest.json").read_text(encoding="utf-8"))
    return {node["name"]: node for node in manifest["nodes"].values()}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A stack without traffic; a test that wants some starts the generator."""
    folder = tmp_path_factory.mktemp("stack")
    environment = {
        f"{PREFIX}STATE_DIR": str(folder),
        f"{PREFIX}RECONCILE_SECONDS": "20",
        f"{PREFIX}BACKGROUND_SECONDS": "1",
    }
    # Some payments of each day are enough; what they cost is paid again by whatever rebuilds.
    history = {f"{PREFIX}GENERATOR_HISTORY_TRANSACTIONS": "20000"}
    with ExitStack() as ports:
        for attribute in DEFAULT_PORTS:
            sock = ports.enter_context(socket.socket())
            sock.bind(("127.0.0.1", 0))
            port = str(sock.getsockname()[1])
            if attribute == "kafka_port":
                environment[f"{PREFIX}KAFKA_BOOTSTRAP"] = f"127.0.0.1:{port}"
            else:
                environment[f"{PREFIX}{attribute.upper()}"] = port
    before = dict(os.environ)
    # Not what another fixture has exported of its own warehouse, passwords and all.
    for name in [name for name in os.environ if name.startswith(PREFIX) and name != CACHE]:
        del os.environ[name]
    os.environ.update(environment | history)
    try:
        finhouse("up", "--no-load", timeout=300)
        for name in environment:
            if name != f"{PREFIX}STATE_DIR":
                del os.environ[name]  # remembered in the state folder from here on
        yield load_settings()
    finally:
        os.environ[f"{PREFIX}STATE_DIR"] = str(folder)
        subprocess.run(
            [str(ROOT / "finhouse"), "down", "--wipe", "--yes"], check=False, timeout=120
        )
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def world(stack: Settings) -> Iterator[World]:
    """Postgres and the warehouse of the stack, with helpers to write, wait and compare."""
    with World(stack) as opened:
        yield opened
