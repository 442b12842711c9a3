"""From what a document says of a message to schemas that judge one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from pytest_sysint.contracts._asyncapi.document import MessageType
from pytest_sysint.contracts._asyncapi.located import Located
from pytest_sysint.contracts._messages import avro, protobuf
from pytest_sysint.contracts._messages.json_schema import JsonPayload, compiled
from pytest_sysint.contracts._messages.message import Fault, Message, PayloadSchema
from pytest_sysint.core.errors import Mistake, Mistakes

_AVRO = "application/vnd.apache.avro"
_PROTOBUF = ("application/vnd.google.protobuf", "application/x-protobuf", "application/protobuf")
_JSON = ("application/vnd.aai.asyncapi", "application/schema+json", "application/schema+yaml")
_DRAFT_7 = "http://json-schema.org/draft-07/schema#"
_UNTYPED = ("integer", "number", "boolean")


def schema_of(located: Located, schema_format: str, name: str) -> PayloadSchema:
    """A schema of a document, in whichever format it says.

    Raises:
        Mistakes: when it is none, or of a format that cannot be judged.

    """
    media = schema_format.partition(";")[0].strip().lower()
    for suffix in ("+json", "+yaml"):
        media = media if media in _JSON else media.removesuffix(suffix)
    try:
        if media == _AVRO:
            return avro.parsed(name, _avro_of(located))
        if media in _PROTOBUF:
            return _protobuf_of(located, name)
        if media and media not in _JSON:
            raise ValueError(f"its schemaFormat '{schema_format}' cannot be judged; leave its channel out by `skip`")
        return json_schema(located, name)
    except ValueError as error:
        raise Mistakes(Mistake((), f"message '{name}': {error}")) from None


def json_schema(located: Located, name: str) -> JsonPayload:
    """A JSON Schema where it stands in its document: draft 7, unless it says otherwise.

    Raises:
        ValueError: when it is none.

    """
    here = {"$schema": _DRAFT_7, "$ref": located.reference}
    return JsonPayload(name, compiled(here, located.documents.others, name), json.dumps(located.followed().value))


def _avro_of(located: Located) -> Any:
    found = located.followed().value
    return json.loads(found) if isinstance(found, str) and found.lstrip().startswith(("{", "[")) else found


def _protobuf_of(located: Located, name: str) -> PayloadSchema:
    """Text of a .proto file, or a reference to one."""
    reference = located.value.get("$ref") if isinstance(located.value, dict) else None
    documents = located.documents
    if isinstance(reference, str) and reference.endswith(".proto") and documents.folder:
        path = documents.folder / urljoin(located.uri, reference)
        if not path.is_file():
            raise ValueError(f"$ref '{reference}' points to nothing")
        return protobuf.load(path, "", likely=name)
    text = located.followed().value
    if not isinstance(text, str):
        raise ValueError("a Protobuf schema is a text, or a reference to a .proto file")
    return protobuf.inline(name, text, name)


@dataclass(frozen=True, slots=True)
class Texts:
    """A schema in JSON for payloads that are text as they are."""

    schema: JsonPayload

    def faults(self, body: bytes) -> Iterator[Fault]:
        """What is wrong with the text."""
        try:
            yield from self.schema.faults_of(self.value(body))
        except UnicodeDecodeError as error:
            yield Fault("", f"is no text in UTF-8: {error.reason}")

    def value(self, body: bytes) -> Any:
        """The text."""
        return body.decode()


@dataclass(frozen=True, slots=True)
class Headers:
    """Schemas for headers, which most brokers carry as text: a number is one, when the schema says so."""

    schemas: tuple[JsonPayload, ...]
    typed: frozenset[str] = field(default_factory=frozenset)
    """Headers that are numbers or booleans."""

    @classmethod
    def of(cls, located: tuple[Located, ...], name: str) -> Headers:
        """Compiled.

        Raises:
            Mistakes: when one is no schema.

        """
        try:
            schemas = tuple(json_schema(each, name) for each in located)
        except ValueError as error:
            raise Mistakes(Mistake((), f"headers of message '{name}': {error}")) from None
        return cls(schemas, frozenset(key for each in located for key in _typed(each)))

    def faults(self, message: Message) -> Iterator[Fault]:
        """What is wrong with the headers of a message."""
        held = dict(message.parts.get("headers") or {})
        headers = {key: _number(value) if key in self.typed else value for key, value in held.items()}
        for schema in self.schemas:
            yield from schema.faults_of(headers)


def _typed(schema: Located) -> Iterator[str]:
    properties = schema.followed().get("properties")
    for key, each in properties.items() if properties else ():
        if each.plain("type") in _UNTYPED:
            yield key


def _number(value: Any) -> Any:
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
    return found if isinstance(found, (int, float)) else value


def payload_schema(message: MessageType) -> PayloadSchema | Texts | None:
    """What judges the payload of a message; None when the document says nothing of it.

    Raises:
        Mistakes: when its schema cannot be used.

    """
    if message.payload is None:
        return None
    schema = schema_of(message.payload, message.schema_format, message.name)
    text = message.content_type.partition("/")[0].strip().lower() == "text"
    return Texts(schema) if text and isinstance(schema, JsonPayload) else schema
