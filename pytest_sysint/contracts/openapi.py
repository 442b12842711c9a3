"""An OpenAPI document, held against the API: requests are made from it by schemathesis, and each answer is judged.

contract:
  openapi: contracts/care-api.yaml        # or a url, or a path of the API such as /openapi.json
  examples: 25
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pytest_sysint.contracts._check import contract_check
from pytest_sysint.contracts._generated.document import Document, parameter_names, source_of
from pytest_sysint.contracts._generated.loading import running
from pytest_sysint.contracts._generated.options import (
    OpenApiOptions,
    conformance_names,
    options_schema,
    read_options,
    require_library,
)
from pytest_sysint.contracts._generated.source import Source
from pytest_sysint.contracts._generated.turns import WAITING, own_turn
from pytest_sysint.core.capabilities import Requestable
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
_OF_LINKS = 6
_GROUPS: tuple[tuple[str, Effect], ...] = (("reads", "read"), ("writes", "write"), ("deletes", "destructive"))


@dataclass(frozen=True, slots=True)
class OpenApi:
    """The validated value of `openapi:` and of the keys beside it."""

    source: Source[Document]
    options: OpenApiOptions


class OpenApiForm:
    """The key `openapi`."""

    options: ClassVar[dict[str, Any]] = options_schema(OpenApiOptions)

    def suits(self, cls: Type) -> bool:
        return issubclass(cls, Requestable)

    def needs(self) -> str:
        return "an HTTP API"

    def read(self, raw: Any, cls: Type, folder: Path, whole: dict[str, Any]) -> OpenApi:
        if isinstance(raw, Unset):
            raise Mistakes
        if not isinstance(raw, str) or not raw:
            said = "expected the path of an OpenAPI document, a url, or a path of the API such as /openapi.json"
            raise Mistakes(Mistake((), f"{said}; got {came(raw)}"))
        require_library("openapi")
        options = read_options(OpenApiOptions, whole, conformance_names)
        source = source_of(raw, folder, _load)
        if source.document is not None:
            _refuse_unused(options, source.document)
        return OpenApi(source, options)

    def schema(self, cls: Type) -> dict[str, Any]:
        return {
            "type": "string",
            "minLength": 1,
            "description": "An OpenAPI document (2.0, 3.0, 3.1): a file, a url, or a path of the API.",
        }

    def checks(self, value: OpenApi, declared: DeclaredIntegration) -> Iterable[Check]:
        if value.source.document is None:
            yield from _by_effect(value, declared)
        else:
            yield from _by_operation(value, declared, value.source.document)
        if value.options.links:
            title = "operations one after the other, along the links of the document"
            yield _extra(value, declared, "links", title, _gravest(value))
        if _holds(value.options, "unsupported_method"):
            yield _extra(value, declared, "methods", "methods that the document does not name", "destructive")


def _load(document: Document) -> Any:
    return running("openapi").load(document)


def _refuse_unused(options: OpenApiOptions, document: Document) -> None:
    """Say of each pattern, and of each parameter, that it fits nothing."""
    known = [each.names for each in document.operations]
    labels = [each.label for each in document.operations]
    mistakes = [
        Mistake(("operations", where), f"'{pattern}' fits no operation of the document{suggest(pattern, labels)}")
        for where, pattern in options.operations.unused(known)
    ]
    names = parameter_names(document.raw)
    mistakes += [
        Mistake(("parameters", name), f"no operation of the document has a parameter '{name}'{suggest(name, names)}")
        for name in options.parameters
        if names is not None and name not in names
    ]
    if not mistakes and not any(options.operations.takes(names) for names in known):
        mistakes = [Mistake(("operations",), "no operation of the document is left to be tested")]
    if mistakes:
        raise Mistakes(*mistakes)


def _holds(options: OpenApiOptions, name: str) -> bool:
    return name in options.chosen((name,)) if not isinstance(options.conformance, list) else name in options.conformance


def _by_operation(value: OpenApi, declared: DeclaredIntegration, document: Document) -> Iterator[Check]:
    taken: dict[str, int] = {}
    for each in document.operations:
        slug = slug_of(f"openapi {each.label}")
        taken[slug] = taken.get(slug, 0) + 1
        if value.options.operations.takes(each.names):
            yield contract_check(
                declared,
                f"openapi {each.label}",
                _running(value, declared, "one", _OF_ONE, each.label),
                f"{each.label}, {value.options.examples} requests made from the document",
                slug=slug if taken[slug] == 1 else f"{slug}-{taken[slug]}",
                effect=each.effect,
                conversations=_OF_ONE,
                takes=WAITING,
            )


def _by_effect(value: OpenApi, declared: DeclaredIntegration) -> Iterator[Check]:
    for name, effect in _GROUPS:
        yield contract_check(
            declared,
            f"openapi {name}",
            _running(value, declared, "all", _OF_ALL, effect),
            f"each operation of {value.source.where} that {name}, {value.options.examples} requests",
            effect=effect,
            conversations=_OF_ALL,
            takes=WAITING,
        )


def _extra(value: OpenApi, declared: DeclaredIntegration, name: str, title: str, effect: Effect) -> Check:
    return contract_check(
        declared,
        f"openapi {name}",
        _running(value, declared, name, _OF_LINKS),
        title,
        effect=effect,
        conversations=_OF_LINKS,
        takes=WAITING,
    )


def _gravest(value: OpenApi) -> Effect:
    """The gravest effect of the chosen operations; of a document that is not known yet, the gravest of all."""
    if value.source.document is None:
        return "destructive"
    effects = {each.effect for each in value.source.document.operations if value.options.operations.takes(each.names)}
    return "destructive" if "destructive" in effects else "write" if "write" in effects else "read"


def _running(
    value: OpenApi, declared: DeclaredIntegration, method: str, conversations: int, *arguments: str
) -> Callable[[Context], Outcome]:
    """What runs; the library is imported when it does."""

    def run(context: Context) -> Outcome:
        with own_turn():
            examination = running("openapi").EXAMINATION(value.source, value.options, declared.tenant, conversations)
            outcome: Outcome = getattr(examination, method)(*arguments, context)
            return outcome

    return run


FORM = OpenApiForm()
