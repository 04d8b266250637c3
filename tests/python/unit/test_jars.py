"""The lock of the Java libraries, and what happens to files that do not match it."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from zipfile import ZipFile

import pytest

from infra.embedded import jars
from infra.embedded.jars import Jar
from infra.errors import FinhouseError

CONTENT = b"bytes of a jar"
GOOD = hashlib.sha256(CONTENT).hexdigest()
JAR = Jar(GOOD, "org.example", "thing", "1.2")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries happen at once."""
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)


def serve(monkeypatch: pytest.MonkeyPatch, *answers: bytes | Exception) -> list[Jar]:
    """Answer each download with the next of `answers`, the last one for good; returns the calls."""
    calls: list[Jar] = []
    guard = threading.Lock()

    def download(jar: Jar, folder: Path) -> Path:
        with guard:
            answer = answers[min(len(calls), len(answers) - 1)]
            calls.append(jar)
        if isinstance(answer, Exception):
            raise answer
        path = folder / jar.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(answer)
        return path

    monkeypatch.setattr(jars, "_download", download)
    return calls


def test_the_lock_names_the_debezium_plugin_and_every_checksum() -> None:
    found = jars.read_lock()
    assert [jar.artifact for jar in found if jar.classifier == "plugin"] == [
        "debezium-connector-postgres"
    ]
    # The archive first, then the jar of which it takes classes.
    assert [jar.version for jar in found if (jar.group, jar.artifact) == jars.CONNECTOR] == [
        "3.7.0.Final",
        "3.7.1.Final",
    ]
    assert len({jar.path for jar in found}) == len(found)
    assert all(int(jar.sha256, 16) for jar in found)


def test_coordinates_become_the_path_of_a_maven_repository() -> None:
    assert JAR.path == Path("org/example/thing/1.2/thing-1.2.jar")
    plugin = Jar(GOOD, "io.debezium", "connector", "3", "tar.gz", "plugin")
    assert plugin.path.name == "connector-3-plugin.tar.gz"


def test_a_backport_takes_the_named_classes_with_their_nested_ones(tmp_path: Path) -> None:
    def jar(name: str, **classes: str) -> Path:
        with ZipFile(tmp_path / name, "w") as file:
            for key, content in classes.items():
                file.writestr(f"pack/{key}.class", content)
        return tmp_path / name

    old = jar("old.jar", Locator="old", **{"Locator$1": "old", "Locators": "old", "Task": "old"})
    new = jar("new.jar", Locator="new", **{"Locator$2": "new", "Locators": "new", "Task": "new"})
    jars.backport(old, new, {"pack/Locator"})
    with ZipFile(old) as file:
        assert {name: file.read(name).decode() for name in file.namelist()} == {
            "pack/Locator.class": "new",
            "pack/Locator$2.class": "new",
            "pack/Locators.class": "old",
            "pack/Task.class": "old",
        }


@pytest.mark.parametrize(
    "line", ["no-checksum", f"{GOOD} group:artifact", "abc org.example:thing:1", f"{GOOD} a b"]
)
def test_a_lock_line_that_makes_no_sense_is_named(tmp_path: Path, line: str) -> None:
    lock = tmp_path / "jars.lock"
    lock.write_text(f"# comment\n\n{line}\n")
    with pytest.raises(ValueError, match=r"jars\.lock:3"):
        jars.read_lock(lock)


def test_a_missing_file_is_fetched_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, CONTENT)
    seen: list[tuple[int, int]] = []
    jars.fetch([JAR], tmp_path, lambda done, total: seen.append((done, total)))
    assert (tmp_path / JAR.path).read_bytes() == CONTENT
    assert seen == [(1, 1)]


def test_a_good_file_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = serve(monkeypatch, CONTENT)
    jars.fetch([JAR], tmp_path)
    jars.fetch([JAR], tmp_path)
    assert len(calls) == 1


def test_a_damaged_file_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, CONTENT)
    (tmp_path / JAR.path).parent.mkdir(parents=True)
    (tmp_path / JAR.path).write_bytes(b"half of it")
    jars.fetch([JAR], tmp_path)
    assert (tmp_path / JAR.path).read_bytes() == CONTENT


def test_a_damaged_download_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = serve(monkeypatch, b"cut off", ConnectionError("reset"), CONTENT)
    jars.fetch([JAR], tmp_path)
    assert len(calls) == 3
    assert (tmp_path / JAR.path).read_bytes() == CONTENT


def test_a_file_that_never_matches_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, b"something else")
    with pytest.raises(FinhouseError) as caught:
        jars.fetch([JAR], tmp_path)
    assert "org.example:thing:1.2" in caught.value.message
    assert "checksum" in (caught.value.why or "")
    assert not (tmp_path / JAR.path).exists()
    assert not list(tmp_path.glob(".download-*"))


def test_no_network_is_an_error_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, ConnectionError("network is unreachable"))
    with pytest.raises(FinhouseError) as caught:
        jars.fetch([JAR], tmp_path)
    assert "network is unreachable" in (caught.value.why or "")
    assert "network" in (caught.value.fix or "")
    assert caught.value.exit_code == 3


def test_a_cache_that_cannot_be_written_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FINHOUSE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(FinhouseError, match="cannot keep the Java libraries"):
        jars.ensure()
