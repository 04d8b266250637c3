"""Health checks of the containers that run this project's own code.

usage: python -m infra.docker.health transform|background|generator|dashboard
Exit code 0 if the service does its work, else 1 and the reason.
"""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Callable

from infra.embedded import clickhouse
from infra.errors import FinhouseError
from infra.settings import LOOPBACK, Settings, load_settings
from infra.transform.standstill import AGES, PATIENCE


def transform(settings: Settings) -> None:
    """A transform cycle finished lately."""
    _expect_work(settings, "transform")


def background(settings: Settings) -> None:
    """A turn of the other models ended lately."""
    _expect_work(settings, "background")


def _expect_work(settings: Settings, component: str) -> None:
    age = int(clickhouse.query(settings, AGES[component]))
    if age > PATIENCE[component]:
        raise FinhouseError(f"the last run ended {age} s ago")


def generator(settings: Settings) -> None:
    """The stream holds its lock in Postgres; paused and capped are its right."""
    from ingestion.generator import control

    now = control.status(settings)
    if not now.is_alive:
        raise FinhouseError(f"no stream runs: {now.message or now.state}")


def dashboard(settings: Settings) -> None:
    """Streamlit serves."""
    address = f"http://{LOOPBACK}:{settings.dashboard_port}/_stcore/health"
    urllib.request.urlopen(address, timeout=5).close()


CHECKS: dict[str, Callable[[Settings], None]] = {
    "transform": transform,
    "background": background,
    "generator": generator,
    "dashboard": dashboard,
}


def main(arguments: list[str]) -> int:
    """Run the named check; returns the exit code."""
    if len(arguments) != 1 or arguments[0] not in CHECKS:
        print(f"usage: python -m infra.docker.health {'|'.join(CHECKS)}", file=sys.stderr)
        return 2
    try:
        CHECKS[arguments[0]](load_settings())
    except (FinhouseError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
