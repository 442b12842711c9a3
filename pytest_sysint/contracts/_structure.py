"""The sections that a type tells of itself, held against what is declared of them.

contract:
  tables:
    residents:
      columns: {id: uuid, nhs_number: {type: text, nullable: false, unique: true}}
    residents_old: {absent: true}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_sysint.checks._causes import cause_of_error
from pytest_sysint.checks._operation import holds, reproduce
from pytest_sysint.contracts._check import contract_check, slugs_of
from pytest_sysint.contracts._describe import Describe, Look
from pytest_sysint.contracts._judge import judge_item
from pytest_sysint.contracts._promises import Promise, Shape, read_named, schema_of
from pytest_sysint.core.check import Check, Context, Outcome
from pytest_sysint.core.description import Section
from pytest_sysint.core.errors import CallError, Mistakes
from pytest_sysint.core.integration import Integration, Observation
from pytest_sysint.core.secrets import redact
from pytest_sysint.declaration.explain import Gathered
from pytest_sysint.declaration.model import DeclaredIntegration

Type = type[Integration[Any]]

_CAUSE = "it was changed there without this contract, or a change that this contract knows has not been deployed there"


@dataclass(frozen=True, slots=True)
class Structure:
    """What is declared of the sections: section -> item -> what is promised of it."""

    promises: Mapping[str, Mapping[str, Promise]]


def sections_of(cls: Type) -> dict[str, Section]:
    """The sections that a type can describe, by their keys."""
    return {section.name: section for section in getattr(cls, "sections", ())}


def read(raw: Mapping[str, Any], cls: Type) -> Structure:
    """Read the sections that are declared.

    Raises:
        Mistakes: everything that is wrong with them.

    """
    mistakes = Gathered()
    promises = {
        name: read_named(raw[name], Shape(section.item), (name,), mistakes)
        for name, section in sections_of(cls).items()
        if name in raw
    }
    if mistakes.failed:
        raise Mistakes(*mistakes.found)
    return Structure({name: _items(promise) for name, promise in promises.items()})


def _items(section: Promise) -> dict[str, Promise]:
    return {name: part for name, part in section.parts.items() if isinstance(part, Promise)}


def schema(cls: Type) -> dict[str, Any]:
    """The JSON Schema of each section's key."""
    return {
        name: schema_of(Shape(section.item, named=True, description=section.description))
        for name, section in sections_of(cls).items()
    }


def checks(structure: Structure, declared: DeclaredIntegration) -> Iterable[Check]:
    """One check per declared item."""
    return _checks(structure, declared, sections_of(declared.cls))


def _checks(structure: Structure, declared: DeclaredIntegration, sections: Mapping[str, Section]) -> Iterator[Check]:
    promises = [(section, *each) for section, items in structure.promises.items() for each in items.items()]
    slugs = slugs_of(f"{section} {name}" for section, name, _ in promises)
    for (section, name, promise), slug in zip(promises, slugs, strict=True):
        run = _Held(sections[section], name, promise, declared.tenant)
        yield contract_check(declared, f"{section} {name}", run, f"{section}: {name}", slug=slug)


@dataclass(frozen=True, slots=True)
class _Held:
    """Looks at one item, and judges it."""

    section: Section
    name: str
    promise: Promise
    tenant: str

    def __call__(self, context: Context) -> Outcome:
        """Raises CallError when it cannot be looked at."""
        try:
            observation = context.perform(self._operation())
        except CallError as error:
            error.partial = Outcome((), reproduce=self._by_hand(context), cause=cause_of_error(error))
            raise
        assertions = tuple(
            judge_item(self.promise, self.name, self.section.name, self._items(observation), self.tenant)
        )
        held = holds(assertions)
        return Outcome(
            assertions,
            observation.phases,
            reproduce="" if held else self._by_hand(context),
            cause="" if held else _CAUSE,
        )

    def _operation(self) -> Describe | Look:
        section = self.section
        if section.look is not None:
            return Look(look=section.name, name_of_item=self.name, by=section.look)
        return Describe(describe=(section.name,), show=self.name)

    def _items(self, observation: Observation) -> Mapping[str, Any]:
        if self.section.look is not None:
            return {} if observation.payload is None else {self.name: observation.payload}
        found: Mapping[str, Any] = observation.payload[self.section.name]
        return found

    def _by_hand(self, context: Context) -> str:
        by_hand = self.section.by_hand
        return redact(by_hand(context.integration, self.name)) if by_hand else reproduce(context)
