"""What a journey is once it has been read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_sysint.checks._flows.keys import FlowKeys
from pytest_sysint.checks._flows.mapping import Field
from pytest_sysint.checks._flows.places import Place
from pytest_sysint.checks._flows.steps import Step, effects_of
from pytest_sysint.checks._flows.values import CORRELATION, PER_RECORD, SYNTHETIC, Source
from pytest_sysint.core.records import Effect
from pytest_sysint.expectations import Expectation

Mode = Literal["watch", "sweep", "look"]
"""How an observer sees: it reads what comes; asks for all records at once, again and again; or for each on its own."""
ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True)
class Observer:
    """One place where records are awaited."""

    name: str
    step: Step
    mode: Mode
    within: float
    """Seconds, from the sending or from the observer before."""
    every: float
    match: Place | None = None
    """Where the token stands; None for a look at one record, and where it may stand anywhere."""
    by: str = f"{{{CORRELATION}}}"
    rows: Place | None = None
    fields: tuple[Field, ...] = ()
    capture: Mapping[str, Place] = field(default_factory=dict)
    after: str = ""
    copies: int = 1
    counts: bool = False
    """Whether it can see that a record is there twice."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """Records that must not get through."""

    step: Step
    records: int
    refused: bool
    """Whether the source must refuse them."""
    dead_letter: Observer | None = None


@dataclass(frozen=True, slots=True)
class Journey:
    """Records that go in at one place and are awaited at others, as one tenant has it."""

    name: str
    line: int
    keys: FlowKeys
    records: int
    send: Step
    capture: Mapping[str, Place]
    observers: tuple[Observer, ...]
    expectation: Expectation = field(default_factory=lambda: Expectation(()))
    token: str = SYNTHETIC
    rows: tuple[Any, ...] = field(default=(), repr=False)
    malformed: Malformed | None = None
    cleanup: tuple[Step, ...] = ()

    def source(self, run: str, tenant: str) -> Source:
        """Where the values of its records come from."""
        return Source(run, tenant, self.token, self.rows, self.keys.seed, self.keys.locale)

    def watchers(self) -> Iterator[Observer]:
        """Every observer, that of the dead letters last."""
        yield from self.observers
        if self.malformed is not None and self.malformed.dead_letter is not None:
            yield self.malformed.dead_letter

    @property
    def order_key(self) -> str:
        """What keeps its order, as a text with placeholders; empty when nothing says so."""
        key = self.send.raw.get("key")
        return self.keys.order_by or (key if isinstance(key, str) else "")

    @property
    def in_order(self) -> bool:
        """Whether the order is judged."""
        return "reordered" in self.expectation.subjects

    def effects(self) -> dict[str, Effect]:
        """Integration id -> the gravest that is done there. Removing what was put there is part of putting it there."""
        steps = [self.send, *(observer.step for observer in self.watchers())]
        return effects_of([*steps, *([self.malformed.step] if self.malformed is not None else [])], self.cleanup)

    def longest(self, timeout: float) -> float:
        """Seconds that it may take: sending, the way through all observers, and cleaning up."""
        keys, lanes = self.keys, min(self.keys.concurrency, self.records)
        sending = self.records / keys.rate if keys.rate else min(self.records * timeout / lanes, _LONGEST)
        ways = sum(observer.within for observer in self.watchers())
        removing = min(self.records * timeout / lanes, _LONGEST) if self.cleanup else 0.0
        return sending + 2 * ways + keys.settle + removing + 2 * timeout


_LONGEST = 600.0


def is_once(step: Step) -> bool:
    """Whether a clean-up step removes all records at once: it names the run, and nothing of a record."""
    return not step.names & (PER_RECORD | {CORRELATION}) and step.names <= {"run", "tenant", "now"}
