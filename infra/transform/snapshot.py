"""A snapshot of Postgres, and which change events of the bronze log it does not see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from infra.errors import FinhouseError
from infra.settings import Settings
from ingestion import source

Connection = psycopg.Connection[TupleRow]

# How far the log is searched back for changes that the snapshot does not see. A transaction can be
# in the log and yet not in a snapshot only while its backend stands between the two, a moment.
# The offsets bound the cost. The time bounds the age: Debezium gives the low 32 bits of a
# transaction id, which mean something only near the snapshot's own.
LOOKBACK_EVENTS = 1_000_000
LOOKBACK_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What `pg_current_snapshot()` says: ids (64 bits) of transactions, and when it was taken.

    Seen are those below `xmin`, and those below `xmax` that are not in `running`.
    """

    xmin: int
    xmax: int
    running: tuple[int, ...]
    taken_at: datetime

    @classmethod
    def parse(cls, text: str, taken_at: datetime) -> Snapshot:
        """From Postgres' form `xmin:xmax:id,id,…`."""
        xmin, xmax, running = text.split(":")
        ids = tuple(int(number) for number in running.split(",") if number)
        return cls(int(xmin), int(xmax), ids, taken_at)

    def __str__(self) -> str:
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, self.running))}"

    def unseen(self, position: int) -> str:
        """Condition on rows of a bronze log (ClickHouse SQL): the snapshot does not see the change.

        `position` is the log's highest offset from before the snapshot. Rows that Debezium read
        from the table itself (`r`) count as seen: they are there before the stream goes on.
        """
        # The full id is the one nearest to xmax that ends in these 32 bits.
        full_id = f"{self.xmax} + reinterpretAsInt32(toUInt32(_tx_id - {self.xmax}))"
        running = f" or {full_id} in ({', '.join(map(str, self.running))})" if self.running else ""
        return (
            f"_error = '' and _op != 'r' and _offset > {position - LOOKBACK_EVENTS}"
            f" and _committed_at > fromUnixTimestamp64Micro({self._since_microseconds()}, 'UTC')"
            f" and ({full_id} >= {self.xmax}{running})"
        )

    def _since_microseconds(self) -> int:
        return int((self.taken_at.timestamp() - LOOKBACK_SECONDS) * 1_000_000)


@contextmanager
def open_snapshot(settings: Settings, threads: int) -> Iterator[tuple[Connection, Snapshot]]:
    """A read-only connection that sees Postgres as it is now for as long as it is open.

    Its queries use at most so many cores.
    Raises FinhouseError if Postgres does not answer.
    """
    try:
        connection = source.connect(settings)
    except psycopg.OperationalError as error:
        raise unreachable(settings, error) from error
    with connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute(
            "select set_config('max_parallel_workers_per_gather', %s, false)", [str(threads - 1)]
        )
        text, taken_at = connection.execute(
            "select pg_current_snapshot()::text, clock_timestamp()"
        ).fetchall()[0]
        yield connection, Snapshot.parse(text, taken_at)


def unreachable(settings: Settings, error: psycopg.Error) -> FinhouseError:
    """What to tell somebody whose Postgres is away."""
    return FinhouseError(
        f"Postgres does not answer at {settings.postgres_host}:{settings.postgres_port}",
        why=(str(error).strip().splitlines() or ["the connection was closed"])[0],
        fix="./finhouse up starts it, ./finhouse logs postgres shows why it is down",
    )
