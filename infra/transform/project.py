"""The dbt project as the transform loop and the background use it: parsed once, run many times.

A dbt command costs seconds of start-up; a model inside a process that has parsed the project costs
tens of milliseconds. And what dbt has rendered of a project is remembered: a process that starts
again with the same project and settings needs dbt only for what it has not asked before.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.settings import PREFIX, ROOT

if TYPE_CHECKING:
    from infra.transform.parsed import Parsed

SOURCE_FOLDERS = ("models", "macros", "seeds", "snapshots")
SOURCE_FILES = ("dbt_project.yml", "profiles.yml")
# The versions of dbt and its adapter.
LOCK = ROOT / "requirements.lock"


class TransformError(Exception):
    """dbt could not parse or run the project; the message is dbt's."""


# Status of what had nothing to do, in dbt's own word.
IDLE = "no-op"


@dataclass(frozen=True, slots=True)
class ModelRun:
    """What one node of a run did. `seconds` is its execution time, `message` empty on success."""

    model: str
    status: str
    seconds: float
    message: str

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do."""
        return self.status == IDLE


def _files() -> list[Path]:
    """The project's files."""
    found = [ROOT / name for name in SOURCE_FILES]
    for folder in SOURCE_FOLDERS:
        found += sorted(path for path in (ROOT / folder).rglob("*") if path.is_file())
    return found


def _newest_change() -> int:
    """Newest modification time of the project's files, in nanoseconds."""
    return max(path.stat().st_mtime_ns for path in _files())


class Project:
    """The project as it was at the last `read`. Read again when `is_stale`.

    `memory`: a file for what dbt has said of it; without one dbt parses each time.
    """

    def __init__(self, memory: Path | None = None) -> None:
        self._read_at = 0
        self._memory = memory
        self._identity = ""
        self._answers: dict[str, Any] = {}
        self._parsed: Parsed | None = None

    def is_stale(self) -> bool:
        """Whether a file of the project has changed since it was read."""
        return _newest_change() != self._read_at

    def fingerprint(self) -> str:
        """What the project's files say, as a hash: equal for equal projects."""
        digest = hashlib.sha256()
        for path in _files():
            digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def read(self) -> bool:
        """Take the project as it is now; whether dbt has parsed it for that, for which it writes
        target/manifest.json.

        Raises TransformError if the project does not parse.
        """
        self._read_at = _newest_change()
        self._parsed = None
        self._identity = self._identify()
        self._answers = self._recall()
        if not self._answers:
            self._dbt()
        return self._parsed is not None

    def tiers(self) -> dict[str, str]:
        """What is kept up to date by running it, with its tier, each after what it reads.

        Tiers: live (tag `live`), background (tag `background`), slow (other incremental models),
        snapshot.
        """
        return dict(self._ask("tiers", lambda dbt: dbt.tiers()))

    def inputs(self, model: str) -> set[str]:
        """The logs and incremental models that one of tiers() reads, through views too."""
        return set(self._ask("inputs", lambda dbt: dbt.inputs())[model])

    def compile(self, models: Collection[str], *flags: str) -> dict[str, str]:
        """The compiled SQL of these models by name, each after those that it reads.

        Raises TransformError if one does not compile.
        """
        question = " ".join(["compile", *models, *flags])
        return dict(self._ask(question, lambda dbt: dbt.compile(models, *flags)))

    def render(self, template: str, *flags: str) -> str:
        """What a Jinja template of this project gives. Raises TransformError if it fails."""
        question = " ".join(["render", template, *flags])
        return str(self._ask(question, lambda dbt: dbt.render(template, *flags)))

    def run(self, command: str, *flags: str) -> list[ModelRun]:
        """Run `dbt run` or `dbt build` with these flags and return what each node did.

        Raises TransformError if dbt could not run at all (no connection, no lease).
        """
        return self._dbt().run(command, *flags)

    def _dbt(self) -> Parsed:
        if self._parsed is None:
            from infra.transform.parsed import Parsed  # takes seconds

            self._parsed = Parsed()
        return self._parsed

    def _ask(self, question: str, answer: Callable[[Parsed], Any]) -> Any:
        if question not in self._answers:
            self._answers[question] = answer(self._dbt())
            self._remember()
        return self._answers[question]

    def _identify(self) -> str:
        """What an answer depends on, as a hash: files, settings, versions."""
        settings = sorted(one for one in os.environ.items() if one[0].startswith((PREFIX, "DBT_")))
        whole = json.dumps([self.fingerprint(), settings, LOCK.read_text(encoding="utf-8")])
        return hashlib.sha256(whole.encode()).hexdigest()

    def _recall(self) -> dict[str, Any]:
        """The answers that were given about this very project; none if the dashboard needs dbt to
        parse it."""
        manifest = Path(os.environ.get("DBT_TARGET_PATH", ROOT / "target"), "manifest.json")
        with suppress(OSError, ValueError, KeyError, TypeError):  # lost, or not what it was
            if self._memory and manifest.stat().st_mtime_ns >= self._read_at:
                known = json.loads(self._memory.read_text(encoding="utf-8"))
                if known["of"] == self._identity:
                    return dict(known["answers"])
        return {}

    def _remember(self) -> None:
        """Only what is known to be of the files as they were read, and only for speed."""
        if self._memory is None or self.is_stale():
            return
        aside = self._memory.with_suffix(".new")
        with suppress(OSError):
            known = {"of": self._identity, "answers": self._answers}
            aside.write_text(json.dumps(known), encoding="utf-8")
            aside.replace(self._memory)
