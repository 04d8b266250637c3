"""`finhouse doctor`: checks of the machine, the state folder and the running stack."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import psutil

from infra.cli import console
from infra.cli.status import capture_problems, collect, standstills
from infra.cli.up import GIB, check_disk
from infra.embedded import jars, java, postgres
from infra.errors import FinhouseError
from infra.settings import (
    DEFAULT_PORTS,
    default_state_dir,
    env_path,
    load_settings,
    port_is_free,
    port_owner,
)

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check; `fix` is empty for a PASS."""

    result: str
    check: str
    detail: str
    fix: str = ""


def run(*, as_json: bool) -> int:
    """Print every finding; returns 1 if one is FAIL, else 0."""
    findings = list(examine())
    if as_json:
        console.out.print_json(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            colour = {PASS: "green", WARN: "yellow", FAIL: "red"}[finding.result]
            console.out.print(f"  [{colour}]{finding.result}[/]  {finding.check:<14}", end=" ")
            console.out.print(finding.detail, markup=False)
            if finding.fix:
                console.out.print(f"        fix: {finding.fix}", markup=False)
    return 1 if any(finding.result == FAIL for finding in findings) else 0


def examine() -> Iterator[Finding]:
    """All checks, each as one finding."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(PASS, "python", f"{version} ({sys.executable})")
    yield _guarded("disk", _disk)
    free = psutil.virtual_memory().available / GIB
    yield Finding(
        PASS if free >= 3.5 else WARN,
        "memory",
        f"{free:.1f} GB available, a running stack takes up to 3 GB",
        "" if free >= 3.5 else "stop other programs",
    )
    yield _guarded("state folder", _state_folder)
    yield _guarded("postgres", lambda: f"programs at {postgres.binary('postgres').parent}")
    if os.geteuid() == 0:
        yield _guarded("root", lambda: "Postgres runs as nobody: " + postgres.unprivileged([])[0])
    yield _guarded("java", lambda: "JDK {1} ({0})".format(*java.runtime()))
    yield _java_libraries()
    yield _clickhouse()
    yield from _stack()


def _guarded(check: str, look: Callable[[], str]) -> Finding:
    """PASS with what `look` returns, FAIL with what it raises."""
    try:
        return Finding(PASS, check, look())
    except FinhouseError as error:
        return Finding(FAIL, check, f"{error.message}: {error.why}", error.fix or "")


def _disk() -> str:
    check_disk(default_state_dir())
    folder = next(path for path in default_state_dir().parents if path.exists())
    return f"{shutil.disk_usage(folder).free / GIB:.0f} GB free at {folder}"


def _state_folder() -> str:
    folder = default_state_dir()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        raise FinhouseError(
            f"cannot write to {existing}",
            why="no permission",
            fix="make the folder writable, or set FINHOUSE_STATE_DIR",
        )
    if not env_path(folder).exists():
        return f"{folder} (new)"
    load_settings()
    mode = env_path(folder).stat().st_mode & 0o077
    if mode:
        raise FinhouseError(
            f"others can read {env_path(folder)}",
            why="it holds passwords",
            fix=f"chmod 600 '{env_path(folder)}'",
        )
    return str(folder)


def _java_libraries() -> Finding:
    missing = sum(not path.exists() for path in jars.expected().class_path)
    if missing:
        detail = f"{missing} Java libraries will be fetched by the first ./finhouse up"
        return Finding(WARN, "java libraries", detail, "./finhouse up")
    return Finding(PASS, "java libraries", f"{len(jars.expected().class_path)} in the cache")


def _clickhouse() -> Finding:
    native = shutil.which("clickhouse")
    return Finding(PASS, "clickhouse", native or "the server in the chdb-core wheel")


def _stack() -> Iterator[Finding]:
    try:
        rows = collect()
    except FinhouseError:
        return  # reported with the state folder
    if rows:
        for row in rows:
            is_fine = row.state == "running" or row.component == "aot"
            fix = "" if is_fine else f"./finhouse logs {row.component}"
            yield Finding(PASS if is_fine else FAIL, row.component, row.state, fix)
        for found in capture_problems(rows):
            yield Finding(FAIL, "capture", f"finance.{found.table}: {found.problem}", found.fix)
        for one in standstills(rows):
            yield Finding(FAIL, one.component, one.sentence, one.fix)
        return
    for name, port in DEFAULT_PORTS.items():
        if not port_is_free(port):
            detail = f"{port} is taken by {port_owner(port)}; the next free port will be used"
            yield Finding(WARN, name.replace("_", " "), detail)
