"""Kafka 4 in KRaft mode: one process that is broker and controller."""

from __future__ import annotations

import base64
import subprocess
import uuid
from pathlib import Path

from infra.embedded import java
from infra.embedded.component import Component
from infra.embedded.jars import Library
from infra.errors import FinhouseError
from infra.settings import LOOPBACK, Settings

MIB = 1024**2
NODE_ID = 1


def component(settings: Settings, library: Library) -> Component:
    """The Kafka server in the foreground."""
    return Component(
        name="kafka",
        title="kafka 4.3 (KRaft)",
        address=settings.kafka_bootstrap,
        port=settings.kafka_port,
        command=java.command(library, java.KAFKA, configuration(settings)),
        probe=lambda: probe(settings),
    )


def data_dir(settings: Settings) -> Path:
    """Kafka's data folder."""
    return settings.data_dir / "kafka"


def configuration(settings: Settings) -> Path:
    """Path of the rendered properties."""
    return settings.config_dir / "kafka.properties"


def properties(port: int, controller_port: int, data: Path) -> str:
    """Text of kafka.properties for a single node that keeps hours, not weeks."""
    values = {
        "process.roles": "broker,controller",
        "node.id": NODE_ID,
        "controller.quorum.voters": f"{NODE_ID}@{LOOPBACK}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        # retention of topics that set none of their own
        "log.retention.hours": 6,
        "log.retention.bytes": 4096 * MIB,
        "log.segment.bytes": 128 * MIB,
        "message.max.bytes": 8 * MIB,
        # one node: nothing to replicate, few coordinators to load at the start
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # a consumer that starts or comes back reads at once
        "group.initial.rebalance.delay.ms": 0,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
        "num.recovery.threads.per.data.dir": 2,
        "log.cleaner.dedupe.buffer.size": 16 * MIB,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def configure(settings: Settings) -> None:
    """Write the server's configuration."""
    text = properties(settings.kafka_port, settings.kafka_controller_port, data_dir(settings))
    configuration(settings).write_text(text, encoding="utf-8")


def prepare(settings: Settings, library: Library) -> None:
    """Format the data folder on first use. Raises FinhouseError if that fails."""
    if not (data_dir(settings) / "meta.properties").exists():
        format_storage(library, configuration(settings))


def format_storage(library: Library, configuration: Path) -> None:
    """Give the data folder a cluster id. Raises FinhouseError if Kafka refuses."""
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    line = java.tool(library, "kafka.tools.StorageTool")
    result = subprocess.run(
        [*line, "format", "-t", cluster.replace("-", "_"), "-c", str(configuration)],
        capture_output=True,
        text=True,
    )
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines()
        raise FinhouseError(
            "Kafka's data folder cannot be formatted",
            why=lines[-1] if lines else f"exit code {result.returncode}",
            fix="remove that cause (./finhouse doctor may know more), then ./finhouse up",
        )


def probe(settings: Settings) -> None:
    """Ask for the cluster's metadata. Raises KafkaException while Kafka does not answer."""
    from confluent_kafka.admin import AdminClient

    # the broker being away is what this asks about: nothing to log
    client = AdminClient({"bootstrap.servers": settings.kafka_bootstrap, "log_level": 0})
    metadata = client.list_topics(timeout=2)
    if not metadata.brokers:
        raise ConnectionError("no broker is registered yet")
