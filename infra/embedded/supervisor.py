"""Starts, watches and stops the components: supervisord, controlled over XML-RPC.

supervisord restarts what dies and rotates the logs; its settings and the components' are rendered
anew at each start. Secrets travel in the environment only.
"""

from __future__ import annotations

import http.client
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.parse
import xmlrpc.client
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from infra.embedded.component import Component
from infra.errors import FinhouseError
from infra.settings import LOOPBACK, ROOT, Settings

USER = "finhouse"
_AWAY = (OSError, http.client.HTTPException, xmlrpc.client.Error)


def log_path(settings: Settings, name: str) -> Path:
    """Log file of a component."""
    return settings.logs_dir / f"{name}.log"


def configuration(settings: Settings) -> Path:
    """Path of the rendered supervisord.conf."""
    return settings.config_dir / "supervisord.conf"


def render(settings: Settings, components: Iterable[Component]) -> str:
    """Text of supervisord.conf."""
    sections = [
        _section(
            "supervisord",
            {
                "logfile": settings.logs_dir / "supervisord.log",
                "logfile_maxbytes": "5MB",
                "logfile_backups": 1,
                "pidfile": settings.state_dir / "supervisord.pid",
                "childlogdir": settings.logs_dir,
                "directory": ROOT,
                "umask": "077",
                **({"user": "root"} if os.geteuid() == 0 else {}),
            },
        ),
        _section(
            "inet_http_server",
            {"port": f"{LOOPBACK}:{settings.supervisor_port}", "username": USER},
            raw={"password": "%(ENV_FINHOUSE_SUPERVISOR_PASSWORD)s"},
        ),
        _section(
            "rpcinterface:supervisor",
            {"supervisor.rpcinterface_factory": ("supervisor.rpcinterface:make_main_rpcinterface")},
        ),
    ]
    for component in components:
        environment = {"FINHOUSE_COMPONENT": component.name, **component.environment}
        pairs = ",".join(f'{name}="{value}"' for name, value in environment.items())
        sections.append(
            _section(
                f"program:{component.name}",
                {
                    "command": shlex.join(component.command),
                    "directory": component.directory,
                    "environment": pairs,
                    "autostart": "false",
                    "autorestart": "true" if component.restarts else "false",
                    "startsecs": 1 if component.restarts else 0,
                    "startretries": 1000,
                    "stopsignal": component.stop_signal,
                    "stopwaitsecs": component.stop_seconds,
                    "stopasgroup": "false",
                    "killasgroup": "true",
                    "redirect_stderr": "true",
                    "stdout_logfile": log_path(settings, component.name),
                    "stdout_logfile_maxbytes": "20MB",
                    "stdout_logfile_backups": 2,
                },
            )
        )
    return "\n".join(sections)


def _section(name: str, values: dict[str, Any], raw: dict[str, str] | None = None) -> str:
    lines = [f"[{name}]"]
    lines += [f"{key} = {str(value).replace('%', '%%')}" for key, value in values.items()]
    lines += [f"{key} = {value}" for key, value in (raw or {}).items()]
    return "\n".join(lines) + "\n"


class Supervisor:
    """The running supervisord of one stack."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        password = urllib.parse.quote(settings.supervisor_password, safe="")
        self._url = f"http://{USER}:{password}@{LOOPBACK}:{settings.supervisor_port}/RPC2"

    def _call(self, method: str, *arguments: Any) -> Any:
        """One RPC; a proxy per call, since threads share this object."""
        with xmlrpc.client.ServerProxy(self._url) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def is_running(self) -> bool:
        """Whether this stack's supervisord answers."""
        try:
            return bool(self._call("getPID") == self.pid())
        except _AWAY:
            return False

    def pid(self) -> int | None:
        """Process id from supervisord's own file."""
        try:
            return int((self._settings.state_dir / "supervisord.pid").read_text())
        except (OSError, ValueError):
            return None

    def launch(self) -> None:
        """Start supervisord as a daemon. Raises FinhouseError if it refuses."""
        environment = {
            **os.environ,
            **self._settings.environment(),
            "FINHOUSE_STATE_DIR": str(self._settings.state_dir),
            "FINHOUSE_COMPONENT": "supervisor",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "TZ": "UTC",
        }
        command = [sys.executable, "-m", "supervisor.supervisord"]
        command += ["-c", str(configuration(self._settings))]
        result = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=30
        )
        deadline = time.monotonic() + 10
        while result.returncode == 0 and time.monotonic() < deadline:
            if self.is_running():
                return
            time.sleep(0.05)
        lines = (result.stderr or result.stdout).strip().splitlines()
        raise FinhouseError(
            "the supervisor does not start",
            why=lines[-1] if lines else "it does not answer",
            fix=f"see {self._settings.logs_dir / 'supervisord.log'}",
            exit_code=4,
        )

    def processes(self) -> dict[str, dict[str, Any]]:
        """supervisord's view of every component by name; empty if it does not run."""
        try:
            return {info["name"]: info for info in self._call("getAllProcessInfo")}
        except _AWAY:
            return {}

    def start(self, name: str) -> None:
        """Start one component; nothing happens if it runs."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise FinhouseError(
                    f"{name} cannot be started", why=fault.faultString, exit_code=4
                ) from fault

    def stop(self, *names: str) -> None:
        """Stop components side by side and wait until they are gone."""
        waiting = set(names)
        for name in waiting:
            try:
                self._call("stopProcess", name, False)
            except xmlrpc.client.Fault as fault:
                if "NOT_RUNNING" not in fault.faultString and "BAD_NAME" not in fault.faultString:
                    raise
        while waiting:
            states = self.processes()
            waiting = {name for name in waiting if states.get(name, {}).get("pid")}
            if waiting:
                time.sleep(0.05)

    def shut_down(self) -> None:
        """End supervisord and wait for it."""
        pid = self.pid()
        try:
            self._call("shutdown")
        except _AWAY:
            return
        if pid:
            _wait([psutil.Process(pid)] if psutil.pid_exists(pid) else [], 10)


def stray_processes(state_dir: Path) -> list[psutil.Process]:
    """Processes of this state folder that outlived their supervisord."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except (psutil.Error, OSError):
            continue
        if "FINHOUSE_COMPONENT" in environment and environment.get("FINHOUSE_STATE_DIR") == str(
            state_dir
        ):
            found.append(process)
    return found


def stop_strays(state_dir: Path) -> list[str]:
    """Stop them, components before long-dead parents; returns what was stopped, in words."""
    strays = stray_processes(state_dir)
    names = []
    for process in strays:
        try:
            names.append(f"{process.environ()['FINHOUSE_COMPONENT']} (pid {process.pid})")
            is_postgres = process.environ()["FINHOUSE_COMPONENT"] == "postgres"
            process.send_signal(signal.SIGINT if is_postgres else signal.SIGTERM)
        except psutil.Error:
            continue
    for process in _wait(strays, 8):
        try:
            process.kill()
        except psutil.Error:
            continue
    _wait(strays, 3)
    return names


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Processes still alive after at most `seconds`."""
    alive: list[psutil.Process] = psutil.wait_procs(processes, timeout=seconds)[1]
    return alive
