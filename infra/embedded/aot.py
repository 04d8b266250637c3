"""Makes the ahead-of-time caches that halve the start of Kafka and Connect.

Runs once per machine as a component of low priority, after the first `up` is done: it starts both
servers on spare ports and a scratch folder, records what they load, and keeps the result in the
user's cache folder. Stopping it at any time loses nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from infra.embedded import connect, jars, java, kafka
from infra.embedded.component import Component
from infra.embedded.jars import Library
from infra.settings import LOOPBACK, free_ports

START_SECONDS = 180


def component() -> Component:
    """The one-off task under the supervisor."""
    return Component(
        name="aot",
        title="faster starts",
        address="",
        command=["nice", "-n", "19", sys.executable, "-m", "infra.embedded.aot"],
        probe=lambda: None,
        restarts=False,
    )


def is_needed(library: Library) -> bool:
    """Whether this machine has no caches for these jars and this runtime."""
    caches = [java.aot_cache(library, program) for program in java.PROGRAMS]
    return any(cache is not None and not cache.exists() for cache in caches)


def make(library: Library, folder: Path) -> None:
    """Record both servers in `folder` and store the caches that are missing."""
    kafka_port, controller_port, connect_port = free_ports(3)
    files = {java.KAFKA: folder / "kafka.properties", java.CONNECT: folder / "connect.properties"}
    files[java.KAFKA].write_text(
        kafka.properties(kafka_port, controller_port, folder / "data"), encoding="utf-8"
    )
    bootstrap = f"{LOOPBACK}:{kafka_port}"
    files[java.CONNECT].write_text(
        connect.properties(bootstrap, connect_port, library.plugins), encoding="utf-8"
    )
    kafka.format_storage(library, files[java.KAFKA])

    missing = {
        program: cache
        for program in java.PROGRAMS
        if (cache := java.aot_cache(library, program)) and not cache.exists()
    }
    record = {program: f"-XX:AOTConfiguration={folder / program.name}.conf" for program in missing}
    servers = []
    try:
        for program in java.PROGRAMS:
            options = ["-XX:AOTMode=record", record[program]] if program in missing else []
            line = java.command(library, program, files[program], options=options)
            servers.append(subprocess.Popen(line))
        _wait_for(f"http://{LOOPBACK}:{connect_port}/health")
        for server in reversed(servers):  # Connect first: it says goodbye to Kafka
            server.terminate()
            server.wait()
    finally:
        for server in servers:
            server.kill()
    for program, cache in missing.items():
        new = folder / cache.name
        options = ["-XX:AOTMode=create", record[program], f"-XX:AOTCache={new}"]
        line = java.command(library, program, files[program], options=options)
        subprocess.run(line, check=True)
        new.replace(cache)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def main() -> None:
    """Make the caches; another clone that does the same at the same time is harmless."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # clean up on the way out
    library = jars.ensure()
    os.umask(0o022)
    with tempfile.TemporaryDirectory(dir=library.cache, prefix=".aot-") as folder:
        make(library, Path(folder))


if __name__ == "__main__":
    main()
