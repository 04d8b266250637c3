"""A ClickHouse of its own with the project in it, in a folder that is deleted at the end."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client

from infra.errors import FinhouseError
from infra.settings import PREFIX, ROOT, load_settings
from infra.transform.project import ModelRun, Project
from infra.transform.warehouse import connect


@dataclass(frozen=True, slots=True)
class Scratch:
    """An empty, built warehouse. No Kafka, no traffic: nothing moves but what a benchmark moves."""

    client: Client
    project: Project

    def run(self, *arguments: str) -> list[ModelRun]:
        """Run models; raises FinhouseError with dbt's message if one fails."""
        runs = self.project.run("run", "--no-populate-cache", *arguments)
        for run in runs:
            if run.status not in ("success", "skipped"):
                raise FinhouseError(f"{run.model} failed", why=run.message, exit_code=1)
        return runs


@contextmanager
def scratch() -> Iterator[Scratch]:
    """Start ClickHouse on free ports and build the project.

    Raises FinhouseError if it does not start. Stops it and deletes its data at the end, whatever
    happens. The process' environment is the scratch warehouse's meanwhile.
    """
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="finhouse-bench-") as folder:
        for name in list(os.environ):
            if name.startswith(PREFIX) and name != f"{PREFIX}CACHE_DIR":
                del os.environ[name]
        os.environ[f"{PREFIX}STATE_DIR"] = folder
        try:
            _finhouse("up", "--only", "clickhouse", "--no-load")
            settings = load_settings()
            os.environ.update(settings.environment(), FINHOUSE_WRITER="benchmark")
            project = Project()
            project.read()
            warehouse = Scratch(connect(settings), project)
            project.run("seed")
            warehouse.run()
            yield warehouse
        finally:
            if (Path(folder) / "finhouse.env").exists():
                _finhouse("down", "--wipe", "--yes")
            os.environ.clear()
            os.environ.update(before)


def _finhouse(*arguments: str) -> None:
    done = subprocess.run(
        [str(ROOT / "finhouse"), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise FinhouseError(
            f"finhouse {arguments[0]} failed for the benchmark", why=done.stderr.strip()
        )
