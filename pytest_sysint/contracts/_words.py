"""The ready-made judgements of an exchange, by their key: a word of the step that they judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from pytest_sysint.checks._operation import Judge
from pytest_sysint.core.check import Context
from pytest_sysint.core.integration import Integration, Observation, Operation
from pytest_sysint.core.records import Assertion

Type = type[Integration[Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation that was carried out, and how to carry out another like it."""

    operation: Operation
    raw: Mapping[str, Any]
    """The operation's keys, filled."""
    observation: Observation
    another: Callable[[Mapping[str, Any]], Operation]
    """Reads an operation from other keys, as they are. Raises core.errors.Mistakes."""
    fill: Callable[[Mapping[str, Any]], dict[str, Any]]
    """Keys with their placeholders filled. Raises core.errors.Mistakes."""
    judge: Callable[[Observation], tuple[Assertion, ...]]
    """What the step's own expectations say of an answer."""
    made: Callable[[Observation], None]
    """Tells that another write was answered: what the step captures of it is cleaned up too."""
    context: Context
    tenant: str


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe found, and the operation to reproduce it by when something failed."""

    assertions: tuple[Assertion, ...]
    culprit: Operation | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class Probe(Protocol):
    """A judgement that needs more conversations than the step's own."""

    @property
    def conversations(self) -> int:
        """How many more it may hold."""

    def prepare(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """The operation's keys as they must be for the probe."""

    def probe(self, asked: Asked) -> Probed:
        """Go on from the first answer. Raises core.errors.CallError when a conversation goes wrong."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a word is read for."""

    cls: Type
    folder: Path
    raw: Mapping[str, Any]
    """The step as it is written."""


class Word(Protocol):
    """One ready-made judgement."""

    schema: ClassVar[Mapping[str, Any]]
    """The JSON Schema of its value, with a description."""
    http: ClassVar[bool]
    """Whether it says something of HTTP requests only."""
    default_expect: ClassVar[Mapping[str, Any] | None]
    """What is expected where the step does not say, instead of the operation's own; None for the operation's own."""

    def read(self, value: Any, subject: Subject) -> Judge | Probe:
        """Raises core.errors.Mistakes with everything that is wrong with the value."""


@cache
def words() -> Mapping[str, Word]:
    """Key -> judgement."""
    from pytest_sysint.contracts._error_shapes import OperationOutcomeWord, ProblemWord
    from pytest_sysint.contracts._idempotent import IdempotentWord
    from pytest_sysint.contracts._paging import PagingWord
    from pytest_sysint.contracts._schema_files import SchemaWord
    from pytest_sysint.contracts._tolerates import ToleratesWord

    return {
        "schema": SchemaWord(),
        "problem": ProblemWord(),
        "operation_outcome": OperationOutcomeWord(),
        "paging": PagingWord(),
        "idempotent": IdempotentWord(),
        "tolerates": ToleratesWord(),
    }
