"""Contract: does the other side still keep what it promised?

The `contract:` key is a map. Each of its keys is a form of contract (`pytest_sysint/contracts/<key>.py`), or a section
of what the type can tell of itself (`tables`, `topics`, `queues`, ...).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pytest_sysint.contracts import _structure
from pytest_sysint.core.check import Check
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.integration import Integration
from pytest_sysint.core.registry import contract_forms
from pytest_sysint.declaration.explain import Gathered, came
from pytest_sysint.declaration.model import DeclaredIntegration
from pytest_sysint.declaration.words import suggest

Type = type[Integration[Any]]


@dataclass(frozen=True, slots=True)
class ContractChecks:
    """The validated value of a `contract:` key."""

    forms: Mapping[str, Any] = field(default_factory=dict)
    """Form -> what it read."""
    structure: Any = None
    """What the type's own sections must hold; None when nothing is declared of them."""


class Contract:
    """The kind `contract`."""

    name = "contract"
    order = 10
    alone = False

    def read(self, raw: Any, cls: Type, folder: Path) -> ContractChecks:
        """Read the `contract:` key of an integration of that type.

        Raises:
            Mistakes: everything that is wrong with it.

        """
        if not isinstance(raw, Mapping) or not raw:
            raise Mistakes(Mistake((), f"expected a map of contracts; got {came(raw) if raw else 'nothing in it'}"))
        forms, sections = _forms_of(cls), _structure.sections_of(cls)
        mistakes = Gathered()
        for key in raw:
            if key not in forms and key not in sections and key not in _options(forms):
                mistakes.keep(_misplaced(str(key), cls, [*forms, *sections, *_options(forms)]))
        mistakes.keep(*_ownerless(raw, forms))
        read = {}
        for key, form in forms.items():
            if key in raw:
                read[key] = mistakes.attempt(
                    _read_under, key, form, partial(form.read, raw[key], cls, folder, dict(raw))
                )
        own = {key: raw[key] for key in raw if key in sections}
        structure = mistakes.attempt(_structure.read, own, cls) if own else None
        if mistakes.failed:
            raise Mistakes(*mistakes.found)
        return ContractChecks(read, structure)

    def schema(self, cls: Type) -> dict[str, Any]:
        """The JSON Schema of the `contract:` key for that type."""
        forms = _forms_of(cls)
        properties = {key: form.schema(cls) for key, form in forms.items()}
        return {
            "description": "What is promised, and must still be kept.",
            "type": "object",
            "minProperties": 1,
            "properties": {**properties, **_options(forms), **_structure.schema(cls)},
            "additionalProperties": False,
        }

    def checks(self, declared: DeclaredIntegration) -> Iterable[Check]:
        """The checks of each form in turn, then those of the type's own sections."""
        contract = declared.kinds.get(self.name)
        return self._checks(contract, declared) if contract else ()

    def _checks(self, contract: ContractChecks, declared: DeclaredIntegration) -> Iterator[Check]:
        for key, value in contract.forms.items():
            yield from contract_forms().get(key).checks(value, declared)
        if contract.structure is not None:
            yield from _structure.checks(contract.structure, declared)


def _forms_of(cls: Type) -> dict[str, Any]:
    forms = {name: contract_forms().get(name) for name in contract_forms().names()}
    return {name: form for name, form in forms.items() if form.suits(cls)}


def _options(forms: Mapping[str, Any]) -> dict[str, Any]:
    """Keys that belong to a form and stand beside it, with their schemas: `examples: 25` beside `openapi`."""
    return {key: schema for form in forms.values() for key, schema in getattr(form, "options", {}).items()}


def _misplaced(key: str, cls: Type, allowed: list[str]) -> Mistake:
    if key in contract_forms():
        return Mistake((key,), f"'{key}' is a contract of {contract_forms().get(key).needs()}, which this type is not")
    if not allowed:
        return Mistake((key,), f"type {cls.__name__} has no contracts yet")
    return Mistake((key,), f"unknown contract{suggest(key, allowed)}")


def _ownerless(raw: Mapping[str, Any], forms: Mapping[str, Any]) -> Iterator[Mistake]:
    """What is said of keys that stand beside a form which is not there: they would have no effect."""
    for key in raw:
        owners = [name for name, form in forms.items() if key in getattr(form, "options", {})]
        if owners and not any(name in raw for name in owners):
            yield Mistake((key,), f"'{key}' belongs to {' or '.join(map(repr, owners))}, which is not here")


def _read_under(key: str, form: Any, read: Any) -> Any:
    """What a form reads; its mistakes stand under its key, or at the keys beside it that are its own."""
    try:
        return read()
    except Mistakes as error:
        beside = getattr(form, "options", {})
        raise Mistakes(
            *(
                found if found.path and found.path[0] in beside else Mistake((key, *found.path), found.message)
                for found in error.mistakes
            )
        ) from None


KIND = Contract()
