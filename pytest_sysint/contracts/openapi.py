"""An OpenAPI document, held against the API: requests are made from it by schemathesis, and each answer is judged.

contract:
  openapi: contracts/care-api.yaml        # or a url, or a path of the API such as /openapi.json
  examples: 25
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, ClassVar

from pytest_sysint.contracts._form import Type
from pytest_sysint.contracts._generated.document import Document, parameter_names, source_of
from pytest_sysint.contracts._generated.form import OF_ALL, DocumentForm, Examinable
from pytest_sysint.contracts._generated.options import OpenApiOptions, conformance_names, options_schema
from pytest_sysint.contracts._generated.source import Source
from pytest_sysint.core.capabilities import Requestable
from pytest_sysint.core.check import Check
from pytest_sysint.core.errors import Mistake
from pytest_sysint.core.records import EFFECTS, Effect
from pytest_sysint.declaration.model import DeclaredIntegration
from pytest_sysint.declaration.words import suggest

_OF_LINKS = 6
_GROUPS: tuple[tuple[str, Effect], ...] = (("reads", "read"), ("writes", "write"), ("deletes", "destructive"))


class OpenApiForm(DocumentForm[Document, OpenApiOptions]):
    """The key `openapi`."""

    name = "openapi"
    document = "document"
    expected = "the path of an OpenAPI document, a url, or a path of the API such as /openapi.json"
    asks = "requests made from the document"
    model = OpenApiOptions
    options: ClassVar[dict[str, Any]] = options_schema(OpenApiOptions)

    def suits(self, cls: Type) -> bool:
        return issubclass(cls, Requestable)

    def needs(self) -> str:
        return "an HTTP API"

    def schema(self, cls: Type) -> dict[str, Any]:
        return {
            "type": "string",
            "minLength": 1,
            "description": "An OpenAPI document (2.0, 3.0, 3.1): a file, a url, or a path of the API.",
        }

    def checks(self, value: Examinable[Document, OpenApiOptions], declared: DeclaredIntegration) -> Iterable[Check]:
        if value.source.document is not None:
            yield from self.by_operation(value, declared, value.source.document)
        else:
            for name, effect in _GROUPS:
                title = f"each operation of {value.source.where} that {name}, {value.options.examples} requests"
                yield self.check(value, declared, name, title, effect, "all", effect, conversations=OF_ALL)
        if value.options.links:
            title, effect = "operations one after the other, along the links of the document", _gravest(value)
            yield self.check(value, declared, "links", title, effect, "links", conversations=_OF_LINKS)
        if "unsupported_method" in value.options.chosen(("unsupported_method",)):
            title = "methods that the document does not name"
            yield self.check(value, declared, "methods", title, "destructive", "methods", conversations=_OF_LINKS)

    def source(self, raw: str, folder: Path) -> Source[Document]:
        return source_of(raw, folder, self.load)

    def conformance(self) -> Collection[str]:
        return conformance_names()

    def unused(self, options: OpenApiOptions, document: Document) -> list[Mistake]:
        """Say of each parameter that it fits nothing, and that no operation is left when none is."""
        names = parameter_names(document.raw)
        mistakes = [
            Mistake(
                ("parameters", name), f"no operation of the document has a parameter '{name}'{suggest(name, names)}"
            )
            for name in options.parameters
            if names is not None and name not in names
        ]
        if not any(options.operations.takes(each.names) for each in document.operations):
            mistakes.append(Mistake(("operations",), "no operation of the document is left to be tested"))
        return mistakes


def _gravest(value: Examinable[Document, OpenApiOptions]) -> Effect:
    """The gravest effect of the chosen operations; of a document that is not known yet, the gravest of all."""
    if value.source.document is None:
        return "destructive"
    chosen = (each for each in value.source.document.operations if value.options.operations.takes(each.names))
    return max((each.effect for each in chosen), key=EFFECTS.index)


FORM = OpenApiForm()
