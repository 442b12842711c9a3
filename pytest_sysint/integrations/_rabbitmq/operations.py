"""What can be declared of a RabbitMQ broker: operations and measures."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core.capabilities import Sampling, Watch
from pytest_sysint.core.integration import Measure, Observation, Operation
from pytest_sysint.core.records import Effect
from pytest_sysint.core.units import Duration
from pytest_sysint.integrations._messages import PublishOperation
from pytest_sysint.integrations._rabbitmq import by_hand

MOST = 10_000
"""How many messages one reading brings at most."""
_OFFSET = re.compile(r"first|last|next|\d+[YMDhms]")
_PARAMETER = re.compile(r"\{[^{}]*\}")
_COUNT = "How many messages are read at most."
_WAIT = "How long to wait for messages that are not there yet; 0s reads only what is. Default: the timeout."


class Publish(PublishOperation):
    """Send one message, and wait until the broker has it; facts: size, exchange, routing_key.

    With a `routing_key` it goes to the exchange of that name, without one to the queue.
    """

    publish: str = Field(min_length=1, description="The queue; with `routing_key` the exchange.")
    routing_key: str | None = Field(None, description="The routing key; may be empty, for a fanout exchange.")
    mandatory: bool = Field(True, description="Whether it is a failure when no queue takes the message.")
    persistent: bool = Field(True, description="Whether the message outlives a restart of the broker.")

    def perform(self, integration: Any, timeout: float) -> Observation:
        body, content_type = self.body()
        observation: Observation = integration.send(
            self.publish,
            body,
            content_type,
            routing_key=self.routing_key,
            headers=self.headers,
            mandatory=self.mandatory,
            persistent=self.persistent,
            timeout=timeout,
        )
        return observation

    def reproduce(self, integration: Any) -> str:
        key = self.publish if self.routing_key is None else self.routing_key
        words = [] if self.routing_key is None else [f"-e {shlex.quote(self.publish)}"]
        words += [f"-r {shlex.quote(key)}", "-p" if self.persistent else ""]
        words += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in self.headers.items()]
        body, content_type = self.body()
        words += [f"-C {content_type}", f"-b {shlex.quote(body.decode('utf-8', 'replace'))}"]
        return by_hand.amqp(integration, "amqp-publish", *words)


class _Reading(Operation):
    """Payload: `{payload, key, headers, exchange, routing_key, redelivered, ...}` each; facts: count, size."""

    def title(self) -> str:
        return f"{self.key()} {getattr(self, 'count', 1)} from {getattr(self, self.key())}"


class Consume(_Reading):
    """Take messages from a queue: they are acknowledged, and nobody else gets them."""

    consume: str = Field(min_length=1, description="The queue.")
    count: int = Field(1, ge=1, le=MOST, description=_COUNT)
    wait: Duration | None = Field(None, description=_WAIT)

    def effect(self) -> Effect:
        return "destructive"

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.consume(self.consume, count=self.count, timeout=timeout, wait=self.wait)
        return observation

    def watch(self, integration: Any, timeout: float) -> Watch:
        """Take on: what comes to the queue from now on."""
        watch: Watch = integration.watch_queue(self.consume, timeout)
        return watch

    def reproduce(self, integration: Any) -> str:
        return by_hand.amqp(integration, "amqp-get", f"-q {shlex.quote(self.consume)}")


class Peek(_Reading):
    """Look at the messages at the head of a queue, and give them back.

    AMQP cannot look without taking: meanwhile nobody else gets them, they are marked as redelivered afterwards, and a
    quorum queue counts the delivery. They go back to where they stood, but who reads at that moment gets what stands
    behind them first. Hence it counts as writing.
    """

    peek: str = Field(min_length=1, description="The queue.")
    count: int = Field(1, ge=1, le=MOST, description=_COUNT)

    def effect(self) -> Effect:
        return "write"

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.peek(self.peek, count=self.count, timeout=timeout)
        return observation

    def reproduce(self, integration: Any) -> str:
        return by_hand.peek(integration, self.peek, self.count)


class Tap(_Reading):
    """Listen to an exchange beside everybody else, through a queue of our own that the broker removes afterwards.

    That queue is declared on the broker, hence it counts as writing.
    """

    tap: str = Field(min_length=1, description="The exchange.")
    routing_key: str = Field("#", description="The binding key: which messages; `#` is all of a topic exchange.")
    count: int = Field(1, ge=1, le=MOST, description=_COUNT)
    wait: Duration | None = Field(None, description="How long to listen at most. Default: the timeout.")

    def effect(self) -> Effect:
        return "write"

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.tap(
            self.tap, self.routing_key, count=self.count, timeout=timeout, wait=self.wait
        )
        return observation

    def watch(self, integration: Any, timeout: float) -> Watch:
        """Listen on: what comes by the exchange from now on."""
        watch: Watch = integration.watch_exchange(self.tap, self.routing_key, timeout)
        return watch

    def reproduce(self, integration: Any) -> str:
        words = (f"-e {shlex.quote(self.tap)}", f"-r {shlex.quote(self.routing_key)}", f"-c {self.count}", "cat")
        return by_hand.amqp(integration, "amqp-consume", *words)


class Sample(Sampling):
    """How the messages of an exchange, a queue or a stream are looked at.

    With a `routing_key` the place is an exchange, and is tapped. With an `offset` it is a stream, which anybody may
    read. Else it is a queue, which can only be browsed: taken, and given back (see `peek`).
    """

    protocols: ClassVar[tuple[str, ...]] = ("amqp", "amqps")

    routing_key: str | None = Field(
        None, description="Tap the exchange of this name: what is published from now on with this binding key."
    )
    offset: str | int | None = Field(
        None, description="The place is a stream: read from first, last, next, an offset, or 1h (an hour ago)."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        said = ""
        if self.routing_key is not None and self.offset is not None:
            said = "`routing_key` is of an exchange and `offset` of a stream: give one of them"
        if isinstance(self.offset, str) and not _OFFSET.fullmatch(self.offset):
            said = "offset: expected first, last, next, a number, or an interval such as 1h"
        if said:
            raise PydanticCustomError("sysint", "{text}", {"text": said})
        return self

    @classmethod
    def placed(cls, address: str, binding: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """An exchange that is named is tapped with the address as routing key; else it is a queue."""
        exchange = binding.get("exchange") or {}
        if binding.get("is", "routingKey") == "routingKey" and exchange.get("name"):
            fanned_out = exchange.get("type") in ("fanout", "headers")
            return str(exchange["name"]), {"routing_key": "" if fanned_out else _PARAMETER.sub("*", address)}
        return str((binding.get("queue") or {}).get("name") or address), {}

    def effect(self) -> Effect:
        return "write" if self.offset is None else "read"

    def reproduce(self, integration: Any, place: str, count: int) -> str:
        if self.routing_key is not None:
            return Tap(tap=place, routing_key=self.routing_key, count=count, wait=None).reproduce(integration)
        return Peek(peek=place, count=count).reproduce(integration) if self.offset is None else ""


class Queue(Operation):
    """What the broker says of a queue: `{name, messages, consumers}`; the same as facts."""

    queue: str = Field(min_length=1, description="The queue.")

    def title(self) -> str:
        return f"queue {self.queue}"

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.queue(self.queue, timeout)
        return observation

    def reproduce(self, integration: Any) -> str:
        return by_hand.rabbitmqadmin(integration, "list queues vhost name messages consumers")


class _QueueMeasure(Measure):
    def title(self) -> str:
        return f"{super().title()} of {getattr(self, 'queue', '')}"

    def reproduce(self, integration: Any) -> str:
        return Queue(queue=getattr(self, "queue", "")).reproduce(integration)


class QueueDepth(_QueueMeasure):
    """How many messages of a queue wait to be delivered."""

    queue_depth: Any = Field(description='What it must satisfy, such as "< 100".')
    queue: str = Field(min_length=1, description="The queue.")

    def measure(self, integration: Any, timeout: float) -> int:
        return int(integration.queue(self.queue, timeout).facts["messages"])


class Consumers(_QueueMeasure):
    """How many consumers a queue has."""

    consumers: Any = Field(description='What it must satisfy, such as ">= 1".')
    queue: str = Field(min_length=1, description="The queue.")

    def measure(self, integration: Any, timeout: float) -> int:
        return int(integration.queue(self.queue, timeout).facts["consumers"])


class DeadLetters(_QueueMeasure):
    """How many messages lie in a dead-letter queue."""

    dead_letters: Any = Field(description="What it must satisfy, such as 0.")
    queue: str = Field(min_length=1, description="The dead-letter queue.")

    def measure(self, integration: Any, timeout: float) -> int:
        return int(integration.queue(self.queue, timeout).facts["messages"])


class Unacked(_QueueMeasure):
    """How many messages of a queue are delivered and not acknowledged; needs `management_url`."""

    unacked: Any = Field(description='What it must satisfy, such as "< 50".')
    queue: str = Field(min_length=1, description="The queue.")

    def measure(self, integration: Any, timeout: float) -> int | None:
        found: int | None = integration.unacked(self.queue, timeout)
        return found


OPERATIONS: tuple[type[Operation], ...] = (
    Publish,
    Consume,
    Peek,
    Tap,
    Queue,
    QueueDepth,
    Consumers,
    Unacked,
    DeadLetters,
)
