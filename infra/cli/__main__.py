"""Runs the command line and turns what went wrong into a message and an exit code."""

from __future__ import annotations

import os
import sys

from infra.cli.app import app
from infra.errors import FinhouseError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code (see infra.errors, 2 usage, 130 interrupted)."""
    try:
        app(arguments, prog_name="finhouse")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except FinhouseError as error:
        from infra.cli.console import fail

        fail(error)
        return error.exit_code
    except Exception:
        import traceback

        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    if code:
        # After a failed start, threads may still wait for components that are gone.
        os._exit(code)
