"""What the tests of message contracts share: contracts declared against a real broker, and what comes of them."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import confluent_kafka
import pika
import yaml

from pytest_sysint.core.check import Check, Outcome, RetryPolicy
from pytest_sysint.core.integration import Integration
from pytest_sysint.core.registry import kinds, types
from pytest_sysint.declaration.model import DeclaredIntegration, Position
from pytest_sysint.declaration.provisioning import ProvisionSettings
from tests.talk import Talk


class Bench:
    """Declares contracts of one integration against a real broker, and runs their checks."""

    def __init__(self, type_name: str, url: str, folder: Path) -> None:
        self.cls = types().get(type_name)
        self.live = self.cls(self.cls.settings_model(url=url))
        self.folder = folder
        self.others: dict[str, Integration[Any]] = {}
        self.last: Talk | None = None

    def close(self) -> None:
        for each in (self.live, *self.others.values()):
            each.close()

    def file(self, name: str, content: Any) -> str:
        """Write a file beside the declaration: text as it is, bytes too, a value as YAML or JSON by its ending."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
            return name
        dump = yaml.safe_dump if path.suffix in {".yaml", ".yml"} else json.dumps
        path.write_text(content if isinstance(content, str) else dump(content))
        return name

    def topics(self, *topics: Mapping[str, Any]) -> None:
        """Create topics, as a seed of `kafka` names them."""
        self.live.seed(self.folder / self.file("topics.json", topics), 20)

    def declared(self, contract: Any, **more: Any) -> DeclaredIntegration:
        """An integration with that contract.

        Raises:
            Mistakes: what is wrong with it.

        """
        read = kinds().get("contract").read(contract, self.cls, self.folder)
        declared = DeclaredIntegration(
            id="it", tenant="shared", type=self.cls.__name__, cls=self.cls, category=self.cls.category, name="It",
            description="", severity="high", owner="", tags=(), depends_on=(), timeout=10.0, retry=RetryPolicy(),
            budget="", settings=self.live.settings, provision=ProvisionSettings(), kinds={"contract": read},
            references=frozenset(), position=Position("sysint.yaml", 1, 1), folder=self.folder,
        )  # fmt: skip
        return replace(declared, **more)

    def checks(self, contract: Any, **more: Any) -> dict[str, Check]:
        """The checks of a contract, by their slugs."""
        return {check.slug: check for check in kinds().get("contract").checks(self.declared(contract, **more))}

    def run(self, check: Check) -> Outcome:
        """What comes of one of them."""
        self.last = Talk(self.live, check.timeout, self.others)
        return check.run(self.last)

    def judge(self, contract: Any, **more: Any) -> Outcome:
        """The outcome of the one check that a contract gives."""
        (check,) = self.checks(contract, **more).values()
        return self.run(check)


def failed(outcome: Outcome, severity: str = "fail") -> dict[str, str]:
    """What failed: the assertion's name, and its message."""
    found = [each for each in outcome.assertions if each.status == "failed" and each.severity == severity]
    return {each.name: each.message for each in found}


def passed(outcome: Outcome) -> set[str]:
    """The names of what passed."""
    return {each.name for each in outcome.assertions if each.status == "passed"}


def as_bytes(body: Any) -> bytes:
    """Bytes as they are; a value as JSON."""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def produce(bench: Bench, topic: str, *bodies: Any, partition: int = 0, **message: Any) -> None:
    """Publish bodies to Kafka; None as a tombstone."""
    producer = confluent_kafka.Producer({"bootstrap.servers": bench.live.access.bootstrap})
    for body in bodies:
        producer.produce(topic, None if body is None else as_bytes(body), partition=partition, **message)
    assert producer.flush(20) == 0


@contextmanager
def publishing(url: str, exchange: str, key: str, *bodies: Any) -> Iterator[None]:
    """Somebody who goes on publishing to an exchange of RabbitMQ."""
    over = threading.Event()

    def publish() -> None:
        with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
            channel = connection.channel()
            while not over.is_set():
                for body in bodies:
                    channel.basic_publish(exchange, key, as_bytes(body))
                over.wait(0.02)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def new_name(prefix: str) -> str:
    """A name that nobody has."""
    return f"{prefix}.{uuid.uuid4().hex[:12]}"
