"""The launcher script, run for real with stand-ins for Python, pip and uv."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.settings import ROOT

# Stands for the interpreter: makes an environment whose python prints its arguments.
PYTHON = """\
#!/bin/sh
case "$*" in
  *version_info*) exit ${OLD:-0} ;;
  "-m venv "*)
    echo venv >>"$CALLS"
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    printf '#!/bin/sh\\necho pip "$@" >>"$CALLS"; exit ${PIP_EXIT:-0}\\n' >"$3/bin/pip"
    printf '#!/bin/sh\\necho uv "$@" >>"$CALLS"\\n' >"$3/bin/uv"
    chmod +x "$3/bin/pip" "$3/bin/uv" ;;
  *) echo "ran $* with PYTHONPATH=$PYTHONPATH" ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone, in a folder with a space in its name, that holds launcher and lock only."""
    folder = tmp_path / "my clone"
    folder.mkdir()
    shutil.copy(ROOT / "finhouse", folder)
    (folder / "requirements.lock").write_text("rich==1 \\\n    --hash=a\nuv==2 \\\n    --hash=b\n")
    python = tmp_path / "bin" / "python3"
    python.parent.mkdir()
    python.write_text(PYTHON)
    python.chmod(0o755)
    return folder


def run(clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(clone / "finhouse"), *arguments],
        env={
            "PATH": f"{clone.parent / 'bin'}:/usr/bin:/bin",
            "CALLS": str(clone.parent / "calls"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def calls(clone: Path) -> list[str]:
    path = clone.parent / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_first_use_installs_and_passes_arguments_on(clone: Path) -> None:
    result = run(clone, "sql", "select 1")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"ran -P -m infra.cli sql select 1 with PYTHONPATH={clone}\n"
    assert "setting up" in result.stderr
    made, pip, uv = calls(clone)
    assert made == "venv"
    assert "--require-hashes" in pip
    assert uv.startswith("uv pip sync") and uv.endswith("requirements.lock")
    assert (clone / ".venv" / "uv.lock").read_text() == "uv==2 \\\n    --hash=b\n"


def test_second_use_installs_nothing(clone: Path) -> None:
    run(clone)
    before = calls(clone)
    assert run(clone, "status").stderr == ""
    assert calls(clone) == before


def test_a_changed_lock_installs_again(clone: Path) -> None:
    run(clone)
    before = calls(clone)
    with (clone / "requirements.lock").open("a") as file:
        file.write("typer==3\n")
    assert "setting up" in run(clone).stderr
    assert len(calls(clone)) > len(before)


def test_a_moved_clone_gets_a_new_environment(clone: Path) -> None:
    run(clone)
    moved = clone.rename(clone.parent / "elsewhere")
    assert "setting up" in run(moved).stderr
    assert calls(moved).count("venv") == 2


def test_an_old_python_is_refused(clone: Path) -> None:
    result = run(clone, OLD="1", FINHOUSE_PYTHON=str(clone.parent / "bin" / "python3"))
    assert result.returncode == 3
    assert "no Python 3.11 or newer" in result.stderr
    assert "fix:" in result.stderr


def test_packages_that_cannot_be_installed_are_an_error(clone: Path) -> None:
    result = run(clone, PIP_EXIT="1")
    assert result.returncode == 3
    assert "the Python packages cannot be installed" in result.stderr
    assert not (clone / ".venv" / "finhouse.stamp").exists()
    assert not (clone / ".venv.lock").exists()


def test_two_first_uses_at_once_install_once(clone: Path) -> None:
    environment = {
        "PATH": f"{clone.parent / 'bin'}:/usr/bin:/bin",
        "CALLS": str(clone.parent / "calls"),
    }
    both = [subprocess.Popen([str(clone / "finhouse")], env=environment) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert calls(clone).count("venv") == 1


def test_the_lock_of_a_killed_installation_is_taken_over(clone: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    (clone / ".venv.lock").mkdir()
    (clone / ".venv.lock" / "pid").write_text(str(ended.pid))
    assert run(clone).returncode == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_clone_is_an_error(clone: Path) -> None:
    clone.chmod(0o555)
    result = run(clone)
    clone.chmod(0o755)
    assert result.returncode == 3
    assert "cannot write" in result.stderr
