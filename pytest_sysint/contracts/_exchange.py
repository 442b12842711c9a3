"""An exchange while it runs: step after step, and what clears up after them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_sysint.checks._operation import holds, passed
from pytest_sysint.contracts._placeholders import UNIQUE
from pytest_sysint.contracts._steps import Step
from pytest_sysint.core.check import Context, Outcome
from pytest_sysint.core.errors import CallError, Mistakes
from pytest_sysint.core.records import Assertion


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is done and judged, one step after the other; the first that fails ends it. `cleanup` is always done."""

    steps: tuple[Step, ...]
    cleanup: tuple[Step, ...]
    several: bool
    """Whether it is declared as `steps`: its judgements say then which step they are of."""
    tenant: str

    def __call__(self, context: Context) -> Outcome:
        """Raises CallError, with what is known in its `partial`, when a conversation went wrong."""
        running = _Running(self, context)
        try:
            running.go()
        except CallError as error:
            running.tidy()
            error.partial = running.outcome(error.partial)
            raise
        except BaseException:
            running.tidy()
            raise
        running.tidy()
        return running.outcome()


@dataclass(slots=True)
class _Running:
    exchange: Exchange
    context: Context
    values: dict[str, Any] = field(default_factory=lambda: {UNIQUE: uuid.uuid4().hex[:12]})
    made: list[dict[str, Any]] = field(default_factory=list)
    """What was captured of further answers, by judgements that write again."""
    outcomes: list[Outcome] = field(default_factory=list)
    has_written: bool = False

    def go(self) -> None:
        """Take the steps until one fails."""
        for number, step in enumerate(self.exchange.steps, 1):
            where = f"step {number}" if self.exchange.several else ""
            if self.exchange.several:
                self.context.progress(f"{where} of {len(self.exchange.steps)}: {step.label}")
            with self._telling(step, where):
                self._keep(step.run(self.context, self.values, self.exchange.tenant, self.made), step, where)
            self.has_written = self.has_written or step.check.operation.effect() != "read"
            if not holds(self.outcomes[-1].assertions):
                return

    @contextmanager
    def _telling(self, step: Step, where: str) -> Iterator[None]:
        """Say of an error in which step it came."""
        try:
            yield
        except Mistakes as error:
            said = f"cannot be carried out with what was captured: {'; '.join(m.message for m in error.mistakes)}"
            self._keep(Outcome((self._failed(said),)), step, where)
        except CallError as error:
            if where:
                error.message = f"{where}, {step.label}: {error.message}"
            if self.has_written:
                error.transient = False  # another try would write once more
            raise

    def _keep(self, outcome: Outcome, step: Step, where: str) -> None:
        told = tuple(_of_step(each, where, step.label) for each in outcome.assertions) if where else outcome.assertions
        self.outcomes.append(replace(outcome, assertions=told))

    def _failed(self, said: str) -> Assertion:
        return Assertion(
            name="operation", status="failed", message=said, expected="it is sent", tenant_id=self.exchange.tenant
        )

    def tidy(self) -> None:
        """Clean up for everything that was made. What cannot be cleaned up is a warning: it was not what is judged."""
        for values in self._to_clean():
            for number, step in enumerate(self.exchange.cleanup, 1):
                if step.needs <= values.keys():
                    self._tidy(step, f"cleanup {number}", dict(values))

    def _to_clean(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = [self.values]
        for more in self.made:
            if (values := {**self.values, **more}) not in found:
                found.append(values)
        return found

    def _tidy(self, step: Step, where: str, values: dict[str, Any]) -> None:
        tenant = self.exchange.tenant
        try:
            assertions = step.run(self.context, values, tenant, []).assertions
        except (CallError, Mistakes) as error:
            assertions = (self._failed(error.message),)
        bad = [each for each in assertions if each.status == "failed"]
        for each in bad:
            told = _of_step(each, where, f"{step.label}: something may be left behind")
            self.outcomes.append(Outcome((told.model_copy(update={"severity": "warn"}),)))
        if not bad:
            self.outcomes.append(
                Outcome((passed(where, f"{where}, {step.label}: done", "cleaned up", "cleaned up", tenant),))
            )

    def outcome(self, last: Outcome | None = None) -> Outcome:
        """Everything so far as one; `last` is what is known of the step that broke."""
        outcomes = [*self.outcomes, *([last] if last is not None else [])]
        phases: dict[str, float] = {}
        metrics: dict[str, float] = {}
        for each in outcomes:
            metrics |= each.metrics
            for phase, seconds in each.phases.items():
                phases[phase] = phases.get(phase, 0.0) + seconds
        return Outcome(
            tuple(assertion for each in outcomes for assertion in each.assertions),
            phases,
            metrics=metrics,
            reproduce=next((each.reproduce for each in outcomes if each.reproduce), ""),
            cause=next((each.cause for each in outcomes if each.cause), ""),
            rung=next((each.rung for each in outcomes if each.rung), ""),
        )


def _of_step(assertion: Assertion, where: str, label: str) -> Assertion:
    # The subject stays in front: the engine tells by it that only a latency failed.
    told = {"name": f"{assertion.name} ({where})", "message": f"{where}, {label}: {assertion.message}"}
    return assertion.model_copy(update=told)
