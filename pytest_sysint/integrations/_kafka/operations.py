"""What can be declared of a Kafka cluster: operations and measures."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core.capabilities import Sampling, Watch
from pytest_sysint.core.integration import Measure, Observation, Operation
from pytest_sysint.core.units import Duration, quantity
from pytest_sysint.integrations._messages import PublishOperation

MOST = 10_000
"""How many messages one `consume` brings at most."""
Start = str | int
"""Where reading begins: `earliest`, `latest`, an offset, `-5` (the last five), `-10m` or a time of day."""
_WORDS = ("earliest", "latest")


def instant(start: str, now: datetime) -> datetime:
    """The moment that `-10m` or an ISO 8601 time names.

    Raises:
        ValueError: when it is neither.

    """
    if start.startswith("-"):
        return datetime.fromtimestamp(now.timestamp() + quantity(start, "duration"), UTC)
    moment = datetime.fromisoformat(start)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_start(start: Start) -> Start:
    if isinstance(start, int) or start in _WORDS:
        return start
    try:
        instant(start, datetime.now(UTC))
    except ValueError:
        text = "expected earliest, latest, an offset, -N for the last N, -10m for ten minutes ago, or an ISO 8601 time"
        raise PydanticCustomError("sysint", "{text}", {"text": text}) from None
    return start


class Publish(PublishOperation):
    """Send one message to a topic, and wait until the broker has it; facts: topic, partition, offset, size."""

    publish: str = Field(min_length=1, description="The topic.")
    key_: str | None = Field(None, alias="key", description="The message's key, which decides on its partition.")
    partition: int | None = Field(None, ge=0, description="The partition; left out, the key or chance decides.")

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.send(
            self.publish, self.body()[0], key=self.key_, headers=self.headers, partition=self.partition, timeout=timeout
        )
        return observation

    def reproduce(self, integration: Any) -> str:
        words = ["-P", "-t", shlex.quote(self.publish), "-c", "1"]
        words += ["-k", shlex.quote(self.key_)] if self.key_ is not None else []
        words += ["-p", str(self.partition)] if self.partition is not None else []
        words += [f"-H {shlex.quote(f'{name}={value}')}" for name, value in self.headers.items()]
        body = self.body()[0].decode("utf-8", "replace")
        return f"printf %s {shlex.quote(body)} | {integration.kcat(*words)}"


class Consume(Operation):
    """Read messages of a topic without taking them from anybody: no group is joined, nothing is committed.

    Payload: `{payload, key, headers, topic, partition, offset, timestamp}` each; facts: count, size.
    """

    consume: str = Field(min_length=1, description="The topic.")
    count: int = Field(1, ge=1, le=MOST, description="How many messages are read at most.")
    from_: Start = Field(
        "earliest",
        alias="from",
        description=(
            "Where to begin: earliest, latest (what comes from now on), an offset, -N (the last N of each partition), "
            "-10m (ten minutes ago) or an ISO 8601 time."
        ),
    )
    wait: Duration | None = Field(
        None,
        description="How long to wait for what is not there yet; 0s reads only what is. Default: the timeout.",
    )

    @field_validator("from_")
    @classmethod
    def _known_start(cls, start: Start) -> Start:
        return _is_start(start)

    def title(self) -> str:
        return f"consume {self.count} from {self.consume}"

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.consume(
            self.consume, count=self.count, timeout=timeout, start=self.from_, wait=self.wait
        )
        return observation

    def watch(self, integration: Any, timeout: float) -> Watch:
        """Read on: what comes to the topic from now on."""
        watch: Watch = integration.watch(self.consume, timeout)
        return watch

    def reproduce(self, integration: Any) -> str:
        words = {"earliest": "beginning", "latest": "end"}
        start = words.get(str(self.from_), str(self.from_))
        if isinstance(self.from_, str) and self.from_ not in words:
            start = f"s@{int(instant(self.from_, datetime.now(UTC)).timestamp() * 1000)}"
        command: str = integration.kcat("-C", "-t", shlex.quote(self.consume), "-o", start, "-c", str(self.count), "-e")
        return command


class Sample(Sampling):
    """A sample of a topic needs nothing more than its name."""

    protocols: ClassVar[tuple[str, ...]] = ("kafka", "kafka-secure")

    def reproduce(self, integration: Any, place: str, count: int) -> str:
        command: str = integration.kcat("-C", "-t", shlex.quote(place), "-o", f"-{count}", "-c", str(count), "-e")
        return command


class Topics(Operation):
    """The topics whose names match a pattern: `{name, partitions, replicas, in_sync}` each; facts: count."""

    topics: str = Field(
        "*", description="A pattern for the names, such as `residents.*`; Kafka's own topics are left out."
    )

    def title(self) -> str:
        return f"topics {self.topics}"

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.topics(self.topics, timeout)
        return observation

    def reproduce(self, integration: Any) -> str:
        command: str = integration.kcat("-L")
        return command


class _Listed(Measure):
    def reproduce(self, integration: Any) -> str:
        command: str = integration.kcat("-L")
        return command


class ConsumerLag(Measure):
    """How many messages a consumer group has still to read."""

    consumer_lag: Any = Field(description='What it must satisfy, such as "< 1000".')
    group: str = Field(min_length=1, description="The consumer group.")
    topic: str = Field("", description="The topic; left out, all that the group has committed offsets for.")

    def title(self) -> str:
        return f"consumer lag of {self.group}" + (f" on {self.topic}" if self.topic else "")

    def measure(self, integration: Any, timeout: float) -> int:
        lag: int = integration.lag(self.group, self.topic, timeout)
        return lag

    def reproduce(self, integration: Any) -> str:
        group = shlex.quote(self.group)
        return f"kafka-consumer-groups.sh --bootstrap-server {integration.access.bootstrap} --describe --group {group}"


class UnderReplicatedPartitions(_Listed):
    """How many partitions have fewer replicas in sync than they should."""

    under_replicated_partitions: Any = Field(description="What it must satisfy, such as 0.")
    topic: str = Field("", description="The topic; left out, all.")

    def measure(self, integration: Any, timeout: float) -> int:
        found = integration.partitions(self.topic, timeout)
        return sum(len(partition.isrs) < len(partition.replicas) for partition in found)


class BrokerCount(_Listed):
    """How many brokers the cluster has."""

    brokers: Any = Field(description='What it must satisfy, such as ">= 3".')

    def measure(self, integration: Any, timeout: float) -> int:
        return len(integration.metadata(timeout).brokers)


class PartitionCount(_Listed):
    """How many partitions a topic has."""

    partitions: Any = Field(description="What it must satisfy, such as 12.")
    topic: str = Field(min_length=1, description="The topic.")

    def title(self) -> str:
        return f"partitions of {self.topic}"

    def measure(self, integration: Any, timeout: float) -> int:
        return len(integration.partitions(self.topic, timeout))


OPERATIONS: tuple[type[Operation], ...] = (
    Publish,
    Consume,
    Topics,
    ConsumerLag,
    UnderReplicatedPartitions,
    BrokerCount,
    PartitionCount,
)
