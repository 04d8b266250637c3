"""`finhouse recapture`: a new snapshot of the source, from which everything is built anew."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from infra.cli import console
from infra.cli.tools import dbt_program
from infra.errors import FinhouseError
from infra.settings import Settings, load_settings
from infra.transform import capture, warehouse
from ingestion import connector, kafka, source


def run() -> int:
    """Capture all tables anew and print each step; 0.

    Each step may be repeated: after an error the command is simply run again. Raises FinhouseError
    if a part does not answer or refuses.
    """
    settings = load_settings()
    client = warehouse.connect(settings)
    replaced = capture.replaced_topics(settings, client)
    _step("topics", lambda: ", ".join(kafka.ensure_topics(settings)) or "all there")
    _step("connector stopped", lambda: connector.forget(settings))
    # Only a slot that is made together with the snapshot joins log and snapshot exactly.
    slot = connector.render(settings)["slot.name"]
    lsn = source.drop_slot(settings, slot)
    # Now that the next start is sure to take a snapshot, what there is may be called void.
    _step("history ended", lambda: kafka.begin_anew(settings, lsn))
    if replaced:
        # Offsets of the topic that is gone and of its successor cannot live in one log.
        _step("logs made anew", lambda: _remake(settings, replaced))
    _step("snapshot started", lambda: connector.apply(settings) and "connector configured")
    console.out.print(
        "\n  The tables fill again as the snapshot arrives; ./finhouse reconcile waits for it."
    )
    return 0


def _step(title: str, work: Callable[[], object]) -> None:
    began = time.monotonic()
    detail = work()
    console.ok(title, detail if isinstance(detail, str) else "", time.monotonic() - began)


def _remake(settings: Settings, tables: list[str]) -> str:
    program, environment = dbt_program(settings)
    command = [program, "run", "--full-refresh", "--vars", "drop_bronze_logs: true", "--select"]
    command += [f"bronze_{table}+" for table in tables]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FinhouseError(
            f"the logs of {', '.join(tables)} could not be made anew",
            why=done.stdout.strip()[-600:],
            fix="./finhouse logs transform, then ./finhouse recapture again",
        )
    return ", ".join(tables)
