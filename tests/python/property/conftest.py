"""A ClickHouse of its own, without the rest of the stack, for all tests of this folder.

FINHOUSE_PROPERTY_SEED replays a failure, FINHOUSE_PROPERTY_HISTORIES sets how many random histories
run (the default is CI's budget).
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator

import pytest

from infra.settings import PREFIX, ROOT, load_settings
from tests.python.property.source import moment_of
from tests.python.property.warehouse import Warehouse
from tests.python.stack.world import finhouse


@pytest.fixture(scope="package")
def seed() -> int:
    """What all that is random is drawn from."""
    return int(os.environ.get("FINHOUSE_PROPERTY_SEED") or secrets.randbelow(2**31))


@pytest.fixture(scope="package")
def warehouse(tmp_path_factory: pytest.TempPathFactory, seed: int) -> Iterator[Warehouse]:
    """The built warehouse; tests add histories to it and leave all of them applied."""
    before = dict(os.environ)
    os.environ[f"{PREFIX}STATE_DIR"] = str(tmp_path_factory.mktemp("property"))
    # Not the checkout's, where the loop of another test's stack writes.
    os.environ["DBT_TARGET_PATH"] = str(tmp_path_factory.mktemp("target"))
    # Its own lease is taken back at once after a crash, as the loop's is.
    os.environ[f"{PREFIX}WRITER"] = "property test"
    # The views are built with their clock stopped.
    os.environ[f"{PREFIX}NOW"] = moment_of(seed).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    try:
        finhouse("up", "--only", "clickhouse", "--no-load", timeout=300)
        settings = load_settings()
        os.environ.update(settings.environment())
        yield Warehouse(settings, seed)
    finally:
        subprocess.run(
            [str(ROOT / "finhouse"), "down", "--wipe", "--yes"], check=False, timeout=120
        )
        os.environ.clear()
        os.environ.update(before)
