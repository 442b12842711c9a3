"""What a kind makes of a declaration: checks. And what the engine gives a check to work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pytest_sysint.core.integration import Integration, Observation, Operation
from pytest_sysint.core.ledger import Item, Page
from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import Assertion, Covered, Effect, Exchange, Severity
from pytest_sysint.core.units import Duration

CHECK_KEYS = frozenset(
    {"name", "description", "expect", "poll", "timeout", "severity", "tenants", "retry", "budget", "tags"}
)
"""Keys that every declared check may have, beside those of its operation."""


class RetryPolicy(Declared):
    """How connection errors and timeouts are tried again. Nothing else is."""

    attempts: int = 3
    backoff: str = "exponential"
    initial: Duration = 0.1
    max: Duration = 5.0


class Poll(Declared):
    """Ask again until the expectations hold: for what becomes true later."""

    timeout: Duration
    interval: Duration = 0.2
    backoff: float = 1.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt: the judgements and the evidence."""

    assertions: tuple[Assertion, ...]
    phases: Mapping[str, float] = field(default_factory=dict)
    """Seconds per phase."""
    exchanges: tuple[Exchange, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    rung: str = ""
    reproduce: str = ""
    cause: str = ""
    inconclusive: str = ""
    """Why nothing can be concluded although it ran to its end: an error then, unless an assertion failed anyway."""
    data_type: str = ""
    """What the records are, of a check that moved some: `resident`."""
    source_system: str = ""
    target_system: str = ""
    processing_time: float | None = None
    """Seconds from the sending of the first record until the last was seen."""
    covered: tuple[Covered, ...] = ()
    """What was met with of a document that the check tests a part of."""


class Context(Protocol):
    """What the engine gives to a running check."""

    @property
    def timeout(self) -> float:
        """Seconds that one conversation may take at this attempt."""

    @property
    def integration(self) -> Integration[Any]:
        """The live integration of the check, for its tenant."""

    def other(self, integration_id: str) -> Integration[Any]:
        """Another live integration, for the same tenant."""

    def perform(self, operation: Operation, on: str = "") -> Observation:
        """Carry out an operation under the budget, and keep its exchange for the report."""

    def note(self, exchange: Exchange | None) -> None:
        """Keep an exchange for the report."""

    @property
    def ledger(self) -> Page:
        """Where what it writes is put down before it is written, so that it is undone whatever happens."""

    def progress(self, text: str) -> None:
        """Say how far a long check is."""

    def sleep(self, seconds: float) -> None:
        """Wait, unless the run is stopped meanwhile."""


@dataclass(frozen=True, slots=True)
class Check:
    """One test to be: everything that the plan and the runner need to know of it."""

    name: str
    slug: str
    """The last part of the node id."""
    kind: str
    integration_id: str
    tenant: str
    run: Callable[[Context], Outcome]
    severity: Severity = "high"
    effect: Effect = "read"
    timeout: float = 5.0
    """Seconds for one conversation; the check's own limit follows from it, the polling and the retries."""
    poll: Poll | None = None
    conversations: int = 3
    """How many conversations one try may hold: a check of many steps is given more time in all."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    budget: str = ""
    uses: tuple[str, ...] = ()
    """Other integrations that it talks to."""
    description: str = ""
    title: str = ""
    """What it does, in a line: the operation."""
    decisive: bool = False
    """Its failure means that the integration is down: what needs it is blocked."""
    effects: Mapping[str, Effect] = field(default_factory=dict)
    """What it does to the integrations that it uses, by id; where one is not named, it is only read."""
    takes: float = 0.0
    """Seconds that it may take beside its conversations and its polling."""
    undo: Callable[[Context, Item], str] | None = None
    """Undoes one write of an earlier attempt from what the ledger has of it; gives why that cannot be done, or nothing.
    Raises CallError when the conversation went wrong."""
    line: int = 0
    """Where it is declared, from 1; 0 for built-in checks."""
    tags: tuple[str, ...] = ()
