"""A ClickHouse server (HTTP and native) out of the chdb-core wheel, in the foreground.

usage: python -m infra.embedded.clickhouse_server DATA
Reads `clickhouse-local.xml` of the working directory. SIGTERM and SIGINT stop it cleanly.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import sys
import threading
import urllib.request
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType

# The engine serves for as long as this query runs.
SERVE = (
    "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; "
    "SELECT sleepEachRow(3) FROM system.numbers SETTINGS max_block_size = 1, "
    "function_sleep_max_microseconds_per_block = 0, log_queries = 0, log_comment = 'serve' "
    "FORMAT Null"
)


def load_engine() -> ModuleType:
    """Load the extension module without `import chdb`.

    The package opens and closes an engine on import, after which Kafka tables fail with
    "Shutdown was called".
    """
    package = importlib.util.find_spec("chdb")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("chdb")
    path = str(Path(package.submodule_search_locations[0]) / "_chdb.abi3.so")
    spec = importlib.util.spec_from_file_location(
        "_chdb", path, loader=ExtensionFileLoader("_chdb", path)
    )
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stop_serving() -> None:
    """End the serving query over HTTP, which shuts the engine down cleanly."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{os.environ['FINHOUSE_CLICKHOUSE_PORT']}/",
        data=b"KILL QUERY WHERE Settings['log_comment'] = 'serve' ASYNC",
        headers={
            "X-ClickHouse-User": os.environ.get("FINHOUSE_CLICKHOUSE_USER", "dbt"),
            "X-ClickHouse-Key": os.environ["FINHOUSE_CLICKHOUSE_PASSWORD"],
        },
    )
    urllib.request.urlopen(request, timeout=5).close()


def main() -> int:
    """Serve until a signal arrives; exit code 0 after a clean stop."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    # A supervisor that was started before this user came knows no password: then nobody may enter.
    os.environ.setdefault("FINHOUSE_ANALYST_PASSWORD", secrets.token_urlsafe(18))
    engine = load_engine()
    stopping = threading.Event()
    failure: list[str] = []

    def serve() -> None:
        try:
            engine.query(SERVE, output_format="TabSeparated", path=sys.argv[1])
        except Exception as error:
            failure.append(str(error))
        if not stopping.is_set():
            print(f"clickhouse ended: {''.join(failure)}", file=sys.stderr, flush=True)
            os._exit(4)

    thread = threading.Thread(target=serve, name="serve")
    thread.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    stopping.set()
    while thread.is_alive():  # a server that still starts cannot be asked yet
        try:
            stop_serving()
        except OSError as error:
            print(f"not stopped yet: {error}", file=sys.stderr, flush=True)
        thread.join(0.3)
    return 0


if __name__ == "__main__":
    sys.exit(main())
