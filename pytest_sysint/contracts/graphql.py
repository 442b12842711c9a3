"""A GraphQL schema, held against the endpoint: what it tells of itself is compared, and documents are made from it.

contract:
  graphql: contracts/care.graphql     # or a url, or `introspection` for the endpoint's own
  examples: 25
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pytest_sysint.contracts._check import contract_check
from pytest_sysint.contracts._generated.loading import running
from pytest_sysint.contracts._generated.options import (
    Options,
    graphql_names,
    options_schema,
    read_options,
    require_library,
)
from pytest_sysint.contracts._generated.sdl import LIVE, Schema, source_of
from pytest_sysint.contracts._generated.source import Source
from pytest_sysint.contracts._generated.turns import WAITING, own_turn
from pytest_sysint.core.capabilities import Executes
from pytest_sysint.core.check import Check, Context, Outcome
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.integration import Integration
from pytest_sysint.core.records import Effect
from pytest_sysint.declaration.checks import slug_of
from pytest_sysint.declaration.explain import came
from pytest_sysint.declaration.model import DeclaredIntegration
from pytest_sysint.declaration.references import Unset
from pytest_sysint.declaration.words import suggest

Type = type[Integration[Any]]

_OF_ONE = 3
_OF_ALL = 12
_GROUPS: tuple[tuple[str, Effect], ...] = (("queries", "read"), ("mutations", "write"))


@dataclass(frozen=True, slots=True)
class Graphql:
    """The validated value of `graphql:` and of the keys beside it."""

    source: Source[Schema]
    options: Options


class GraphqlForm:
    """The key `graphql`."""

    options: ClassVar[dict[str, Any]] = options_schema(Options)

    def suits(self, cls: Type) -> bool:
        return issubclass(cls, Executes)

    def needs(self) -> str:
        return "a GraphQL API"

    def read(self, raw: Any, cls: Type, folder: Path, whole: dict[str, Any]) -> Graphql:
        if isinstance(raw, Unset):
            raise Mistakes
        if not isinstance(raw, str) or not raw:
            said = f"expected the path of a GraphQL schema, a url, or '{LIVE}'; got {came(raw)}"
            raise Mistakes(Mistake((), said))
        require_library("graphql")
        options = read_options(Options, whole, graphql_names)
        source = source_of(raw, folder, _load)
        if source.document is not None:
            _refuse_unused(options, source.document)
        return Graphql(source, options)

    def schema(self, cls: Type) -> dict[str, Any]:
        return {
            "type": "string",
            "minLength": 1,
            "description": f"A GraphQL schema: a file, a url, or `{LIVE}` for what the endpoint tells of itself.",
        }

    def checks(self, value: Graphql, declared: DeclaredIntegration) -> Iterable[Check]:
        if value.source.where != LIVE:
            title = f"what the endpoint tells of itself, beside {value.source.where}"
            yield _check(value, declared, "schema", title, "read", "compare", _OF_ONE)
        if value.source.document is None:
            for name, effect in _GROUPS:
                title = f"each of the {name}, {value.options.examples} documents"
                yield _check(value, declared, name, title, effect, "all", _OF_ALL, effect)
        else:
            yield from _by_field(value, declared, value.source.document)


def _load(document: Schema) -> Any:
    return running("graphql").load(document)


def _refuse_unused(options: Options, schema: Schema) -> None:
    labels = [each.label for each in schema.operations]
    mistakes = [
        Mistake(("operations", where), f"'{pattern}' fits no operation of the schema{suggest(pattern, labels)}")
        for where, pattern in options.operations.unused(each.names for each in schema.operations)
    ]
    if mistakes:
        raise Mistakes(*mistakes)


def _by_field(value: Graphql, declared: DeclaredIntegration, schema: Schema) -> Iterator[Check]:
    taken: dict[str, int] = {}
    for each in schema.operations:
        slug = slug_of(f"graphql {each.label}")
        taken[slug] = taken.get(slug, 0) + 1
        if value.options.operations.takes(each.names):
            title = f"{each.label}, {value.options.examples} documents made from the schema"
            unique = slug if taken[slug] == 1 else f"{slug}-{taken[slug]}"
            yield _check(value, declared, each.label, title, each.effect, "one", _OF_ONE, each.label, slug=unique)


def _check(
    value: Graphql,
    declared: DeclaredIntegration,
    name: str,
    title: str,
    effect: Effect,
    method: str,
    conversations: int,
    *arguments: str,
    **more: Any,
) -> Check:
    run = _running(value, declared, method, conversations, *arguments)
    return contract_check(
        declared, f"graphql {name}", run, title, effect=effect, conversations=conversations, takes=WAITING, **more
    )


def _running(
    value: Graphql, declared: DeclaredIntegration, method: str, conversations: int, *arguments: str
) -> Callable[[Context], Outcome]:
    """What runs; the library is imported when it does."""

    def run(context: Context) -> Outcome:
        with own_turn():
            examination = running("graphql").EXAMINATION(value.source, value.options, declared.tenant, conversations)
            outcome: Outcome = getattr(examination, method)(*arguments, context)
            return outcome

    return run


FORM = GraphqlForm()
