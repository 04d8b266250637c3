"""Batches of incremental models without dbt's share: dbt renders each once, this runs it again.

A cycle of six models through dbtRunner took a second of CPU, a fifth of it for the queries. A model
whose inputs have not moved is left alone. What a batch is, and what the writer lease is, is said in
the macros only (batch_statements). Whatever else a run may have to do, such as to make a table or
to rebuild one, is left to dbt.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.summary import QuerySummary

from infra.transform.project import IDLE, ModelRun, Project

# Written by the macro void_if.
VOID_CONDITION = re.compile(r"/\* void if (.*?) \*/", re.DOTALL)
# See infra/clickhouse/start.sh, which a server that somebody else runs may be without.
IGNORED = "ClickHouse takes the next batch for one that it has, and has not: start it with start.sh"

log = logging.getLogger("transform")


@dataclass(frozen=True, slots=True)
class _Batch:
    model: str
    # Whose positions say whether there is anything to do.
    inputs: frozenset[str]
    # Expressions.
    position: str
    is_void: str
    # Statement, with __POSITION__ for what the first expression gave.
    insert: str
    # A batch that moved the position by less was the rest: see offset_append.
    least_move: int

    @classmethod
    def of(cls, model: str, inputs: set[str], select: str, found: dict[str, Any]) -> _Batch:
        position = found["positions"][model]
        conditions = VOID_CONDITION.findall(select)
        is_cut_anywhere = found["unavailable_value"] in select
        # The position is known: to look it up again, several times, is half of planning a batch.
        select = select.replace(position, "toUInt64(__POSITION__)")
        return cls(
            model=model,
            inputs=frozenset(inputs),
            position=position,
            is_void=" or ".join(f"({condition})" for condition in conditions) or "0",
            insert=found["models"][model].replace("__SELECT__", select),
            least_move=1 if is_cut_anywhere else found["max_batch_events"] // 2,
        )


class Batches:
    """The statements of incremental models, in the order of their lineage."""

    def __init__(
        self, project: Project, tiers: Collection[str], *flags: str, beside_the_loop: bool = False
    ) -> None:
        """Of the models of these tiers (Project.tiers), compiled with these flags of dbt.

        `beside_the_loop`: run each model until it has what there is, not one batch, and leave the
        writer lease to the loop.

        Raises TransformError if a model does not compile.
        """
        found = json.loads(project.render("{{ batch_statements() }}", *flags))
        self._settings: dict[str, Any] = found["settings"]
        self._owner: str = found["owner"]
        self._lease: dict[str, str] = found["lease"]
        self._positions: dict[str, str] = found["positions"]
        self._is_beside = beside_the_loop
        names = [name for name, tier in project.tiers().items() if tier in tiers]
        self.batches = [
            _Batch.of(model, project.inputs(model), select, found)
            for model, select in project.compile(names, *flags).items()
        ]
        # Where each model was when it ran last.
        self._seen: dict[str, int] = {}
        # Whether its last INSERT had rows to store.
        self._had_rows: dict[str, bool] = {}
        # Where it and its inputs were when it ran last, if it was known not to be void.
        self._idle: dict[str, dict[str, int]] = {}

    def run_or(
        self,
        dbt: Callable[[], list[ModelRun]],
        client: Client,
        models: Collection[str] | None = None,
    ) -> list[ModelRun]:
        """Run a batch of each of these models, of all without `models`, if it has one; by `dbt` if
        there is more to do or a statement failed: dbt makes a table, rebuilds a void one, says what
        is wrong.
        """
        try:
            runs = self._run(client, models)
        except ClickHouseError as error:
            log.warning("models go through dbt once: %s", str(error).splitlines()[0])
            runs = []
        return runs or dbt()

    def _run(self, client: Client, models: Collection[str] | None) -> list[ModelRun]:
        """What ran; nothing if that takes dbt, because somebody else holds the writer lease or a
        table is void.

        Raises ClickHouseError if a statement fails: what ran before it is done.
        """
        chosen = [one for one in self.batches if models is None or one.model in models]
        number, owner = self._read_lease(client)
        if owner not in ("", self._owner):
            return []
        if self._is_beside:
            return self._run_all(client, chosen)
        self._change_lease(client, "take", number)
        number, owner = self._read_lease(client)
        if owner != self._owner:
            return []
        try:
            return self._run_all(client, chosen)
        finally:
            self._change_lease(client, "release", number)

    def _run_all(self, client: Client, chosen: list[_Batch]) -> list[ModelRun]:
        names = {name for one in chosen for name in (one.model, *one.inputs)}
        # From each subquery, where it could be a scalar: a third less to plan.
        positions = self._query(client, {name: f"* from {self._positions[name]}" for name in names})
        states = {
            one.model: {name: positions[name] for name in (one.model, *one.inputs)}
            for one in chosen
        }
        idle = {model for model, state in states.items() if self._idle.get(model) == state}
        # A void table gets empty batches: read_from() sees to that. So only one that stands still
        # is asked about; the answer costs as much as all the rest.
        still = {
            one.model: one.is_void
            for one in chosen
            if one.model not in idle and self._seen.get(one.model) == positions[one.model]
        }
        if any(self._query(client, still).values()):
            return []
        runs = []
        ran: set[str] = set()
        for batch in chosen:
            began = time.monotonic()
            # It stood still when it ran last, and nothing has moved since; but an input that ran
            # just now may.
            if batch.model in idle and ran.isdisjoint(batch.inputs):
                runs.append(ModelRun(batch.model, IDLE, 0.0, ""))
                continue
            ran.add(batch.model)
            is_ignored = batch.model in still and self._had_rows[batch.model]
            position: int | None = positions[batch.model]
            while position is not None:
                position = self._insert(client, batch, position)
            if is_ignored:  # and was again
                moved_to = self._query(client, {batch.model: batch.position})[batch.model]
                is_ignored = moved_to == positions[batch.model]
            self._seen[batch.model] = positions[batch.model]
            if batch.model in still and not self._had_rows[batch.model]:
                self._idle[batch.model] = states[batch.model]
            status, message = ("error", IGNORED) if is_ignored else ("success", "")
            runs.append(ModelRun(batch.model, status, time.monotonic() - began, message))
        return runs

    def _insert(self, client: Client, batch: _Batch, position: int) -> int | None:
        """Insert one batch; the position of the next one to insert now, if there is one."""
        insert = batch.insert.replace("__POSITION__", str(position))
        summary = client.command(insert, settings=self._settings | {"log_comment": batch.model})
        self._had_rows[batch.model] = isinstance(summary, QuerySummary) and summary.written_rows > 0
        if not self._is_beside:
            return None
        reached = self._query(client, {batch.model: batch.position})[batch.model]
        return reached if reached - position >= batch.least_move else None

    def _query(self, client: Client, questions: dict[str, str]) -> dict[str, int]:
        """A number for each model: what its question, the rest of a SELECT, gives."""
        if not questions:
            return {}
        query = " union all ".join(f"select '{name}', {sql}" for name, sql in questions.items())
        rows = client.query(query, settings=self._settings).result_rows
        return {str(name): int(value) for name, value in rows}

    def _read_lease(self, client: Client) -> tuple[int, str]:
        number, owner = client.query(self._lease["query"]).result_rows[0]
        return int(number), str(owner)

    def _change_lease(self, client: Client, change: str, number: int) -> None:
        client.command(self._lease[change].replace("__NUMBER__", str(number)))
