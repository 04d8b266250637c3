"""Does what a page of docs/how-to says, in a copy of the project."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from infra.settings import ROOT

_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_LEFT_OUT = shutil.ignore_patterns(".venv*", ".git", ".finhouse", "target", "logs", ".*_cache")


def copy_of_the_project(folder: Path) -> Path:
    """A clone-like copy of this checkout, without its environment."""
    shutil.copytree(ROOT, folder, ignore=_LEFT_OUT)
    return folder


def follow(page: str, project: Path) -> list[str]:
    """Apply a page's blocks in their order: files by their titles, diffs, shell.

    Returns the paths of the files that are new. Blocks of other kinds are for reading.
    """
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    before = {path for path in project.rglob("*") if path.is_file()}
    for kind, title, body in _BLOCK.findall(text):
        if title:
            path = project / title
            assert not path.exists(), title
            path.write_text(body, encoding="utf-8")
        elif kind == "diff":
            _run(["git", "apply", "-"], project, body)
        elif kind == "sh":
            _run(["sh", "-e"], project, body)
    after = {path for path in project.rglob("*") if path.is_file()}
    return sorted(str(path.relative_to(project)) for path in after - before)


def _run(command: list[str], folder: Path, text: str) -> None:
    done = subprocess.run(
        command, cwd=folder, input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
