"""One message of a sample, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_sysint.core.integration import Observation


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a payload has against its schema. `where` leads to it, `$.name.given`; empty for the whole."""

    where: str
    said: str

    def __str__(self) -> str:
        return f"{self.where}: {self.said}" if self.where else self.said


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a type's `sample` gives it."""

    at: str
    """Where it stood, for people: `partition 1, offset 17`, `message 3 (id 5f2e)`."""
    raw: bytes | None
    """The payload's bytes; None when it has none (a tombstone of Kafka)."""
    raw_key: bytes | None
    payload: Any
    """What the bytes mean where they are JSON or text."""
    parts: Mapping[str, Any]
    """Everything of it but the bytes: key, headers, content_type, ..."""

    @property
    def content_type(self) -> str:
        """Empty when it does not say."""
        return str(self.parts.get("content_type") or "")

    @property
    def observation(self) -> Observation:
        """As what an expectation judges: the payload, and its key, headers and content type as subjects."""
        return Observation(self.payload, self.parts)


def messages_of(observation: Observation) -> tuple[Message, ...]:
    """The messages of a sample, in the order in which they came."""
    return tuple(_message(index, raw) for index, raw in enumerate(observation.payload))


def _message(index: int, raw: Mapping[str, Any]) -> Message:
    parts = {name: value for name, value in raw.items() if name not in ("payload", "raw", "raw_key")}
    return Message(_place(index, raw), raw["raw"], raw["raw_key"], raw["payload"], parts)


def _place(index: int, raw: Mapping[str, Any]) -> str:
    place = f"'{raw['place']}', " if raw.get("place") else ""
    if raw.get("offset") is not None:
        partition = f"partition {raw['partition']}, " if raw.get("partition") is not None else ""
        return f"{place}{partition}offset {raw['offset']}"
    known = f" (id {raw['message_id']})" if raw.get("message_id") else ""
    return f"{place}message {index + 1} of the sample{known}"


class PayloadSchema(Protocol):
    """A schema of payloads, of whichever format."""

    @property
    def name(self) -> str:
        """What it is called in messages: its file's name, or its subject and version at the registry."""

    @property
    def kind(self) -> str:
        """What the registry calls its format: JSON, AVRO, PROTOBUF."""

    @property
    def text(self) -> str:
        """It as a registry takes it."""

    def faults(self, body: bytes) -> Iterator[Fault]:
        """What is wrong with the payload of a message; nothing when it fits."""

    def value(self, body: bytes) -> Any:
        """A payload that fits as plain JSON values."""

    def unframed(self, body: bytes) -> tuple[PayloadSchema, bytes]:
        """What follows the schema's id in a registry's wire format: which of its schemas it is of, and the payload.

        Raises:
            ValueError: when it is not framed so.

        """

    def reading(self, writer: PayloadSchema) -> PayloadSchema:
        """This schema for payloads that were written with another version of it, of the same format."""


def body_of(message: Message) -> bytes | None:
    """The payload's bytes."""
    return message.raw


def key_of(message: Message) -> bytes | None:
    """The key's bytes."""
    return message.raw_key
