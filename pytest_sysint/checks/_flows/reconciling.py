"""One reconciliation from what happens first to its verdict, and what is left behind afterwards: nothing."""

from __future__ import annotations

import time
import uuid
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from pytest_sysint.checks._flows.cleaning import try_to_remove
from pytest_sysint.checks._flows.steps import Step
from pytest_sysint.checks._flows.values import Source, Values
from pytest_sysint.checks._operation import holds
from pytest_sysint.checks._reconcile.compare import Comparer
from pytest_sysint.checks._reconcile.plan import Plan, Side
from pytest_sysint.checks._reconcile.verdict import Verdict, metrics
from pytest_sysint.core.check import Context, Outcome, Poll
from pytest_sysint.core.errors import CallError
from pytest_sysint.core.integration import Stopwatch, exchange
from pytest_sysint.core.records import Assertion
from pytest_sysint.core.secrets import redact
from pytest_sysint.core.units import show
from pytest_sysint.expectations import Expectation


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Carries out a reconciliation for one tenant."""

    plan: Plan
    source: Step
    target: Step
    before: tuple[Step, ...]
    cleanup: tuple[Step, ...]
    expectation: Expectation
    within: float
    poll: Poll | None
    data_type: str
    tenant: str

    def __call__(self, context: Context) -> Outcome:
        """Raises CallError when a side could not be read."""
        values = Source(uuid.uuid4().hex[:8], self.tenant).record(1)
        left = ""
        with context.ledger.held() if self.cleanup else nullcontext():
            entry = self._promise(context, values)
            try:
                outcome = self._carry_out(context, values)
            finally:
                left = self._clean(context, values, entry)
        if not left:
            return outcome
        told = Assertion(
            name="leftovers",
            status="failed",
            severity="warn",
            message=redact(f"what was put there could not be removed: {left}"),
            expected="nothing left behind",
            actual=redact(left),
            tenant_id=self.tenant,
        )
        return replace(outcome, assertions=(*outcome.assertions, told))

    def _carry_out(self, context: Context, values: Values) -> Outcome:
        failed = self._prepare(context, values)
        if failed is not None:
            return Outcome((failed,), cause="what must happen first did not, so nothing was compared")
        started = time.monotonic()
        polls, pause = 0, self.poll.interval if self.poll else 0.0
        while True:
            outcome, polls = self._compare(context, values), polls + 1
            waited = time.monotonic() - started
            done = holds(outcome.assertions) and not outcome.inconclusive
            if done or self.poll is None or waited >= self.poll.timeout:
                return outcome if self.poll is None else _polled(outcome, polls, waited, done=done)
            context.progress(f"not yet the same after {show(waited, 'duration')}")
            context.sleep(min(pause, self.poll.timeout - waited))
            pause *= self.poll.backoff

    def _prepare(self, context: Context, values: Values) -> Assertion | None:
        """Carry out what must happen first; what went wrong, if anything did."""
        for step in self.before:
            operation = step.build(values)
            said = step.failure(context.perform(operation, step.on))
            if said:
                return Assertion(
                    name="before",
                    status="failed",
                    message=redact(f"{step.on}: {operation.title()}: {said}"),
                    expected="done",
                    actual=redact(said),
                    tenant_id=self.tenant,
                )
        return None

    def _compare(self, context: Context, values: Values) -> Outcome:
        plan = replace(
            self.plan,
            source=Side(self.source.on, self.source.build(values)),
            target=Side(self.target.on, self.target.build(values)),
        )
        source, target = context.other(plan.source.on), context.other(plan.target.on)
        watch = Stopwatch()
        found = Comparer(plan, context.progress, watch, self.within).compare(source, target)
        for side, count in ((plan.source, found.source), (plan.target, found.target)):
            context.note(exchange(side.title, "", f"{count:,} rows", watch))
        verdict = Verdict(plan, found)
        facts = verdict.facts()
        assertions = verdict.assertions(self.expectation, self.tenant)
        held = holds(assertions)
        return Outcome(
            assertions,
            phases=watch.phases(),
            metrics=metrics(facts),
            cause="" if held else verdict.cause(),
            reproduce="" if held else _by_hand((plan.source, source), (plan.target, target)),
            inconclusive=self._nothing(verdict),
            data_type=self.data_type,
            source_system=plan.source.on,
            target_system=plan.target.on,
            processing_time=watch.elapsed(),
        )

    def _nothing(self, verdict: Verdict) -> str:
        """Two empty sides prove nothing, unless that is what was expected of them."""
        return "" if {"source", "target"} & set(self.expectation.subjects) else verdict.nothing()

    # ---- what is put somewhere first is removed again ----

    def _promise(self, context: Context, values: Values) -> str:
        """Put down what cleaning up needs, before anything is written. Empty where nothing will be."""
        if not self.cleanup:
            return ""
        names = {"correlation", *(name for step in self.cleanup for name in step.names)}
        try:
            return context.ledger.promise([{name: values(name) for name in sorted(names)}])
        except OSError as error:
            said = f"the ledger of what must be undone cannot be written: {error.strerror or error}"
            raise CallError(said, rung="write", hint="without it nothing is written: free some space") from None

    def _clean(self, context: Context, values: Values, entry: str) -> str:
        """Remove what was put there; why that could not be done, if so. Never raises."""
        if not entry:
            return ""
        left = "; ".join(filter(None, (try_to_remove(step, values, context) for step in self.cleanup)))
        if not left:
            context.ledger.undone(entry, [0])
        return left


def _by_hand(*sides: tuple[Side, Any]) -> str:
    """The commands that show both sides."""
    commands = [side.operation.reproduce(integration) for side, integration in sides]
    return redact("\n".join(filter(None, commands)))


def _polled(outcome: Outcome, polls: int, waited: float, *, done: bool) -> Outcome:
    numbers = {**outcome.metrics, "polls": float(polls), "waited_ms": round(waited * 1000, 3)}
    if done:
        return replace(outcome, metrics=numbers)
    said = f"it did not hold within {show(waited, 'duration')} ({polls} comparison{'s' if polls > 1 else ''})"
    return replace(outcome, metrics=numbers, cause="; ".join(filter(None, (said, outcome.cause))))
