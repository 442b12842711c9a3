"""Payloads as registries frame them: a zero byte, the id of the schema they were written with, and the payload."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pytest_sysint.contracts._messages.message import Fault, PayloadSchema
from pytest_sysint.contracts._messages.registry import Registry
from pytest_sysint.core.errors import Rejected

_MAGIC = b"\0"
_ID = slice(1, 5)
_HEAD = 5


def split(body: bytes) -> tuple[int, bytes]:
    """The id of the schema, and what follows it.

    Raises:
        ValueError: when the payload is not framed.

    """
    if body[:1] not in (b"", _MAGIC):
        raise ValueError(f"is not in the registry's wire format: it begins with {body[0]:02x}, not 00")
    if len(body) < _HEAD:
        raise ValueError("is not in the registry's wire format: it is too short")
    return int.from_bytes(body[_ID], "big"), body[_HEAD:]


@dataclass(frozen=True, slots=True)
class Stripped:
    """A schema of payloads that begin with the id of a schema, at a registry that is not declared."""

    schema: PayloadSchema

    def faults(self, body: bytes) -> Iterator[Fault]:
        """What is wrong with the frame, or with the payload."""
        try:
            schema, rest = self._unpacked(body)
        except ValueError as error:
            yield Fault("", str(error))
            return
        yield from schema.faults(rest)

    def value(self, body: bytes) -> Any:
        """The payload as plain JSON values; ValueError when it is not framed."""
        schema, rest = self._unpacked(body)
        return schema.value(rest)

    def _unpacked(self, body: bytes) -> tuple[PayloadSchema, bytes]:
        _, after = split(body)
        writer, rest = self.schema.unframed(after)
        return self.schema.reading(writer), rest


@dataclass(frozen=True, slots=True)
class Framed:
    """What payloads with the id of their schema must keep: that schema, and the declared one where there is one."""

    registry: Registry
    declared: PayloadSchema | None

    @property
    def title(self) -> str:
        """What it is held against, for people."""
        own = "the schema that it names at the registry"
        return f"{self.declared.name}, and {own}" if self.declared else own

    def faults(self, body: bytes) -> Iterator[Fault]:
        """What is wrong with the frame, with the schema that it names, or with the payload."""
        try:
            schemas, rest = self._unpacked(body)
        except ValueError as error:
            yield Fault("", str(error))
            return
        for schema in schemas:
            yield from schema.faults(rest)

    def value(self, body: bytes) -> Any:
        """The payload as plain JSON values; ValueError when it is not framed."""
        schemas, rest = self._unpacked(body)
        return schemas[0].value(rest)

    def _unpacked(self, body: bytes) -> tuple[list[PayloadSchema], bytes]:
        number, after = split(body)
        writer, rest = self._writer(number).unframed(after)
        if self.declared is None:
            return [writer], rest
        if self.declared.kind != writer.kind:
            raise ValueError(f"names schema {number}, which is {writer.kind} and not {self.declared.kind}")
        reader = self.declared.reading(writer)
        return ([reader, writer] if self.declared.kind == "JSON" else [reader]), rest

    def _writer(self, number: int) -> PayloadSchema:
        try:
            return self.registry.schema(number)
        except Rejected as error:
            raise ValueError(f"names schema {number}: {error.message}") from None
