"""How Kafka is started: Apache Kafka (KRaft) of this machine, librdkafka's stand-in, or an image."""

from __future__ import annotations

import os
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_sysint.core.provisioning import Container, Embedded, LocalBinary, Place, Running, free_port, run_container

IMAGE = "apache/kafka:4.0.0"
_INSIDE = 9092
_CONTROLLER = 9093
_FORMAT_SECONDS = 60
_HOME = os.environ.get("KAFKA_HOME", "")


def _properties(listen: str, advertise: str, controller: str) -> dict[str, str]:
    """The configuration of a cluster of one, for tests: it keeps one copy, and lets groups begin at once."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{listen},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{advertise}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
    }


def _url(place: Place) -> str:
    return f"kafka://127.0.0.1:{place.port}"


def _new_cluster_id() -> str:
    """A random id as Kafka writes it, 22 characters; none begins with a dash: its tool would take it for an option."""
    while (made := urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()).startswith("-"):
        pass
    return made


def _environment(_binary: str, place: Place) -> Mapping[str, str]:
    return {
        "KAFKA_HEAP_OPTS": "-Xms64m -Xmx512m",
        "KAFKA_JVM_PERFORMANCE_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        "LOG_DIR": str(place.folder / "logs"),
    }


def _prepare(binary: str, place: Place) -> None:
    here = f"127.0.0.1:{place.port}"
    properties = _properties(here, here, f"127.0.0.1:{free_port()}") | {"log.dirs": str(place.folder / "data")}
    file = place.folder / "server.properties"
    file.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
    tool = Path(binary).with_name(Path(binary).name.replace("server-start", "storage"))
    subprocess.run(
        [str(tool), "format", "-t", _new_cluster_id(), "-c", str(file)],
        check=True,
        capture_output=True,
        timeout=_FORMAT_SECONDS,
        env={**os.environ, **_environment(binary, place)},
    )


def _argv(binary: str, place: Place) -> Sequence[str]:
    return [binary, str(place.folder / "server.properties")]


_CLUSTERS: list[Any] = []
"""Let go, and still held."""


def _stand_in(place: Place) -> Running:
    from confluent_kafka import Producer

    count = int(place.options.get("brokers", "1"))
    producer = Producer({"test.mock.num.brokers": count})
    brokers = producer.list_topics(timeout=10).brokers.values()
    url = "kafka://" + ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    # The cluster lives as long as its producer. It ends with the process: librdkafka's own taking down of a mock
    # cluster now and then waits for ever, or reads memory that it has given back.
    return Running(url, lambda: _CLUSTERS.append(producer), "librdkafka's mock cluster")


def _contain(image: str, place: Place) -> Running:
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(image)
    host = container.get_docker_client().host()  # the broker must tell it to its clients, hence before it starts
    properties = _properties(f"0.0.0.0:{_INSIDE}", f"{host}:{place.port}", f"localhost:{_CONTROLLER}")
    for key, value in properties.items():
        container.with_env(f"KAFKA_{key.replace('.', '_').upper()}", value)
    container.with_env("CLUSTER_ID", _new_cluster_id())
    container.with_bind_ports(_INSIDE, place.port)
    return run_container(container, lambda _: f"kafka://{host}:{place.port}", f"image {image}")


RECIPES = (
    LocalBinary(
        binaries=("kafka-server-start.sh", "kafka-server-start"),
        argv=_argv,
        url=_url,
        prepare=_prepare,
        environment=_environment,
        folders=(*((f"{_HOME}/bin",) if _HOME else ()), "/opt/kafka*/bin", "/usr/local/kafka*/bin"),
    ),
    Embedded("confluent_kafka", _stand_in),
    Container(IMAGE, _contain),
)
