"""The live tier without dbt's share: dbt renders the batch of each model once, this runs it again.

A cycle of six models through dbtRunner took a second of CPU, a fifth of it for the queries. What a
batch is, and what the writer lease is, is said in the macros only (live_statements). Whatever else
a run may have to do, such as to make a table or to rebuild one, is left to dbt.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.transform.project import ModelRun, Project

# Written by the macro void_if.
VOID_CONDITION = re.compile(r"/\* void if (.*?) \*/", re.DOTALL)
SELECTOR = "tag:live"


@dataclass(frozen=True, slots=True)
class _Batch:
    model: str
    # Expressions.
    position: str
    is_void: str
    # Statement, with __POSITION__ for what the first expression gave.
    insert: str

    @classmethod
    def of(cls, model: str, select: str, statements: dict[str, str]) -> _Batch:
        conditions = VOID_CONDITION.findall(select)
        # The position is known: to look it up again, several times, is half of planning a batch.
        select = select.replace(statements["position"], "toUInt64(__POSITION__)")
        return cls(
            model=model,
            position=statements["position"],
            is_void=" or ".join(f"({condition})" for condition in conditions) or "0",
            insert=statements["insert"].replace("__SELECT__", select),
        )


class LiveTier:
    """The statements of the models tagged `live`, in the order of their lineage."""

    def __init__(self, project: Project) -> None:
        """Raises TransformError if a model does not compile."""
        found = json.loads(project.render("{{ live_statements() }}"))
        self._settings: dict[str, Any] = found["settings"]
        self._owner: str = found["owner"]
        self._lease: dict[str, str] = found["lease"]
        self.batches = [
            _Batch.of(model, select, found["models"][model])
            for model, select in project.compile(SELECTOR).items()
        ]
        # Positions in the cycle before.
        self._seen: dict[str, int] = {}

    def run(self, client: Client) -> list[ModelRun]:
        """Run one batch of each model; nothing if that takes dbt, because somebody else holds the
        writer lease or a table is void.

        Raises ClickHouseError if a statement fails: what ran before it is done.
        """
        lease = self._take_lease(client)
        if lease is None:
            return []
        try:
            began = time.monotonic()
            positions = self._query(client, {one.model: one.position for one in self.batches})
            # A void table gets empty batches: read_from() sees to that. So only one that stands
            # still is asked about; the answer costs as much as all the rest.
            still = {
                one.model: one.is_void
                for one in self.batches
                if self._seen.get(one.model) == positions[one.model]
            }
            self._seen = positions
            if any(self._query(client, still).values()):
                return []
            runs = []
            for batch in self.batches:
                insert = batch.insert.replace("__POSITION__", str(positions[batch.model]))
                client.command(insert, settings=self._settings | {"log_comment": batch.model})
                runs.append(ModelRun(batch.model, "success", time.monotonic() - began, ""))
                began = time.monotonic()
            return runs
        finally:
            self._change_lease(client, "release", lease)

    def _query(self, client: Client, questions: dict[str, str]) -> dict[str, int]:
        """A number for each model."""
        if not questions:
            return {}
        query = " union all ".join(f"select '{name}', {sql}" for name, sql in questions.items())
        rows = client.query(query, settings=self._settings).result_rows
        return {str(name): int(value) for name, value in rows}

    def _take_lease(self, client: Client) -> int | None:
        """Number of the lease, if it is ours now."""
        number, owner = self._read_lease(client)
        if owner not in ("", self._owner):
            return None
        self._change_lease(client, "take", number)
        number, owner = self._read_lease(client)
        return number if owner == self._owner else None

    def _read_lease(self, client: Client) -> tuple[int, str]:
        number, owner = client.query(self._lease["query"]).result_rows[0]
        return int(number), str(owner)

    def _change_lease(self, client: Client, change: str, number: int) -> None:
        client.command(self._lease[change].replace("__NUMBER__", str(number)))
