"""What migrating the source says when a server is not as it has to be; a Postgres of its own."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.embedded import postgres
from infra.errors import FinhouseError
from infra.settings import Settings
from ingestion import source
from tests.python.stack.world import eventually

pytestmark = pytest.mark.stack


@contextmanager
def running(settings: Settings, wal_level: str) -> Iterator[None]:
    """The server of these settings with a log of that level."""
    command = [
        f"wal_level={wal_level}" if part == "wal_level=logical" else part
        for part in postgres.component(settings).command
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
    )
    try:
        eventually(lambda: _answers(settings), 60)
        yield
    finally:
        process.send_signal(2)
        process.wait(30)


def _answers(settings: Settings) -> bool:
    try:
        postgres.probe(settings)
    except Exception:
        return False
    return True


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An empty data folder and a free port."""
    folder = tmp_path_factory.mktemp("postgres")
    if os.geteuid() == 0:
        for path in (folder, folder.parent, folder.parent.parent):
            path.chmod(0o755)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    settings = Settings(
        state_dir=folder,
        postgres_port=port,
        postgres_admin_password="admin",
        postgres_password="app",
        cdc_password="cdc",
    )
    postgres.prepare(settings)
    return settings


def test_a_damaged_data_folder_is_left_as_it_is(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    data = postgres.data_dir(settings)
    data.mkdir(parents=True)
    relation = data / "16384"
    relation.write_text("rows")
    with pytest.raises(FinhouseError) as caught:
        postgres.prepare(settings)
    assert "PG_VERSION is missing" in (caught.value.why or "")
    assert "down --wipe" in (caught.value.fix or "")
    assert relation.read_text() == "rows"


def test_a_folder_that_initdb_left_unfinished_is_made_anew(tmp_path: Path) -> None:
    """initdb writes the version first, and may be killed at any moment after it."""
    settings = Settings(state_dir=tmp_path, postgres_admin_password="admin")
    data = postgres.data_dir(settings)
    unfinished = data.with_name("postgres.new")
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    if os.geteuid() == 0:
        for path in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
            path.chmod(0o755)
    postgres.prepare(settings)
    assert (data / "global" / "pg_control").exists()
    assert not unfinished.exists()


def refusal(settings: Settings, folder: Path = source.MIGRATIONS) -> FinhouseError:
    with pytest.raises(FinhouseError) as caught:
        source.migrate(settings, folder)
    return caught.value


def test_a_server_without_logical_decoding_is_refused(server: Settings) -> None:
    with running(server, "replica"):
        postgres.ensure_database(server)
        error = refusal(server)
    assert "does not log logical changes" in error.message
    assert "'replica'" in (error.why or "")
    assert "wal_level = logical" in (error.fix or "")


def test_a_server_that_is_away_is_named(server: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for = source.wait_for
    monkeypatch.setattr(
        source, "wait_for", lambda settings, admin: wait_for(settings, 0.5, admin=admin)
    )
    error = refusal(server)
    assert str(server.postgres_port) in error.message
    assert "./finhouse up" in (error.fix or "")


def test_missing_roles_bad_and_edited_migrations_are_refused(
    server: Settings, tmp_path: Path
) -> None:
    with running(server, "logical"):
        postgres.ensure_database(server)
        with postgres.connect(server) as admin:
            admin.execute("drop role finhouse_cdc")
        error = refusal(server)
        assert "no role finhouse_cdc" in error.message
        assert "create role finhouse_cdc login replication" in (error.fix or "")
        postgres.ensure_database(server)

        # a role without the right, and nothing of the failed file is kept
        first, second = tmp_path / "0001_first.sql", tmp_path / "0002_second.sql"
        first.write_text("create table public.kept (id int)")
        second.write_text(
            "create table public.lost (id int); set local role finhouse_cdc; create schema denied"
        )
        error = refusal(server, tmp_path)
        assert "0002_second.sql fails" in error.message
        assert "permission denied" in (error.why or "")
        assert "nothing of it was kept" in (error.fix or "")
        with source.connect(server, admin=True) as admin:
            row = admin.execute(
                "select to_regclass('public.kept') is null, to_regclass('public.lost') is null"
            ).fetchone()
        assert row == (False, True)
        second.write_text("create table public.found (id int)")
        assert source.migrate(server, tmp_path) == ["0002_second.sql"]
        assert source.migrate(server, tmp_path) == []

        first.write_text("create table public.kept (id bigint)")
        error = refusal(server, tmp_path)
        assert "0001_first.sql was changed after it ran" in error.message
        assert "new numbered migration" in (error.fix or "")
