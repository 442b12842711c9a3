"""The messages of topics and queues: payload, key, headers and content type of what is really there.

messages:
  residents.admitted: schemas/resident.json
  residents.discharged: {schema: schemas/discharged.json, key: "~ ^R-", headers: {tenant: oakwood}, none: fail}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from pytest_sysint.contracts._check import contract_check, slugs_of
from pytest_sysint.contracts._messages.formats import load
from pytest_sysint.contracts._messages.message import PayloadSchema
from pytest_sysint.contracts._messages.promise import Promise
from pytest_sysint.contracts._messages.registry import (
    RegistryKeys,
    reachable,
    read_registry,
    registry_schema,
    spelt_out,
    used_by,
)
from pytest_sysint.contracts._messages.sampling import HowMany, Sampled, keys_of, sample_of
from pytest_sysint.contracts._messages.subject import Registered
from pytest_sysint.core.capabilities import Samples
from pytest_sysint.core.check import Check
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.integration import Integration
from pytest_sysint.declaration.explain import Gathered, came, read_model
from pytest_sysint.declaration.model import DeclaredIntegration
from pytest_sysint.declaration.shapes import model_schema
from pytest_sysint.expectations import Expectation, compile_expectation

Type = type[Integration[Any]]


class PlaceKeys(HowMany):
    """What is promised of the messages of one place."""

    schema_: str = Field("", alias="schema", description="The file with the schema of the payloads.")
    format: Literal["json", "avro", "protobuf"] | None = Field(
        None, description="The format of the payloads; default: by the ending of the schema's file."
    )
    message: str = Field("", description="The message of a Protobuf schema, where its file has several.")
    registry: RegistryKeys | Literal[False] | None = Field(
        None, description="The schema registry that messages name their schemas at, when it is not that of all places."
    )
    subject: str = Field("", description="The registry's subject for the payloads; default: the place and `-value`.")
    tombstones: bool = Field(False, description="Whether messages without a payload are allowed.")
    key: Any = Field(None, description="What the key must satisfy; {schema: FILE} holds it against a schema.")
    headers: dict[str, Any] = Field(default_factory=dict, description="What headers must satisfy, by their names.")
    content_type: Any = Field(None, description="What the content type must satisfy.")
    expect: dict[str, Any] = Field(default_factory=dict, description="What must hold of each message besides.")


@dataclass(frozen=True, slots=True)
class Place:
    """What is promised of one place, ready to be judged."""

    name: str
    keys: PlaceKeys
    promise: Promise

    @property
    def subject(self) -> str:
        """Where the registry keeps the schema of its payloads."""
        return self.keys.subject or f"{self.name}-value"


class Messages:
    """The form `messages`."""

    options: ClassVar[dict[str, Any]] = {"registry": registry_schema()}

    def suits(self, cls: Type) -> bool:
        return issubclass(cls, Samples)

    def needs(self) -> str:
        return "a message queue whose messages can be looked at"

    def read(self, raw: Any, cls: Type, folder: Path, whole: dict[str, Any]) -> tuple[Place, ...]:
        if not isinstance(raw, Mapping) or not raw:
            raise Mistakes(Mistake((), f"expected a map of topics or queues; got {came(raw) if raw else 'nothing'}"))
        mistakes = Gathered()
        registry = mistakes.attempt(read_registry, whole)
        places = [mistakes.attempt(_read_place, str(name), raw[name], cls, folder, registry) for name in raw]
        if mistakes.failed:
            raise Mistakes(*mistakes.found)
        return tuple(place for place in places if place is not None)

    def schema(self, cls: Type) -> dict[str, Any]:
        short = {"type": "string", "description": "The file with the schema of the payloads."}
        place = {"anyOf": [short, model_schema(keys_of(PlaceKeys, cls))]}
        return {
            "type": "object",
            "description": "Topics or queues, each with what is promised of its messages.",
            "minProperties": 1,
            "additionalProperties": place,
        }

    def checks(self, value: tuple[Place, ...], declared: DeclaredIntegration) -> Iterable[Check]:
        names = [f"messages {place.name}" for place in value]
        for place, name, slug in zip(value, names, slugs_of(names), strict=True):
            yield _messages(place, declared, name, slug)
        kept = [(place, place.promise.registry) for place in value if place.promise.registry]
        names = [f"schema {place.name}" for place, _ in kept]
        for (place, registry), name, slug in zip(kept, names, slugs_of(names), strict=True):
            yield _schema(place, registry, declared, name, slug)


def _read_place(name: str, raw: Any, cls: Type, folder: Path, registry: RegistryKeys | None) -> Place:
    try:
        if isinstance(raw, str):
            raw = {"schema": raw}
        if not isinstance(raw, Mapping) or not raw:
            raise Mistakes(Mistake((), f"expected a schema's file, or a map of promises; got {came(raw)}"))
        keys = read_model(keys_of(PlaceKeys, cls), spelt_out(raw))
        return Place(name, keys, _promise(keys, folder, registry))
    except Mistakes as error:
        raise error.under(name) from None


def _promise(keys: PlaceKeys, folder: Path, registry: RegistryKeys | None) -> Promise:
    mistakes = Gathered()
    payload = key = None
    if keys.schema_:
        payload = mistakes.attempt(_load, keys.schema_, folder, keys.format or "", keys.message, "schema")
    if (file := _schema_file(keys.key)) is not None:
        key = mistakes.attempt(_load, file, folder, "", "", "key")
    expectation = mistakes.attempt(_matchers, keys)
    if mistakes.failed:
        raise Mistakes(*mistakes.found)
    chosen = registry if keys.registry is None else keys.registry or None
    if not (payload or key or expectation or chosen):
        raise Mistakes(Mistake((), "promises nothing: give a schema, registry, key, headers, content_type or expect"))
    return Promise(payload, key, expectation, keys.tombstones, chosen)


def _load(name: str, folder: Path, chosen: str, message: str, key: str) -> PayloadSchema:
    try:
        return load(name, folder, chosen, message)
    except Mistakes as error:
        raise Mistakes(*(Mistake(each.path or (key,), each.message) for each in error.mistakes)) from None


def _schema_file(key: Any) -> str | None:
    """The file of `{schema: FILE}`; None for a matcher, whose `schema` is a map."""
    return key["schema"] if isinstance(key, Mapping) and isinstance(key.get("schema"), str) else None


def _matchers(keys: PlaceKeys) -> Expectation | None:
    """The matchers as one expectation; what is wrong with them is said under the key where they stand."""
    subjects: dict[str, tuple[str, ...]] = {}
    raw: dict[str, Any] = {}
    if keys.key is not None and _schema_file(keys.key) is None:
        raw["key"], subjects["key"] = keys.key, ("key",)
    if keys.content_type is not None:
        raw["content_type"], subjects["content_type"] = keys.content_type, ("content_type",)
    for name, matcher in keys.headers.items():
        raw[f"headers.{name}"], subjects[f"headers.{name}"] = matcher, ("headers", name)
    for name, matcher in keys.expect.items():
        raw[name], subjects[name] = matcher, ("expect", name)
    if not raw:
        return None
    try:
        return compile_expectation(raw)
    except Mistakes as error:
        found = ((each.path[0], each) for each in error.mistakes)
        moved = (Mistake((*subjects.get(str(at), (at,)), *each.path[1:]), each.message) for at, each in found)
        raise Mistakes(*moved) from None


def _messages(place: Place, declared: DeclaredIntegration, name: str, slug: str) -> Check:
    keys, registry = place.keys, place.promise.registry
    operation = sample_of(place.name, keys)
    return contract_check(
        declared,
        name,
        reachable(Sampled(operation, place.promise.judge, keys.none, declared.tenant), registry, declared),
        operation.title(),
        slug=slug,
        effect=operation.effect(),
        timeout=declared.timeout + (keys.wait or 0.0),
        uses=used_by(registry, declared),
    )


def _schema(place: Place, registry: RegistryKeys, declared: DeclaredIntegration, name: str, slug: str) -> Check:
    run = Registered(registry, place.subject, place.promise.payload, declared.tenant)
    return contract_check(
        declared,
        name,
        reachable(run, registry, declared),
        f"subject {place.subject} of the schema registry",
        slug=slug,
        uses=used_by(registry, declared),
    )


FORM = Messages()
