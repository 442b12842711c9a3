"""A GraphQL schema, held against the endpoint: what it tells of itself is compared, and documents are made from it.

contract:
  graphql: contracts/care.graphql     # or a url, or `introspection` for the endpoint's own
  examples: 25
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, ClassVar

from pytest_sysint.contracts._form import Type
from pytest_sysint.contracts._generated.form import OF_ALL, DocumentForm, Examinable
from pytest_sysint.contracts._generated.options import Options, graphql_names, options_schema
from pytest_sysint.contracts._generated.sdl import LIVE, Schema, source_of
from pytest_sysint.contracts._generated.source import Source
from pytest_sysint.core.capabilities import Executes
from pytest_sysint.core.check import Check
from pytest_sysint.core.records import Effect
from pytest_sysint.declaration.model import DeclaredIntegration

_GROUPS: tuple[tuple[str, Effect], ...] = (("queries", "read"), ("mutations", "write"))


class GraphqlForm(DocumentForm[Schema, Options]):
    """The key `graphql`."""

    name = "graphql"
    document = "schema"
    expected = f"the path of a GraphQL schema, a url, or '{LIVE}'"
    asks = "documents made from the schema"
    model = Options
    options: ClassVar[dict[str, Any]] = options_schema(Options)

    def suits(self, cls: Type) -> bool:
        return issubclass(cls, Executes)

    def needs(self) -> str:
        return "a GraphQL API"

    def schema(self, cls: Type) -> dict[str, Any]:
        return {
            "type": "string",
            "minLength": 1,
            "description": f"A GraphQL schema: a file, a url, or `{LIVE}` for what the endpoint tells of itself.",
        }

    def checks(self, value: Examinable[Schema, Options], declared: DeclaredIntegration) -> Iterable[Check]:
        if value.source.where != LIVE:
            title = f"what the endpoint tells of itself, beside {value.source.where}"
            yield self.check(value, declared, "schema", title, "read", "compare")
        if value.source.document is not None:
            yield from self.by_operation(value, declared, value.source.document)
        else:
            for name, effect in _GROUPS:
                title = f"each of the {name}, {value.options.examples} documents"
                yield self.check(value, declared, name, title, effect, "all", effect, conversations=OF_ALL)

    def source(self, raw: str, folder: Path) -> Source[Schema]:
        return source_of(raw, folder, self.load)

    def conformance(self) -> Collection[str]:
        return graphql_names()


FORM = GraphqlForm()
