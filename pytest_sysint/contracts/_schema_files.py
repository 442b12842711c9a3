"""`schema: resident.json`: the body fits a JSON Schema that stands in a file, with `$ref` to files beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote, urljoin, urlsplit

import yaml

from pytest_sysint.contracts._words import Subject
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.integration import Observation, clip
from pytest_sysint.core.records import Assertion
from pytest_sysint.declaration.documents import find_document
from pytest_sysint.declaration.explain import came
from pytest_sysint.expectations.jsonschemas import compile_schema
from pytest_sysint.expectations.values import json_values, plain

if TYPE_CHECKING:
    from jsonschema.protocols import Validator
    from referencing import Registry

_MOST = 5
"""How many violations are told of one body."""
_ROOM = 300


@dataclass(frozen=True, slots=True)
class FitsSchema:
    """Judges a payload by a JSON Schema."""

    name: str
    validator: Validator

    def judge(self, observation: Observation, tenant: str) -> tuple[Assertion, ...]:
        """One assertion, with the first violations and where they are."""
        value = json_values(observation.payload)
        violations = list(islice(self.validator.iter_errors(value), _MOST + 1))
        told = [f"{each.json_path}: {clip(each.message, _ROOM)}" for each in violations[:_MOST]]
        more = "; and more" if len(violations) > _MOST else ""
        said = f"the body does not fit {self.name}: {'; '.join(told)}{more}"
        return (
            Assertion(
                name="schema",
                status="failed" if told else "passed",
                message=said if told else f"the body fits {self.name}",
                expected=f"a body that fits {self.name}",
                actual=plain(value) if told else None,
                tenant_id=tenant,
            ),
        )


class SchemaWord:
    """The word `schema`."""

    schema: ClassVar[Mapping[str, Any]] = {
        "type": "string",
        "description": "A file with the JSON Schema (JSON or YAML) of the body; `file#/pointer` for a part of it.",
    }
    http: ClassVar[bool] = False
    default_expect: ClassVar[Mapping[str, Any] | None] = None

    def read(self, value: Any, subject: Subject) -> FitsSchema:
        """Raises Mistakes when the file, or one that it refers to, is not there or no schema."""
        if not isinstance(value, str) or not value:
            raise Mistakes(Mistake((), f"expected the name of a JSON Schema file, got {came(value)}"))
        name, _, pointer = value.partition("#")
        try:
            return FitsSchema(value, _compile(find_document(name, subject.folder), pointer))
        except ValueError as error:
            raise Mistakes(Mistake((), str(error))) from None


def _compile(path: Path, pointer: str) -> Validator:
    document = _read(path)
    specification = specification_of(document, path.name)
    registry = _documents(path, document, specification)
    draft = {"$schema": document["$schema"]} if "$schema" in document else {}
    schema = {**draft, "$ref": f"{path.name}#{pointer}"} if pointer else document
    follow(schema, registry, specification)
    return compile_schema(schema, registry)


def specification_of(document: Any, name: str) -> Any:
    """The draft that a schema names, for the library `referencing`; 2020-12 when it names none.

    Raises:
        ValueError: when it is not known.

    """
    from referencing.jsonschema import DRAFT202012, UnknownDialect, specification_with

    if not isinstance(document, Mapping) or "$schema" not in document:
        return DRAFT202012
    try:
        return specification_with(str(document["$schema"]))
    except UnknownDialect:
        raise ValueError(f"'{name}' is of a draft that is not known here: {document['$schema']}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(f"'{path.name}' cannot be read as JSON or YAML: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"'{path.name}' holds no schema: it is not a map")
    return found


def _documents(path: Path, root: Mapping[str, Any], specification: Any) -> Registry[Any]:
    """The files beside the schema, each read when it is first referred to."""
    from referencing import Registry, Resource
    from referencing.exceptions import NoSuchResource

    base = urljoin(str(root.get("$id", root.get("id", ""))), ".")

    @cache
    def retrieve(uri: str) -> Resource[Any]:
        # Without `$id` references are relative; with one, its folder on the web is the folder of the file.
        within = uri.removeprefix(base) if base and uri.startswith(base) else uri
        if urlsplit(within).scheme or not (found := path.parent / unquote(within)).is_file():
            raise NoSuchResource(uri)
        return Resource.from_contents(_read(found), default_specification=specification)

    made: Any = Registry
    registry: Registry[Any] = made(retrieve=retrieve)
    return registry


def follow(schema: Any, registry: Registry[Any], specification: Any) -> None:
    """Go every way that the schema refers to, so that none ends nowhere while something is judged.

    Raises:
        ValueError: for the first that does, or that leads to no schema.

    """
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for
    from referencing import Resource
    from referencing.exceptions import Unresolvable

    kind: Any = validator_for(schema, default=Draft202012Validator)
    root: Resource[Any] = specification.create_resource(schema)
    resolver = registry.with_resource(root.id() or "", root).crawl().resolver(root.id() or "")
    seen: set[int] = set()
    waiting = [(root, resolver)]
    while waiting:
        resource, resolver = waiting.pop()
        held = resource.contents if isinstance(resource.contents, Mapping) else {}
        for reference in [held[key] for key in ("$ref", "$dynamicRef") if isinstance(held.get(key), str)]:
            try:
                found = resolver.lookup(reference)
            except Unresolvable:
                raise ValueError(f"$ref '{reference}' leads to no file beside it, and nothing is fetched") from None
            if id(found.contents) not in seen:
                seen.add(id(found.contents))
                _check(kind, found.contents, reference)
                next_one = Resource.from_contents(found.contents, default_specification=specification)
                waiting.append((next_one, found.resolver))
        waiting += [(sub, resolver.in_subresource(sub)) for sub in resource.subresources()]


def _check(kind: Any, schema: Any, reference: str) -> None:
    from jsonschema.exceptions import SchemaError

    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"$ref '{reference}' leads to no valid JSON Schema: {error.message}") from None
