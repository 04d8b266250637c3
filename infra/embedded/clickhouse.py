"""ClickHouse: a `clickhouse` binary on PATH, or the server inside the chdb-core wheel.

Both read the fragments of infra/clickhouse, as the Docker image does.
"""

from __future__ import annotations

import shutil
import sys
import urllib.request
from pathlib import Path
from xml.sax.saxutils import escape

from infra.embedded.component import Component
from infra.errors import FinhouseError
from infra.settings import LOOPBACK, ROOT, Settings

FRAGMENTS = ROOT / "infra" / "clickhouse"
START = FRAGMENTS / "start.sh"

# `log-level` is the wheel's name for `logger/level`.
SERVER = """\
<clickhouse>
  <listen_host>127.0.0.1</listen_host>
  <http_port from_env="FINHOUSE_CLICKHOUSE_PORT"/>
  <tcp_port from_env="FINHOUSE_CLICKHOUSE_TCP_PORT"/>
  <path>{data}/</path>
  <tmp_path>{data}/tmp/</tmp_path>
  <user_files_path>{data}/user_files/</user_files_path>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <mlock_executable>false</mlock_executable>
  <log-level>warning</log-level>
  <logger><console>true</console></logger>
</clickhouse>
"""
# The wheel's own session is this user, from this machine and without a password: it may start the
# listeners and nothing else.
USERS = """\
<clickhouse>
  {only_in_wheel}
  <users>
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT SELECT ON system.numbers</query>
      </grants>
    </default>
  </users>
</clickhouse>
"""
# The wheel is made for one person at their own data, so it has a table function that looks into the
# Python process, and takes the server down with it. A server does not know the setting.
ONLY_IN_WHEEL = """<profiles>
    <default><allow_python_table_function>0</allow_python_table_function></default>
  </profiles>"""
# In the wheel the function `file()` needs no grant and reads any file of this machine, passwords
# among them; a server keeps it to `user_files`. A function made in SQL goes before a built-in one.
NO_FILES = "CREATE FUNCTION file AS path -> throwIf(1, 'file() is not allowed')"


def component(settings: Settings) -> Component:
    """The ClickHouse server in the foreground."""
    folder = settings.config_dir / "clickhouse"
    data = str(settings.data_dir / "clickhouse")
    native = shutil.which("clickhouse")
    if native:
        command = [native, "server", "-C", str(folder / "clickhouse-local.xml")]
    else:
        command = [sys.executable, "-m", "infra.embedded.clickhouse_server", data]
    return Component(
        name="clickhouse",
        title="clickhouse 26.9" if not native else "clickhouse (PATH)",
        address=f"{LOOPBACK}:{settings.clickhouse_port}",
        port=settings.clickhouse_port,
        command=["/bin/sh", str(START), data, *command],
        directory=folder,
        probe=lambda: probe(settings),
        stop_seconds=9,
    )


def configure(settings: Settings) -> None:
    """Write the base configuration and link the shared fragments beside it."""
    folder = settings.config_dir / "clickhouse"
    folder.mkdir(parents=True, exist_ok=True)
    data = settings.data_dir / "clickhouse"
    data.mkdir(parents=True, exist_ok=True)
    base = SERVER.format(data=escape(str(data)))
    (folder / "clickhouse-local.xml").write_text(base, encoding="utf-8")
    users = USERS.format(only_in_wheel="" if shutil.which("clickhouse") else ONLY_IN_WHEEL)
    (folder / "users.xml").write_text(users, encoding="utf-8")
    functions = data / "user_defined"
    functions.mkdir(exist_ok=True)
    (functions / "function_file.sql").write_text(f"{NO_FILES}\n", encoding="utf-8")
    for link, target in (("conf.d", "config.d"), ("users.d", "users.d")):
        _link(folder / link, FRAGMENTS / target)


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target, target_is_directory=True)


def query(settings: Settings, statement: str, timeout: float = 5) -> str:
    """Run one statement over HTTP as the transform user; the answer as tab-separated text."""
    request = urllib.request.Request(
        f"http://{settings.clickhouse_host}:{settings.clickhouse_port}/",
        data=statement.encode(),
        headers={
            "X-ClickHouse-User": settings.clickhouse_user,
            "X-ClickHouse-Key": settings.clickhouse_password,
        },
    )
    with urllib.request.urlopen(request, timeout=timeout) as response:
        return str(response.read().decode())


def does_not_answer(settings: Settings, error: Exception) -> FinhouseError:
    """What to raise when ClickHouse is away."""
    return FinhouseError(
        f"ClickHouse does not answer at {settings.clickhouse_host}:{settings.clickhouse_port}",
        why=str(error).partition("\n")[0],
        fix="./finhouse up starts it, ./finhouse logs clickhouse shows why it is down",
    )


def probe(settings: Settings) -> None:
    """Run a query. Raises OSError while ClickHouse does not answer."""
    query(settings, "SELECT 1", timeout=2)
