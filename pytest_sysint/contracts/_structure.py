"""The sections that a type tells of itself, held against what is declared of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_sysint.core.check import Check
from pytest_sysint.core.description import Section
from pytest_sysint.core.integration import Integration
from pytest_sysint.declaration.model import DeclaredIntegration

Type = type[Integration[Any]]


def sections_of(cls: Type) -> dict[str, Section]:
    """The sections that a type can describe, by their keys."""
    return {section.name: section for section in getattr(cls, "sections", ())}


def read(raw: Mapping[str, Any], cls: Type) -> Any:
    """Read the sections that are declared.

    Raises:
        Mistakes: everything that is wrong with them.

    """
    return {name: dict(raw[name]) for name in sections_of(cls) if name in raw}


def schema(cls: Type) -> dict[str, Any]:
    """The JSON Schema of each section's key."""
    return {name: {"type": "object", "description": section.description} for name, section in sections_of(cls).items()}


def checks(structure: Any, declared: DeclaredIntegration) -> Iterable[Check]:
    """One check per declared item."""
    raise NotImplementedError(f"{declared.id}: {structure}")
