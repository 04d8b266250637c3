"""Ends transactions that Kafka has forgotten.

A broker that is killed between a transaction's decision and its markers writes the markers when it
starts again. Kafka 4.3.1 leaves them out for partitions without a leader ("likely deleted already",
TransactionMarkerChannelManager), and a single broker's partitions have none for a moment after a
kill: until its old session has expired, and it is fenced for it, and has registered anew. The
transaction is complete then for its coordinator and open for ever in the partitions, and whoever
reads what is committed (ClickHouse, and Kafka Connect its own offsets) waits for its end.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict

from infra.embedded import jars, java
from infra.embedded.connect import OFFSETS_TOPIC
from infra.embedded.kafka import NODE_ID
from infra.errors import FinhouseError
from infra.settings import Settings

TOOL_SECONDS = 60.0


def abort_hanging(settings: Settings) -> list[str]:
    """Abort what no coordinator knows of any more; "topic-partition at offset" of each.

    A transaction of Kafka Connect holds rows and how far the source was read. Where both hang,
    nobody has seen either, and the source is read from there again. Raises FinhouseError if only
    one of them hangs (to abort it would lose rows, or count them twice), or if Kafka does not
    answer.
    """
    transactions = defaultdict(list)
    for topic, partition, producer, epoch, offset in hanging(settings):
        transactions[producer, epoch].append((topic, partition, offset))
    aborted = []
    for parts in transactions.values():
        if OFFSETS_TOPIC not in {topic for topic, _, _ in parts}:
            raise FinhouseError(
                "a transaction of Kafka hangs, and what the source was read to is committed",
                why=", ".join(f"{topic}-{partition}" for topic, partition, _ in parts),
                fix="./finhouse recapture",
            )
        # The offsets last: if this ends halfway, they still tell what belongs together.
        for topic, partition, offset in sorted(parts, key=lambda part: part[0] == OFFSETS_TOPIC):
            where = ["--topic", topic, "--partition", partition, "--start-offset", offset]
            _tool(settings, "abort", *where)
            aborted.append(f"{topic}-{partition} at {offset}")
    return aborted


def hanging(settings: Settings) -> list[tuple[str, str, str, str, str]]:
    """(topic, partition, producer id, its epoch, first offset) of open transactions that their
    coordinator does not know. Raises FinhouseError if Kafka does not answer."""
    # Minutes that a transaction has at least been open; the keeper asks when nothing moves.
    said = _tool(
        settings, "find-hanging", "--broker-id", str(NODE_ID), "--max-transaction-timeout", "0"
    )
    rows = [line.split() for line in said.splitlines()[1:]]
    return [
        (topic, partition, producer, epoch, offset)
        for topic, partition, producer, epoch, _, offset, *_ in rows
    ]


def _tool(settings: Settings, *arguments: str) -> str:
    """Output of `kafka-transactions`. Raises FinhouseError if it fails."""
    command = java.tool(jars.expected(), "org.apache.kafka.tools.TransactionsCommand")
    command += ["--bootstrap-server", settings.kafka_bootstrap, *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TOOL_SECONDS, check=True
        )
    except subprocess.TimeoutExpired as error:
        why = f"not within {TOOL_SECONDS:.0f} s"
        raise FinhouseError("Kafka does not answer", why=why) from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip().splitlines()
        raise FinhouseError(
            f"kafka-transactions {arguments[0]} failed",
            why=said[0] if said else f"exit code {error.returncode}",
        ) from error
    return done.stdout
