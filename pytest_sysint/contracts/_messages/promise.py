"""What is promised of each message of a place, and the judging of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pytest_sysint.contracts._messages.framed import Framed
from pytest_sysint.contracts._messages.message import Fault, Message, PayloadSchema, body_of, key_of
from pytest_sysint.contracts._messages.registry import Registry, RegistryKeys, opened
from pytest_sysint.contracts._messages.rules import Expects, Finding, Matches
from pytest_sysint.core.check import Context
from pytest_sysint.expectations import Expectation


class Reads(Protocol):
    """A schema, or what unpacks payloads and finds theirs."""

    def faults(self, body: bytes) -> Iterator[Fault]:
        """What is wrong with a payload."""

    def value(self, body: bytes) -> Any:
        """A payload that fits as plain JSON values."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Everything that the messages of one place must keep."""

    payload: PayloadSchema | None = None
    key: PayloadSchema | None = None
    expectation: Expectation | None = None
    """Over the key, headers, content type, and the payload as plain values."""
    tombstones: bool = False
    """Messages without a payload are allowed."""
    registry: RegistryKeys | None = field(default=None, repr=False)
    """Payloads, and keys that have a schema, name theirs at this registry."""

    def judge(self, context: Context, messages: Sequence[Message]) -> list[Finding]:
        """What came of each rule over a sample.

        Raises:
            CallError: when the registry cannot be asked.

        """
        with self._registry(context) as registry:
            payload, title = self._reads(self.payload, registry, needed=True)
            key, key_title = self._reads(self.key, registry)
            found: list[Finding] = []
            if payload:
                rule = Matches("payload", title, _faults(payload), body_of, self.tombstones)
                found += rule.judge(messages)
            if key:
                found += Matches("key", key_title, _faults(key), key_of).judge(messages)
            if self.expectation:
                found += Expects(self.expectation).judge([_with_value(each, payload) for each in messages])
        return found

    @contextmanager
    def _registry(self, context: Context) -> Iterator[Registry | None]:
        if self.registry is None:
            yield None
            return
        with opened(self.registry, context) as registry:
            yield registry

    def _reads(
        self, schema: PayloadSchema | None, registry: Registry | None, *, needed: bool = False
    ) -> tuple[Reads | None, str]:
        """What judges the bytes, and what that is called. A registry knows payloads also without a declared schema."""
        if registry is not None and (schema is not None or needed):
            framed = Framed(registry, schema)
            return framed, framed.title
        return schema, schema.name if schema is not None else ""


def _faults(reads: Reads) -> Callable[[bytes], list[Fault]]:
    return lambda body: list(reads.faults(body))


def _with_value(message: Message, reads: Reads | None) -> Message:
    """The message with its payload as its schema reads it; as it is when it cannot be read so."""
    if reads is None or message.raw is None or next(reads.faults(message.raw), None) is not None:
        return message
    return replace(message, payload=reads.value(message.raw))
