"""Exchanges, queues and bindings for a broker that was just provisioned: a definitions file, as RabbitMQ exports it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from pytest_sysint.core.errors import UsageError
from pytest_sysint.integrations._messages import Deadline, read_seed, read_seed_as
from pytest_sysint.integrations._rabbitmq.talk import Talk

_EXPECTED = "a map of exchanges, queues and bindings, as `rabbitmqctl export_definitions` writes it"
_NOT_OURS = ("policies", "parameters")
"""What changes how queues behave, and cannot be set by AMQP."""


class _Part(BaseModel):
    """What an export says beyond these keys is how it came to be, not what it is."""

    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)

    vhost: str = ""


class Exchange(_Part):
    """One exchange."""

    name: str = Field(min_length=1)
    type: str = "direct"
    durable: bool = True
    auto_delete: bool = False
    internal: bool = False
    arguments: dict[str, Any] = Field(default_factory=dict)


class Queue(_Part):
    """One queue."""

    name: str = Field(min_length=1)
    durable: bool = True
    auto_delete: bool = False
    arguments: dict[str, Any] = Field(default_factory=dict)


class Binding(_Part):
    """What goes from an exchange to a queue, or to another exchange."""

    source: str = Field(min_length=1)
    destination: str = Field(min_length=1)
    destination_type: str = Field("queue", pattern="^(queue|exchange)$")
    routing_key: str = ""
    arguments: dict[str, Any] = Field(default_factory=dict)


class Definitions(BaseModel):
    """A definitions file. Users, rights and vhosts are how a broker is reached, and are there already."""

    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)

    exchanges: list[Exchange] = Field(default_factory=list)
    queues: list[Queue] = Field(default_factory=list)
    bindings: list[Binding] = Field(default_factory=list)


_DEFINITIONS: TypeAdapter[Definitions] = TypeAdapter(Definitions)


def definitions_in(path: Path, vhost: str) -> Definitions:
    """The definitions of a JSON or YAML file.

    Raises:
        UsageError: when it is none, or holds what cannot be set here.

    """
    raw = read_seed(path)
    found = read_seed_as(_DEFINITIONS, raw, path, _EXPECTED)
    left_out = [key for key in _NOT_OURS if raw.get(key)]
    if left_out:
        hint = "set the arguments at the queues themselves (`x-message-ttl`, `x-dead-letter-exchange`, ...)"
        raise UsageError(f"the seed '{path}' holds {' and '.join(left_out)}, which AMQP cannot set", hint=hint)
    if not (found.exchanges or found.queues or found.bindings):
        raise UsageError(f"the seed '{path}' holds no exchanges, queues or bindings", hint=f"expected {_EXPECTED}")
    parts: list[_Part] = [*found.exchanges, *found.queues, *found.bindings]
    others = sorted({part.vhost for part in parts if part.vhost not in ("", vhost)})
    if others:
        hint = "leave `vhost` out, or declare an integration for each vhost"
        raise UsageError(f"the seed '{path}' is for vhost {', '.join(others)}; the url names {vhost}", hint=hint)
    return found


def declare(talk: Talk, found: Definitions, deadline: Deadline) -> None:
    """Declare them all; what is there already in just that way stays as it is.

    Raises:
        CallError: when the broker refuses one.

    """
    for exchange in found.exchanges:
        talk.call(
            "exchange_declare",
            deadline,
            exchange=exchange.name,
            exchange_type=exchange.type,
            **exchange.model_dump(include={"durable", "auto_delete", "internal", "arguments"}),
        )
    for queue in found.queues:
        settings = queue.model_dump(include={"durable", "auto_delete", "arguments"})
        talk.call("queue_declare", deadline, queue=queue.name, **settings)
    for binding in found.bindings:
        key = {"routing_key": binding.routing_key, "arguments": binding.arguments}
        if binding.destination_type == "queue":
            talk.call("queue_bind", deadline, queue=binding.destination, exchange=binding.source, **key)
        else:
            talk.call("exchange_bind", deadline, destination=binding.destination, source=binding.source, **key)
