"""GraphQL schemas: a file in the schema language, or what an endpoint tells of itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_sysint.contracts._fetched import is_url
from pytest_sysint.contracts._generated.source import Listed, Source, fetched_text
from pytest_sysint.core.check import Context
from pytest_sysint.core.errors import Mistake, Mistakes, Rejected
from pytest_sysint.core.integration import Observation, Operation
from pytest_sysint.core.records import Effect
from pytest_sysint.core.secrets import learn_url, redact
from pytest_sysint.declaration.documents import find_document

LIVE = "introspection"
"""The word for the schema that the endpoint tells of itself."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema that was read."""

    told: Any
    """As an introspection query is answered: a map with `__schema`."""
    operations: tuple[Listed, ...] = field(default=())


class Introspected(Operation):
    """The question what the endpoint tells of itself. Its answer, a map with `__schema`, is the payload."""

    introspected: str = LIVE
    """What is asked for."""

    def perform(self, integration: Any, timeout: float) -> Observation:
        return Observation(integration.introspect(timeout))


def source_of(where: str, folder: Path, make: Callable[[Schema], Any]) -> Source[Schema]:
    """A schema by a path beside the declaration, a url, or `introspection`.

    Raises:
        Mistakes: when the file is not there, or holds no schema.

    """
    learn_url(where)
    if where == LIVE:
        return Source(where, None, live_schema, make)
    if is_url(where):
        return Source(where, None, lambda context: _fetch(context, where), make)
    path = find_document(where, folder)
    try:
        return Source(where, read(path.read_text("utf-8-sig")), live_schema, make)
    except (OSError, ValueError) as error:
        raise Mistakes(Mistake((), f"'{path.name}' {error}")) from None


def read(text: str) -> Schema:
    """A schema in the schema language, or as an introspection query was answered.

    Raises:
        ValueError: when it is neither, with the end of a sentence that says why.

    """
    import graphql

    try:
        told = json.loads(text)
        told = told.get("data", told)
        schema = graphql.build_client_schema(told)
    except (ValueError, AttributeError, TypeError, LookupError, graphql.GraphQLError):
        schema, told = _built(text), None
    operations = tuple(_operations(schema))
    return Schema(told or graphql.introspection_from_schema(schema, descriptions=False), operations)


def live_schema(context: Context) -> Schema:
    """What the endpoint tells of itself.

    Raises:
        CallError: when it does not tell.

    """
    import graphql

    told: Any = context.perform(Introspected()).payload
    try:
        return Schema(told, tuple(_operations(graphql.build_client_schema(told))))
    except (TypeError, ValueError, LookupError, graphql.GraphQLError) as error:
        raise Rejected(f"what the endpoint tells is no schema: {error}") from None


def _fetch(context: Context, where: str) -> Schema:
    try:
        return read(fetched_text(context, where))
    except ValueError as error:
        raise Rejected(f"the schema {redact(where)} {error}") from None


def _built(text: str) -> Any:
    import graphql

    try:
        schema = graphql.build_schema(text)
        if schema.query_type is not None:
            graphql.assert_valid_schema(schema)
    except graphql.GraphQLSyntaxError as error:
        line, column = error.locations[0] if error.locations else (1, 1)
        raise ValueError(f"is not a GraphQL schema: {error.message} (line {line}, column {column})") from None
    except (TypeError, graphql.GraphQLError) as error:
        raise ValueError(f"is not a GraphQL schema: {' '.join(str(error).split())}") from None
    return schema


def _operations(schema: Any) -> list[Listed]:
    kinds: tuple[tuple[Effect, Any], ...] = (("read", schema.query_type), ("write", schema.mutation_type))
    found = []
    for effect, kind in kinds:
        for name in kind.fields if kind is not None else ():
            label = f"{kind.name}.{name}"
            found.append(Listed(label, effect, (label, name)))
    if not found:
        raise ValueError("has neither queries nor mutations")
    return found
