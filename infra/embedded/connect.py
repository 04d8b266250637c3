"""Kafka Connect with the Debezium plugin: one distributed worker."""

from __future__ import annotations

from pathlib import Path

from infra.embedded import java
from infra.embedded.component import Component
from infra.embedded.jars import Library
from infra.settings import LOOPBACK, Settings


def component(settings: Settings, library: Library) -> Component:
    """The Connect worker in the foreground."""
    return Component(
        name="connect",
        title="connect (debezium)",
        address=f"{LOOPBACK}:{settings.connect_port}",
        port=settings.connect_port,
        command=java.command(library, java.CONNECT, configuration(settings)),
        probe=lambda: probe(settings),
        start_seconds=90,
    )


def configuration(settings: Settings) -> Path:
    """Path of the rendered properties."""
    return settings.config_dir / "connect.properties"


DATA = "connect"
OFFSETS_TOPIC = f"{DATA}-offsets"


def properties(bootstrap: str, port: int, plugins: Path, data: str = DATA) -> str:
    """Text of connect.properties; `data` prefixes the names of the worker's own topics."""
    values = {
        "bootstrap.servers": bootstrap,
        "group.id": data,
        "listeners": f"HTTP://{LOOPBACK}:{port}",
        "rest.advertised.host.name": LOOPBACK,
        "rest.advertised.port": port,
        "plugin.path": plugins,
        "plugin.discovery": "service_load",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter.schemas.enable": "false",
        "config.storage.topic": f"{data}-configs",
        "offset.storage.topic": f"{data}-offsets",
        "status.storage.topic": f"{data}-status",
        "config.storage.replication.factor": 1,
        "offset.storage.replication.factor": 1,
        "status.storage.replication.factor": 1,
        "offset.storage.partitions": 1,
        "status.storage.partitions": 1,
        # without it a killed worker leaves duplicates in Kafka
        "exactly.once.source.support": "enabled",
        "connector.client.config.override.policy": "All",
        # a killed worker's task comes back in seconds, not after five minutes
        "scheduled.rebalance.max.delay.ms": 0,
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 1500,
        "rebalance.timeout.ms": 10000,
        "worker.unsync.backoff.ms": 1000,
        "task.shutdown.graceful.timeout.ms": 4000,
        # passwords stay in the worker's environment, out of the connector's configuration
        "config.providers": "env",
        "config.providers.env.class": "org.apache.kafka.common.config.provider."
        "EnvVarConfigProvider",
        "config.providers.env.param.allowlist.pattern": "FINHOUSE_.*",
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def configure(settings: Settings, library: Library) -> None:
    """Write the worker's configuration."""
    configuration(settings).write_text(
        properties(settings.kafka_bootstrap, settings.connect_port, library.plugins),
        encoding="utf-8",
    )


def probe(settings: Settings) -> None:
    """Ask the worker for its health. Raises OSError until it has joined its group."""
    import urllib.request

    with urllib.request.urlopen(f"{settings.connect_url}/health", timeout=2):
        pass
