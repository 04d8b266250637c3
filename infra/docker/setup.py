"""The one-shot service: makes source, topics and connector ready, then ends.

usage: python -m infra.docker.setup
Each step finds out by itself what is left to do, so it runs again at every `docker compose up`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

import psycopg

from infra.embedded import postgres
from infra.errors import FinhouseError
from infra.settings import PASSWORDS, PREFIX, Settings, load_settings
from ingestion import connector, kafka, source
from ingestion.generator import load_history

PLACEHOLDER = "change-me"  # what env.example has for every password

log = logging.getLogger("setup")


def check_passwords(settings: Settings) -> str:
    """Raise FinhouseError if a password is the example's: everybody knows that one."""
    known = [name for name in PASSWORDS if getattr(settings, name) == PLACEHOLDER]
    if known:
        raise FinhouseError(
            f"{PREFIX}{known[0].upper()} is still {PLACEHOLDER!r}",
            why="infra/docker/.env is a plain copy of env.example",
            fix="docker compose down --volumes, then make .env as infra/docker/README.md says",
        )
    return "none is the example's"


def make_database(settings: Settings) -> str:
    """Database and roles, with the passwords of now.

    Raises FinhouseError if Postgres does not let its administrator in.
    """
    try:
        postgres.ensure_database(settings)
    except psycopg.OperationalError as error:
        raise FinhouseError(
            f"Postgres refuses at {settings.postgres_host}:{settings.postgres_port}",
            why=str(error).strip().splitlines()[-1],
            fix="its volume keeps the administrator's password it was made with: restore that in "
            "infra/docker/.env, or docker compose down --volumes (deletes the data)",
        ) from error
    return settings.postgres_database


def migrate(settings: Settings) -> str:
    """The source's schema."""
    applied = source.migrate(settings)
    return f"{len(applied)} migrations applied" if applied else "up to date"


def fill(settings: Settings) -> str:
    """Past payments, once."""
    stored = load_history(settings)
    return f"{stored:,} payments" if stored else "already loaded"


def make_topics(settings: Settings) -> str:
    """One topic per table, before anything writes or reads them."""
    created = kafka.ensure_topics(settings)
    return f"{len(created)} created" if created else "all there"


def capture(settings: Settings) -> str:
    """The Debezium connector; it starts with all the rows that are there, so it comes last."""
    return "configured" if connector.apply(settings) else "runs already"


STEPS: dict[str, Callable[[Settings], str]] = {
    "passwords": check_passwords,
    "database": make_database,
    "schema": migrate,
    "history": fill,
    "topics": make_topics,
    "connector": capture,
}


def main() -> int:
    """Run the steps in order; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = load_settings()
        for title, step in STEPS.items():
            log.info("%s: %s", title, step(settings))
    except FinhouseError as error:
        log.error("%s (%s). %s", error, error.why, error.fix)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
