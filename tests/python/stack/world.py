"""Both ends of a running stack: write to Postgres, wait, read the warehouse, compare."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, LiteralString, Self
from uuid import UUID, uuid4

from infra.embedded.supervisor import Supervisor
from infra.settings import ROOT, Settings
from infra.transform.arrival import wait_for_arrival
from infra.transform.reconcile import Difference, reconcile
from infra.transform.warehouse import connect
from ingestion import source
from ingestion.generator.control import status


def attempt(*arguments: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would, from somewhere else on the machine."""
    return subprocess.run(
        [str(ROOT / "finhouse"), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=Path("/"),
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )


def finhouse(*arguments: str, timeout: float = 180, code: int = 0) -> str:
    """Run a command; its stdout. Fails if the exit code is another."""
    done = attempt(*arguments, timeout=timeout)
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def eventually(check: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What `check` returns once it is true; an assertion error after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, f"still {found!r} after {seconds:.0f} s"
        time.sleep(0.2)
    return found


@contextmanager
def traffic(settings: Settings) -> Iterator[None]:
    """The generator runs meanwhile, and has committed a thousand payments at the beginning."""
    supervisor = Supervisor(settings)
    # The count of an earlier one stands until this one has begun.
    earlier = status(settings).started_at

    def has_begun() -> bool:
        now = status(settings)
        return now.started_at != earlier and now.new_transactions > 1000

    supervisor.start("generator")
    try:
        eventually(has_begun, 60)
        yield
    finally:
        supervisor.stop("generator")


class World:
    """Postgres as the application's role, ClickHouse as the transform user."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.postgres = source.connect(settings, autocommit=True)
        self.client = connect(settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.postgres.close()
        self.client.close()

    def write(self, statement: LiteralString, *parameters: Any) -> None:
        """Run one statement in Postgres, in a transaction of its own unless one is open."""
        self.postgres.execute(statement, parameters)

    def pay(
        self,
        amount: str = "10.00",
        *,
        id: UUID | None = None,
        at: str = "2026-03-01 12:00:00+00",
        currency: str = "EUR",
        status: str = "success",
        merchant: UUID | None = None,
        account: UUID | None = None,
        decline_code: str | None = None,
        device: str | None = None,
        ip: str | None = None,
    ) -> UUID:
        """Insert one payment and return its id."""
        id = id or uuid4()
        self.write(
            "insert into finance.transactions values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            id,
            account or uuid4(),
            merchant or uuid4(),
            at,
            Decimal(amount),
            currency,
            status,
            decline_code,
            ip,
            device,
        )
        return id

    def settle(self) -> None:
        """Wait until everything committed so far is applied in gold."""
        wait_for_arrival(self.settings, self.client)

    def differences(self) -> list[Difference]:
        """Compare every table of Postgres with silver and gold."""
        return reconcile(self.settings).differences

    def ask(self, query: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        """Rows of a query to the warehouse."""
        return self.client.query(query, parameters=parameters).result_rows

    def one(self, query: str, **parameters: Any) -> Any:
        """The single value of a query to the warehouse."""
        rows = self.ask(query, **parameters)
        assert len(rows) == 1, rows
        return rows[0][0]

    def state_of(self, id: UUID) -> dict[str, Any] | None:
        """A payment as silver has it; None if it is not there or deleted."""
        answer = self.client.query(
            "select * from silver.transactions_state final"
            " where transaction_id = {id:UUID} and _is_deleted = 0",
            parameters={"id": id},
        )
        rows = list(answer.named_results())
        return dict(rows[0]) if rows else None

    def day(self, day: str, fact: str = "gold.fct_payments_by_day") -> dict[Any, tuple[Any, ...]]:
        """(currency, status) -> (count, amount) of one day of a fact; empty groups left out."""
        column = {"gold.fct_payments_by_day": "payment_date"}.get(fact, "toDate(minute)")
        rows = self.ask(
            f"select currency_code, status, sum(count_payments) as n, sum(total_amount) as total"
            f" from {fact} where {column} = {{day:Date}} group by all having n != 0 or total != 0",
            day=day,
        )
        return {(row[0], row[1]): (row[2], row[3]) for row in rows}
