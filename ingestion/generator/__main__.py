"""`python -m ingestion.generator history|stream`: what the supervisor and Docker start."""

from __future__ import annotations

import logging
import signal
import sys
from threading import Event

from infra.errors import FinhouseError
from infra.settings import load_settings
from ingestion.generator.history import load_history
from ingestion.generator.settings import GeneratorSettings
from ingestion.generator.stream import run
from ingestion.source import wait_for

log = logging.getLogger("ingestion.generator")


def main(arguments: list[str]) -> int:
    """Run the command named first; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if arguments not in (["history"], ["stream"]):
        print("usage: python -m ingestion.generator history|stream", file=sys.stderr)
        return 2
    try:
        settings, generator = load_settings(), GeneratorSettings()
        wait_for(settings)
        stored = load_history(
            settings,
            lambda done, total: log.info("history: %s of %s", f"{done:,}", f"{total:,}"),
            generator=generator,
        )
        log.info("history: %s transactions loaded", f"{stored:,}")
        if arguments == ["stream"]:
            stop = Event()
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, lambda *_: stop.set())
            run(settings, generator, stop)
    except FinhouseError as error:
        log.error("%s (%s). %s", error, error.why, error.fix)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
