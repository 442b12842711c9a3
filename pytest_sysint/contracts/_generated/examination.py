"""What a check of a document does when it runs: one operation of it, or all operations of one effect."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from pytest_sysint.checks._causes import cause_of_error
from pytest_sysint.contracts._generated import outcome as judged
from pytest_sysint.contracts._generated.bridge import Bridge
from pytest_sysint.contracts._generated.cases import examine
from pytest_sysint.contracts._generated.coverage import Coverage
from pytest_sysint.contracts._generated.exam import Clock, Examiner
from pytest_sysint.contracts._generated.finding import Finding, assertions_of
from pytest_sysint.contracts._generated.library import BaseSchema, Failure, InvalidSchema, Ok, Override, Tested
from pytest_sysint.contracts._generated.options import Options
from pytest_sysint.contracts._generated.source import Lists, Source
from pytest_sysint.core.check import Context, Outcome
from pytest_sysint.core.errors import CallError, Unavailable
from pytest_sysint.core.records import Assertion, Covered, Effect
from pytest_sysint.core.secrets import redact

_LARGEST_SEED = 2**31

D = TypeVar("D", bound=Lists)
P = TypeVar("P", bound=Options)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as schemathesis has it."""

    schema: BaseSchema
    operations: Mapping[str, Tested | InvalidSchema]
    """By label; an error where an operation cannot be read."""
    promised: Mapping[str, int] = field(default_factory=dict)
    """How many `statuses` and `parameters` all operations have together."""


def operations_of(schema: BaseSchema) -> Mapping[str, Tested | InvalidSchema]:
    """The operations of a schema by their labels."""
    found: dict[str, Tested | InvalidSchema] = {}
    for each in schema.get_all_operations():
        if isinstance(each, Ok):
            operation = each.ok()
            found[operation.label] = operation
        else:
            error = each.err()
            found[f"{str(error.method or '').upper()} {error.path}".strip()] = error
    return found


def promised_by(coverages: Iterable[Coverage]) -> Mapping[str, int]:
    """How many statuses and parameters operations have together."""
    known = list(coverages)
    return {
        "statuses": sum(len(each.statuses) for each in known),
        "parameters": sum(len(each.parameters) for each in known),
    }


def seed_of(options: Options) -> int:
    """The seed of this run."""
    return random.SystemRandom().randrange(_LARGEST_SEED) if options.seed == "random" else options.seed


@dataclass(frozen=True, slots=True)
class Examination(ABC, Generic[D, P]):
    """Tests operations of one document. What differs between documents is in the methods at the end."""

    source: Source[D]
    options: P
    tenant: str
    conversations: int

    def one(self, label: str, context: Context) -> Outcome:
        """Test one operation: an assertion per check.

        Raises:
            CallError: when a conversation went wrong, with what was found before in its `partial`.

        """
        document, loaded = self.source.get(context)
        clock = self.clock(context)
        examiner = self._examiner(label, document, loaded, context, clock)
        seed = seed_of(self.options)
        try:
            self._examine(label, loaded, examiner, clock, seed)
        except CallError as error:
            covered = self.covered(document, loaded, [examiner.coverage])
            error.partial = replace(self.outcome(context, examiner, seed, broken=error), covered=covered)
            raise
        short = self.short(clock, examiner.bridge.sent, "requests")
        covered = self.covered(document, loaded, [examiner.coverage])
        return replace(self.outcome(context, examiner, seed, short), covered=covered)

    def all(self, effect: Effect, context: Context) -> Outcome:
        """Test every chosen operation of that effect: an assertion per operation.

        Raises:
            CallError: when a conversation went wrong.
            Unavailable: when the document has no such operation.

        """
        document, loaded = self.source.get(context)
        chosen = [each for each in document.operations if each.effect == effect and self.takes(each.names)]
        if not chosen:
            raise Unavailable(f"the document {self.source.where} has no operation that is to be tested here")
        clock, seed = self.clock(context), seed_of(self.options)
        assertions: list[Assertion] = []
        findings: list[Finding] = []
        coverages: list[Coverage] = []
        metrics: dict[str, float] = {"operations": len(chosen), "seed": seed}
        for number, each in enumerate(chosen):
            context.progress(f"{number} of {len(chosen)} operations")
            examiner = self._examiner(each.label, document, loaded, context, clock)
            coverages.append(examiner.coverage)
            try:
                self._examine(each.label, loaded, examiner, clock, seed)
            except CallError as error:
                partial = judged.outcome_of(context, assertions, findings, cause=cause_of_error(error))
                error.partial = replace(partial, covered=self.covered(document, loaded, coverages))
                raise
            short = self.short(clock, examiner.bridge.sent, "requests")
            assertions.append(judged.summary(each.label, examiner, seed, short, self.tenant))
            findings += judged.found_by(examiner)
            for name, count in examiner.coverage.metrics().items():
                metrics[name] = metrics.get(name, 0) + count
        metrics["own_ms"] = round(clock.spent * 1000, 3)
        outcome = judged.outcome_of(context, assertions, findings, metrics=metrics)
        return replace(outcome, covered=self.covered(document, loaded, coverages))

    def covered(self, document: D, loaded: Loaded, coverages: Iterable[Coverage]) -> tuple[Covered, ...]:
        """What these operations met with, beside what the whole document has."""
        asked = [each for each in coverages if each.seen]
        met = {
            "operations": len(asked),
            "statuses": sum(len(each.met) for each in asked),
            "parameters": sum(len(each.sent) for each in asked),
        }
        totals = {"operations": len(document.operations), **loaded.promised}
        where = redact(self.source.where)
        return tuple(Covered(document=where, what=what, met=met[what], total=total) for what, total in totals.items())

    def takes(self, names: Iterable[str]) -> bool:
        """Whether an operation of these names is to be tested."""
        return self.options.operations.takes(names)

    def clock(self, context: Context) -> Clock:
        """The time for this check."""
        return Clock(self.conversations * context.timeout, context.timeout)

    def short(self, clock: Clock, done: int, what: str, wanted: int | None = None) -> list[Assertion]:
        """A warning, when the time was up before as much was done as is declared (or wanted)."""
        wanted = self.options.examples if wanted is None else wanted
        late = clock.over and done < wanted
        return [judged.cut_short(done, wanted, what, clock.seconds, self.tenant)] if late else []

    def examiner(
        self, document: D, context: Context, clock: Clock, coverage: Coverage, checks: Iterable[str]
    ) -> Examiner:
        """One who holds answers against these checks."""
        bridge = self.bridge(context, clock)
        return Examiner(bridge, self.prefix(document, context), checks, coverage, self.pardons)

    def outcome(
        self,
        context: Context,
        examiner: Examiner,
        seed: int,
        more: Iterable[Assertion] = (),
        broken: CallError | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> Outcome:
        """What an examination comes to."""
        assertions = [
            *judged.trouble(examiner.trouble, self.tenant),
            *assertions_of(examiner.tallies, self.tenant, seed),
            *examiner.coverage.assertions(self.tenant),
            *more,
        ]
        cause = cause_of_error(broken) if broken is not None else ""
        last = examiner.bridge.last[0] if broken is not None and examiner.bridge.last else None
        return judged.outcome_of(
            context,
            assertions,
            judged.found_by(examiner),
            exchanges=examiner.telling.values(),
            metrics={
                **examiner.coverage.metrics(),
                "seed": seed,
                "own_ms": round(examiner.bridge.clock.spent * 1000, 3),
                **(metrics or {}),
            },
            cause=cause,
            broken_by=last,
        )

    def _examiner(self, label: str, document: D, loaded: Loaded, context: Context, clock: Clock) -> Examiner:
        operation = loaded.operations.get(label)
        if operation is None or isinstance(operation, InvalidSchema):
            coverage = Coverage((), ())
        else:
            coverage = self.coverage(operation)
        return self.examiner(document, context, clock, coverage, self.checks())

    def _examine(self, label: str, loaded: Loaded, examiner: Examiner, clock: Clock, seed: int) -> None:
        operation = loaded.operations.get(label)
        if operation is None or isinstance(operation, InvalidSchema):
            examiner.trouble.append(str(operation or "the operation cannot be read"))
            return
        fixed = self.fixed(operation, examiner)
        wrong = self.can_be_wrong(operation)
        examine(operation, examiner, clock, examples=self.options.examples, seed=seed, fixed=fixed, wrong=wrong)

    # ---- what differs between documents ----

    def bridge(self, context: Context, clock: Clock) -> Bridge:
        """What carries the requests."""
        return Bridge(context, clock)

    def prefix(self, document: D, context: Context) -> str:
        """What the paths of the document continue, beside the url."""
        return ""

    @abstractmethod
    def checks(self) -> Collection[str]:
        """The checks that one request of one operation can tell of."""

    @abstractmethod
    def coverage(self, operation: Tested) -> Coverage:
        """What an operation promises."""

    def fixed(self, operation: Tested, examiner: Examiner) -> Override:
        """Parameters that have one value in all requests."""
        return Override()

    def pardons(self, failure: Failure) -> bool:
        """Whether what schemathesis takes for a failure is none."""
        return False

    def can_be_wrong(self, operation: Tested) -> bool | None:
        """Whether there are requests that the document forbids; None where its edge values tell."""
        return None
