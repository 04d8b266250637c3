"""`finhouse down`: stop everything, and delete the data if asked."""

from __future__ import annotations

import shutil
import time

import typer

from infra.cli import console
from infra.cli.up import start_lock
from infra.embedded import stack
from infra.embedded.supervisor import Supervisor, stop_strays
from infra.errors import FinhouseError
from infra.settings import default_state_dir, env_path, load_settings


def run(*, wipe: bool, yes: bool) -> None:
    """Stop this stack's processes; `wipe` deletes its state folder.

    Raises FinhouseError if the folder cannot be deleted, typer.Abort if the user says no.
    """
    began = time.monotonic()
    state_dir = default_state_dir()
    if not state_dir.exists():
        console.out.print("Nothing runs and there is no data.")
        return
    if wipe and not yes:
        typer.confirm(f"Delete all data in {state_dir}?", abort=True)
    with start_lock(state_dir):
        stopped = _stop()
        if wipe:
            try:
                shutil.rmtree(state_dir)
            except OSError as error:
                raise FinhouseError(
                    f"{state_dir} cannot be deleted completely",
                    why=str(error),
                    fix="delete it by hand",
                ) from error
    what = "Stopped" if stopped else "Nothing ran"
    data = "the data is deleted" if wipe else "the data stays"
    console.out.print(f"{what}; {data}. ({time.monotonic() - began:.1f} s)")


def _stop() -> bool:
    """Stop the supervisor and whatever outlived it; whether anything ran."""
    stopped = False
    try:
        known = env_path(default_state_dir()).exists()
        supervisor = Supervisor(load_settings()) if known else None
    except FinhouseError:  # damaged settings must not keep a stack from stopping
        supervisor = None
    if supervisor and supervisor.is_running():
        stack.stop(supervisor)
        stopped = True
    return bool(stop_strays(default_state_dir())) or stopped
