"""The dbt project inside this process: parsed once, run many times.

A dbt command costs seconds of start-up; a model inside a process that has parsed the project costs
tens of milliseconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from dbt.artifacts.resources.types import NodeType
from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

ROOT = Path(__file__).resolve().parents[2]
SOURCE_FOLDERS = ("models", "macros", "seeds", "snapshots")
SOURCE_FILES = ("dbt_project.yml", "profiles.yml")


class TransformError(Exception):
    """dbt could not parse or run the project; the message is dbt's."""


# Status of what had nothing to do, in dbt's own word.
IDLE = "no-op"


@dataclass(frozen=True, slots=True)
class ModelRun:
    """What one node of a run did. `seconds` is its execution time, `message` empty on success."""

    model: str
    status: str
    seconds: float
    message: str

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do."""
        return self.status == IDLE


def _flags(*extra: str) -> list[str]:
    folder = str(ROOT)
    # fmt: off
    return [
        "--project-dir", folder, "--profiles-dir", folder, "--log-level", "none",
        "--log-level-file", "none", "--no-print", "--quiet", *extra,
    ]
    # fmt: on


def _files() -> list[Path]:
    """The project's files."""
    found = [ROOT / name for name in SOURCE_FILES]
    for folder in SOURCE_FOLDERS:
        found += sorted(path for path in (ROOT / folder).rglob("*") if path.is_file())
    return found


def _newest_change() -> int:
    """Newest modification time of the project's files, in nanoseconds."""
    return max(path.stat().st_mtime_ns for path in _files())


class Project:
    """A parsed dbt project. `parse` again when `is_stale`."""

    def __init__(self) -> None:
        self._parsed_at = 0
        self._runner = dbtRunner()
        self._manifest: Manifest | None = None

    def is_stale(self) -> bool:
        """Whether a file of the project has changed since it was parsed."""
        return _newest_change() != self._parsed_at

    def fingerprint(self) -> str:
        """What the project's files say, as a hash: equal for equal projects."""
        digest = hashlib.sha256()
        for path in _files():
            digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def parse(self) -> None:
        """Parse the project and write target/manifest.json, which the dashboard reads.

        Raises TransformError if the project does not parse.
        """
        self._parsed_at = _newest_change()
        result = dbtRunner().invoke(["parse", *_flags()])
        if not isinstance(result.result, Manifest):
            raise TransformError(_reason(result))
        self._manifest = result.result
        self._runner = dbtRunner(manifest=self._manifest)

    def tiers(self) -> dict[str, str]:
        """What is kept up to date by running it, with its tier, each after what it reads; empty
        before `parse`.

        Tiers: live (tag `live`), background (tag `background`), slow (other incremental models),
        snapshot.
        """
        nodes = self._manifest.nodes if self._manifest else {}
        lineage = TopologicalSorter({id: node.depends_on_nodes for id, node in nodes.items()})
        found = {}
        for node in (nodes[id] for id in lineage.static_order() if id in nodes):
            if node.resource_type is NodeType.Snapshot:
                found[node.name] = "snapshot"
            elif node.config.get("materialized") == "offset_append":
                tags = {"live", "background"}.intersection(node.tags)
                found[node.name] = tags.pop() if tags else "slow"
        return found

    def inputs(self, model: str) -> set[str]:
        """The logs and incremental models that a model reads, through views too."""
        nodes = self._manifest.nodes if self._manifest else {}
        found: set[str] = set()
        waiting = [node for node in nodes.values() if node.name == model]
        while waiting:
            parents = [nodes[id] for id in waiting.pop().depends_on_nodes if id in nodes]
            rows = {"kafka_log", "offset_append"}
            found |= {node.name for node in parents if node.config.get("materialized") in rows}
            waiting += [node for node in parents if node.name not in found]
        return found

    def compile(self, models: Collection[str], *flags: str) -> dict[str, str]:
        """The compiled SQL of these models by name, each after those that it reads.

        Raises TransformError if one does not compile.
        """
        return self._compile(
            *("--select", *models, "--indirect-selection", "empty", "--threads", "1"), *flags
        )

    def render(self, template: str, *flags: str) -> str:
        """What a Jinja template of this project gives. Raises TransformError if it fails."""
        return next(iter(self._compile("--inline", template, *flags).values()))

    def _compile(self, *flags: str) -> dict[str, str]:
        arguments = ["compile", *_flags("--no-write-json", "--no-populate-cache", *flags)]
        result = self._runner.invoke(arguments)
        if not result.success or not isinstance(result.result, RunExecutionResult):
            raise TransformError(_reason(result))
        return {
            run.node.name: getattr(run.node, "compiled_code", "") for run in result.result.results
        }

    def run(self, command: str, *flags: str) -> list[ModelRun]:
        """Run `dbt run` or `dbt build` with these flags and return what each node did.

        Raises TransformError if dbt could not run at all (no connection, no lease).
        """
        arguments = [command, *_flags("--no-write-json", *flags)]
        result = self._runner.invoke(arguments)
        if not isinstance(result.result, RunExecutionResult):
            raise TransformError(_reason(result))
        runs = [
            ModelRun(
                model=run.node.name,
                status=str(run.status),
                seconds=run.execution_time,
                message="" if str(run.status) == "success" else str(run.message or "").strip(),
            )
            for run in result.result.results
            if run.node.resource_type is not NodeType.Operation or str(run.status) != "success"
        ]
        hook_errors = [run for run in runs if run.model.startswith("finhouse-on-run")]
        if hook_errors:
            raise TransformError(hook_errors[0].message)
        return runs


def _reason(result: dbtRunnerResult) -> str:
    return " ".join(str(result.exception or "dbt failed without a message").split())
