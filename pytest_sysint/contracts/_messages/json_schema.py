"""Payloads in JSON, held against a JSON Schema of any draft."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit

from pytest_sysint.contracts._messages.documents import parse, read_document
from pytest_sysint.contracts._messages.message import Fault, PayloadSchema
from pytest_sysint.contracts._schema_files import follow, specification_of
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.expectations.jsonschemas import compile_schema

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator
    from referencing import Registry

SUFFIXES = (".json", ".yaml", ".yml")
_ROOM = 240


@dataclass(frozen=True, slots=True)
class JsonPayload:
    """A schema of payloads that are JSON."""

    name: str
    validator: Validator = field(repr=False)
    text: str = field(repr=False)
    kind: str = "JSON"

    def faults(self, body: bytes) -> Iterator[Fault]:
        """What of the payload does not fit, each with its path; or that it is not JSON at all."""
        try:
            value = self.value(body)
        except UnicodeDecodeError as error:
            yield Fault("", f"is not JSON: byte {error.start} ({body[error.start]:#04x}) is no UTF-8")
            return
        except (ValueError, RecursionError) as error:
            yield Fault("", f"is not JSON: {error}")
            return
        yield from self.faults_of(value)

    def faults_of(self, value: Any) -> Iterator[Fault]:
        """The same for a value that was read already."""
        from jsonschema.exceptions import best_match

        try:
            for error in self.validator.iter_errors(value):
                yield _fault(best_match([error]) or error)
        except RecursionError:
            yield Fault("", "is nested too deep to be judged")

    def value(self, body: bytes) -> Any:
        """The value of the text; ValueError when it is not JSON."""
        return json.loads(body.decode(), parse_constant=_no_number)

    def unframed(self, body: bytes) -> tuple[PayloadSchema, bytes]:
        """JSON follows the schema's id as it is."""
        return self, body

    def reading(self, writer: PayloadSchema) -> Self:
        """A payload in JSON says itself what it holds."""
        return self


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def _fault(error: ValidationError) -> Fault:
    said = error.message
    return Fault(error.json_path, said if len(said) <= _ROOM else f"{said[:_ROOM]}...")


def load(path: Path, message: str = "") -> JsonPayload:
    """The schema in a file, with the files beside it that it refers to.

    Raises:
        Mistakes: when it is none.

    """
    if message:
        raise Mistakes(Mistake(("message",), "only a Protobuf schema has several messages to choose from"))
    document = read_document(path)
    try:
        validator = compiled(document, Folder(path.parent, document), path.name)
    except ValueError as error:
        raise Mistakes(Mistake((), f"'{path.name}': {error}")) from None
    return JsonPayload(path.name, validator, json.dumps(document))


def registered(name: str, text: str, references: Mapping[str, str]) -> JsonPayload:
    """A schema as a registry keeps it. `references` are the schemas that it names, by name.

    Raises:
        ValueError: when it is none.

    """
    document = parse(text)
    found = {key: parse(each) for key, each in references.items()}
    return JsonPayload(name, compiled(document, Folder(None, document, found), name), text)


def compiled(document: Any, others: Folder, name: str) -> Validator:
    """A validator for a document whose references lead into itself, or to the others.

    Raises:
        ValueError: when it, or one of those, is no schema, or a reference leads nowhere.

    """
    if not isinstance(document, (Mapping, bool)):
        raise ValueError("a JSON Schema is a map")
    specification = specification_of(document, name)
    registry = others.registry(specification)
    follow(document, registry, specification)
    schema: Any = document
    return compile_schema(schema, registry)


class Folder:
    """Where references of a document lead: files beside it, and what it was given. Nothing is fetched."""

    def __init__(self, folder: Path | None, root: Any, given: Mapping[str, Any] | None = None) -> None:
        self._met: dict[str, Any] = {}
        self._folder = folder
        own = str(root.get("$id", root.get("id", ""))) if isinstance(root, Mapping) else ""
        self._base = own.rpartition("/")[0] + "/" if "/" in own else ""
        self._given = given or {}

    def registry(self, specification: Any) -> Registry[Any]:
        """For the library that follows references. Documents are of that draft, unless they say otherwise."""
        from referencing import Registry, Resource
        from referencing.exceptions import NoSuchResource

        def retrieve(uri: str) -> Resource[Any]:
            found = self.find(uri)
            if found is None:
                raise NoSuchResource(uri)
            return Resource.from_contents(found, default_specification=specification)

        make: Any = Registry  # its types do not tell how it is made
        registry: Registry[Any] = make(retrieve=retrieve)
        return registry

    def find(self, uri: str) -> Any:
        """The document of that uri; None when there is none."""
        if uri not in self._met and (found := self._look_for(uri)) is not None:
            self._met[uri] = found
        return self._met.get(uri)

    def _look_for(self, uri: str) -> Any:
        name = uri.removeprefix(self._base) if self._base else uri
        for key in (uri, name):
            if key in self._given:
                return self._given[key]
        if self._folder is None or urlsplit(name).scheme:
            return None
        path = self._folder / unquote(name)
        return read_document(path) if path.is_file() else None
