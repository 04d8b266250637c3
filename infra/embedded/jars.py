"""The Java libraries of Kafka, Connect and Debezium: fetched once, checked, kept between clones.

`jars.lock` lists coordinates with their sha256; the files live in the user's cache folder
(FINHOUSE_CACHE_DIR overrides it) in the layout of a Maven repository.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from infra.errors import FinhouseError

LOCK = Path(__file__).with_name("jars.lock")
DOWNLOADS = 16
# Classes that the plugin takes from a later jar of its connector. Debezium 3.7.0 loses its place
# when it starts again amid a COPY, whose rows share an LSN: it skips rows, or sends one twice.
# 3.7.1 does not (docs/decisions, 23).
CONNECTOR = ("io.debezium", "debezium-connector-postgres")
BACKPORTED = {
    "io/debezium/connector/postgresql/connection/WalPositionLocator",
    "io/debezium/connector/postgresql/connection/pgoutput/PgOutputMessageDecoder",
}

# Called after each file with (files done, files in total).
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked file."""

    sha256: str
    group: str
    artifact: str
    version: str
    packaging: str = "jar"
    classifier: str = ""

    @property
    def path(self) -> Path:
        """Path inside a Maven repository."""
        suffix = f"-{self.classifier}" if self.classifier else ""
        name = f"{self.artifact}-{self.version}{suffix}.{self.packaging}"
        return Path(*self.group.split("."), self.artifact, self.version, name)


@dataclass(frozen=True, slots=True)
class Library:
    """Where the checked files are."""

    class_path: list[Path]
    plugins: Path
    cache: Path


def cache_dir() -> Path:
    """The user's cache folder of finhouse."""
    import platformdirs

    override = os.environ.get("FINHOUSE_CACHE_DIR")
    return Path(override).absolute() if override else Path(platformdirs.user_cache_dir("finhouse"))


def read_lock(path: Path = LOCK) -> list[Jar]:
    """The locked files, in the order of the lock. Raises ValueError naming a line it can't read."""
    jars = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split()
        parts = fields[-1].split(":")
        if len(fields) != 2 or len(fields[0]) != 64 or not 3 <= len(parts) <= 5:
            raise ValueError(f"{path.name}:{number}: not 'sha256  group:artifact:version'")
        jars.append(Jar(fields[0], *parts))
    return jars


def lock_key() -> str:
    """Short checksum of the lock: names everything derived from these very files."""
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]


def expected() -> Library:
    """Where the files are once they have been fetched."""
    cache = cache_dir()
    servers = (jar for jar in read_lock() if (jar.group, jar.artifact) != CONNECTOR)
    return Library(
        [cache / "maven" / jar.path for jar in servers], cache / f"plugins-{lock_key()}", cache
    )


def ensure(progress: Progress | None = None) -> Library:
    """Make every locked file present and checked, and unpack the Connect plugins.

    Raises FinhouseError if a file can be neither found nor downloaded, or the cache can't be
    written.
    """
    import filelock

    library = expected()
    cache, plugins = library.cache, library.plugins
    jars = read_lock()
    verified = cache / f"verified-{lock_key()}"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(cache / "download.lock"):
            present = all((cache / "maven" / jar.path).exists() for jar in jars)
            if not (verified.exists() and present and plugins.exists()):
                fetch(jars, cache / "maven", progress)
                _unpack(jars, cache, plugins)
                verified.touch()
    except OSError as error:
        raise FinhouseError(
            f"cannot keep the Java libraries in {cache}",
            why=error.strerror or str(error),
            fix="make the folder writable, free disk space, or set FINHOUSE_CACHE_DIR",
        ) from error
    return library


def fetch(jars: list[Jar], repository: Path, progress: Progress | None = None) -> None:
    """Download the files that are missing from `repository` or do not match their checksum."""
    todo = [jar for jar in jars if not matches(repository / jar.path, jar.sha256)]
    done = len(jars) - len(todo)
    if not todo:
        return
    repository.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=repository, prefix=".download-") as folder,
        ThreadPoolExecutor(DOWNLOADS) as pool,
    ):
        futures = [pool.submit(_fetch_one, jar, repository, Path(folder)) for jar in todo]
        try:
            for future in as_completed(futures):
                future.result()
                done += 1
                if progress:
                    progress(done, len(jars))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def matches(path: Path, sha256: str) -> bool:
    """Whether the file exists with this checksum."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _fetch_one(jar: Jar, repository: Path, folder: Path) -> None:
    from tenacity import RetryError, Retrying, stop_after_attempt, wait_exponential_jitter

    name = f"{jar.group}:{jar.artifact}:{jar.version}"
    pause = wait_exponential_jitter(multiplier=0.5, max=5)
    try:
        for attempt in Retrying(stop=stop_after_attempt(4), wait=pause):
            with attempt:
                file = _download(jar, folder)
                if not matches(file, jar.sha256):
                    file.unlink()
                    raise ValueError("its checksum differs from infra/embedded/jars.lock")
    except RetryError as error:
        cause = error.last_attempt.exception()
        raise FinhouseError(
            f"cannot download {name}",
            why=f"{cause}"[:300],
            fix="check the network (a proxy is taken from HTTPS_PROXY), then ./finhouse up again",
        ) from cause
    target = repository / jar.path
    target.parent.mkdir(parents=True, exist_ok=True)
    file.replace(target)


def _download(jar: Jar, folder: Path) -> Path:
    """Download one file into a Maven repository below `folder`; returns its path."""
    from jgo.maven import MavenContext

    (folder / jar.path).unlink(missing_ok=True)
    context = MavenContext(repo_cache=folder, timeout=20)
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    path = context.resolver.download(component.artifact(jar.classifier, jar.packaging))
    if path is None:
        raise FileNotFoundError("no repository has it")
    return path


def _unpack(jars: list[Jar], cache: Path, plugins: Path) -> None:
    """Unpack the Connect plugin beside the jars, all or nothing."""
    plugin, later = (jar for jar in jars if (jar.group, jar.artifact) == CONNECTOR)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".plugins-") as folder:
        with tarfile.open(cache / "maven" / plugin.path) as archive:
            # Python before 3.11.4 has no such filter; the checksum has vouched anyway
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(folder)
        name = f"{plugin.artifact}-{plugin.version}.jar"
        backport(Path(folder, plugin.artifact, name), cache / "maven" / later.path)
        shutil.rmtree(plugins, ignore_errors=True)
        Path(folder).rename(plugins)
        Path(folder).mkdir()
        plugins.chmod(0o755)


def backport(jar: Path, later: Path, classes: Collection[str] = BACKPORTED) -> None:
    """Replace `classes`, with those nested in them, by what a later jar has of them."""

    def is_replaced(name: str) -> bool:
        return name.removesuffix(".class").partition("$")[0] in classes

    mixed = jar.with_suffix(".mixed")
    with ZipFile(mixed, "w", ZIP_DEFLATED) as target:
        for path, replaced in ((jar, False), (later, True)):
            with ZipFile(path) as source:
                for entry in source.infolist():
                    if is_replaced(entry.filename) == replaced:
                        target.writestr(entry, source.read(entry), ZIP_DEFLATED)
    mixed.replace(jar)
