"""Payloads in Avro: the binary encoding alone, with a fingerprint before it (single object), or as a container file."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pytest_sysint.contracts._messages.documents import read_document
from pytest_sysint.contracts._messages.message import Fault, PayloadSchema
from pytest_sysint.contracts._messages.needed import needed
from pytest_sysint.core.errors import Mistake, Mistakes

SUFFIXES = (".avsc",)
_SINGLE_OBJECT = b"\xc3\x01"
_HEAD = 10
"""Bytes before the payload of a single object: its mark, and the schema's fingerprint."""
_CONTAINER = b"Obj\x01"
_UNREADABLE = (EOFError, LookupError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class AvroPayload:
    """A schema of payloads that are Avro."""

    name: str
    schema: Any = field(repr=False)
    """As fastavro has parsed it."""
    text: str = field(repr=False)
    writer: AvroPayload | None = None
    """What payloads were written with, where that is known and is another version."""
    kind: str = "AVRO"

    def faults(self, body: bytes) -> Iterator[Fault]:
        """Why the payload cannot be read with the schema, or what is left over afterwards."""
        from fastavro.read import SchemaResolutionError

        try:
            rest = self._read(body)[1]
        except SchemaResolutionError as error:
            writer = self.writer.name if self.writer else "its own schema"
            yield Fault("", f"was written with {writer}, which does not resolve to this schema: {error}")
        except _UNREADABLE as error:
            yield self._where_it_broke(body, error)
        else:
            if rest:
                yield Fault("", f"{rest} bytes are left over after it: it was written with another schema")

    def value(self, body: bytes) -> Any:
        """The record, with times, decimals and bytes as texts."""
        return json.loads(json.dumps(self._read(body)[0], default=_plain))

    def unframed(self, body: bytes) -> tuple[PayloadSchema, bytes]:
        """The encoding follows the schema's id as it is."""
        return self, body

    def reading(self, writer: PayloadSchema) -> AvroPayload:
        """Payloads are read with the schema that they were written with, and resolved to this one."""
        return replace(self, writer=writer) if isinstance(writer, AvroPayload) else self

    def _read(self, body: bytes) -> tuple[Any, int]:
        """The value, and how many bytes are left."""
        import fastavro

        if body.startswith(_CONTAINER):
            return list(fastavro.reader(io.BytesIO(body), self.schema)), 0
        stream = io.BytesIO(self._bare(body))
        written_with = self.writer.schema if self.writer else self.schema
        value = fastavro.schemaless_reader(stream, written_with, self.schema if self.writer else None)
        return value, len(stream.read())

    def _bare(self, body: bytes) -> bytes:
        from fastavro.schema import fingerprint, to_parsing_canonical_form

        if not body.startswith(_SINGLE_OBJECT) or len(body) < _HEAD:
            return body
        own = fingerprint(to_parsing_canonical_form(self.schema), "CRC-64-AVRO")
        return body[_HEAD:] if body[len(_SINGLE_OBJECT) : _HEAD].hex() == own else body

    def _where_it_broke(self, body: bytes, error: BaseException) -> Fault:
        schema = self.writer.schema if self.writer else self.schema
        path = _broken_at(io.BytesIO(self._bare(body)), schema, _notes(schema), "$")
        if isinstance(error, EOFError):
            return Fault(path, "the payload ends before it is complete, or a length in it is wrong")
        if isinstance(error, UnicodeDecodeError):
            return Fault(path, f"is no text in UTF-8: {error.reason}")
        if isinstance(error, LookupError):
            return Fault(path, "has a symbol, or a branch of a union, that the schema does not have")
        return Fault(path, f"cannot be read: {error}")


def _notes(schema: Any) -> dict[str, Any]:
    """The library's own notes on a parsed schema: that it is one, and the types with names in it."""
    held = schema.items() if isinstance(schema, dict) else ()
    return {key: value for key, value in held if key.startswith("__")}


def _broken_at(stream: io.BytesIO, schema: Any, notes: dict[str, Any], path: str) -> str:
    """The path of the field that cannot be read, as far down as records lead."""
    import fastavro

    schema = notes.get("__named_schemas", {}).get(schema) if isinstance(schema, str) else schema
    if not isinstance(schema, dict) or schema.get("type") not in ("record", "error"):
        return path
    for each in schema["fields"]:
        begin = stream.tell()
        alone = {"type": "record", "name": "-", "fields": [each], **notes}
        try:
            fastavro.schemaless_reader(stream, alone)
        except _UNREADABLE:
            stream.seek(begin)
            return _broken_at(stream, each["type"], notes, f"{path}.{each['name']}")
    return path


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def load(path: Path, message: str = "") -> AvroPayload:
    """The schema in a file; named types that it does not define are looked for in the files beside it.

    Raises:
        Mistakes: when it is none, or the library for Avro is not installed.

    """
    library = needed("fastavro.schema", f"'{path.name}'")
    if message:
        raise Mistakes(Mistake(("message",), "only a Protobuf schema has several messages to choose from"))
    read_document(path)
    try:
        schema = library.load_schema(str(path))
    except _refusals() as error:
        raise Mistakes(Mistake((), f"'{path.name}' is no Avro schema: {_said(error)}")) from None
    return AvroPayload(path.name, schema, json.dumps(_bare_schema(schema)))


def registered(name: str, text: str, references: Mapping[str, str]) -> AvroPayload:
    """A schema as a registry keeps it. `references` are the schemas that it names, by name.

    Raises:
        ValueError: when it is none.

    """
    return parsed(name, json.loads(text), [json.loads(each) for each in references.values()])


def parsed(name: str, schema: Any, before: list[Any] | None = None) -> AvroPayload:
    """A schema that stands elsewhere; `before` are those whose names it uses.

    Raises:
        ValueError: when it is none.

    """
    library = needed("fastavro.schema", f"'{name}'")
    names: dict[str, Any] = {}
    try:
        for each in before or []:
            library.parse_schema(each, named_schemas=names)
        found = library.parse_schema(schema, named_schemas=names)
    except _refusals() as error:
        raise ValueError(f"'{name}' is no Avro schema: {_said(error)}") from None
    return AvroPayload(name, found, json.dumps(_bare_schema(found)))


def _refusals() -> tuple[type[Exception], ...]:
    from fastavro.repository import SchemaRepositoryError
    from fastavro.schema import SchemaParseException, UnknownType

    return *_UNREADABLE, SchemaParseException, UnknownType, SchemaRepositoryError


def _said(error: BaseException) -> str:
    name = getattr(error, "name", None)
    return f"it names the type '{name}', which is nowhere" if name else str(error) or type(error).__name__


def _bare_schema(schema: Any) -> Any:
    """A parsed schema without the library's own notes."""
    if isinstance(schema, dict):
        return {key: _bare_schema(value) for key, value in schema.items() if not key.startswith("__")}
    return [_bare_schema(item) for item in schema] if isinstance(schema, list) else schema
