"""What a reconciliation is once it has been read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_sysint.checks._reconcile.values import As
from pytest_sysint.core.integration import Operation


@dataclass(frozen=True, slots=True)
class Side:
    """Where rows come from: an operation that satisfies `core.capabilities.Streams`."""

    on: str
    operation: Any

    @property
    def title(self) -> str:
        """One line for people."""
        operation: Operation = self.operation
        return f"{self.on}: {operation.title()}"


@dataclass(frozen=True, slots=True)
class Field:
    """A value that both sides have, under the name that each has for it."""

    target: str
    source: str
    read_as: As = "text"
    tolerance: float | None = None
    """By how much two numbers may differ."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Two sides, and how their rows are told to be the same."""

    source: Side
    target: Side
    key: tuple[Field, ...] = ()
    """What makes a row; without it rows are only counted."""
    fields: tuple[Field, ...] = ()
    everything: bool = False
    """Whether all columns are compared that both sides have."""
    ignore: frozenset[str] = frozenset()
    """Columns that are left out then."""
    checksum: bool = False
    """Whether of each row a checksum is kept in place of its values: then it is not known which value differs."""
    sample: int = 0
    """Of how many rows the values are compared; 0 for all."""
    hide: frozenset[str] = frozenset()
    """Fields whose values are not shown."""
    hide_all: bool = False

    @property
    def compares(self) -> bool:
        """Whether values are compared, and not keys alone."""
        return self.everything or bool(self.fields)
