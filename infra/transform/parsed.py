"""dbt inside this process: a project that it has parsed.

To import dbt and to parse take seconds of CPU: who may do without asks project.py.
"""

from __future__ import annotations

from collections.abc import Collection
from graphlib import TopologicalSorter

from dbt.artifacts.resources.types import NodeType
from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from infra.settings import ROOT
from infra.transform.project import ModelRun, TransformError


def _flags(*extra: str) -> list[str]:
    folder = str(ROOT)
    # fmt: off
    return [
        "--project-dir", folder, "--profiles-dir", folder, "--log-level", "none",
        "--log-level-file", "none", "--no-print", "--quiet", *extra,
    ]
    # fmt: on


class Parsed:
    """The dbt project as it is when this is made. Writes target/manifest.json.

    Raises TransformError if it does not parse.
    """

    def __init__(self) -> None:
        result = dbtRunner().invoke(["parse", *_flags()])
        if not isinstance(result.result, Manifest):
            raise TransformError(_reason(result))
        self._nodes = result.result.nodes
        self._runner = dbtRunner(manifest=result.result)

    def tiers(self) -> dict[str, str]:
        """What is kept up to date by running it, with its tier, each after what it reads.

        Tiers: live (tag `live`), background (tag `background`), slow (other incremental models),
        snapshot.
        """
        nodes = self._nodes
        lineage = TopologicalSorter({id: node.depends_on_nodes for id, node in nodes.items()})
        found = {}
        for node in (nodes[id] for id in lineage.static_order() if id in nodes):
            if node.resource_type is NodeType.Snapshot:
                found[node.name] = "snapshot"
            elif node.config.get("materialized") == "offset_append":
                tags = {"live", "background"}.intersection(node.tags)
                found[node.name] = tags.pop() if tags else "slow"
        return found

    def inputs(self) -> dict[str, list[str]]:
        """The logs and incremental models that each model of tiers() reads, through views too."""
        return {model: sorted(self._inputs(model)) for model in self.tiers()}

    def _inputs(self, model: str) -> set[str]:
        nodes = self._nodes
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
