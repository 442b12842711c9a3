"""Carrying out one declared operation and judging it, once or until it holds: what the kinds share."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pytest_sysint.checks._causes import cause_of, cause_of_error
from pytest_sysint.core.check import Check, Context, Outcome, Poll
from pytest_sysint.core.errors import CallError
from pytest_sysint.core.integration import Observation, Operation
from pytest_sysint.core.records import SHARED, Assertion
from pytest_sysint.core.secrets import redact
from pytest_sysint.core.units import show
from pytest_sysint.declaration.checks import DeclaredCheck
from pytest_sysint.declaration.model import DeclaredIntegration
from pytest_sysint.expectations import Expectation, compile_expectation

_SHORTEST_PAUSE = 0.01


def applies_to(item: DeclaredCheck, declared: DeclaredIntegration) -> bool:
    """Whether a declared check is for the integration's tenant."""
    return item.tenants is None or declared.tenant in item.tenants


def check_of(kind: str, item: DeclaredCheck, declared: DeclaredIntegration) -> Check:
    """The check that a declared one is, for one integration and tenant."""
    return Check(
        name=item.name,
        slug=item.slug,
        kind=kind,
        integration_id=declared.id,
        tenant=declared.tenant,
        run=Judged(item.operation, expectations_of(item), item.poll, declared.tenant),
        severity=item.severity or declared.severity,
        effect=item.operation.effect(),
        timeout=item.timeout or declared.timeout,
        poll=item.poll,
        retry=item.retry or declared.retry,
        budget=item.budget or declared.budget,
        description=item.description,
        title=item.operation.title(),
        line=item.line,
        tags=(*declared.tags, *item.tags),
    )


class Judge(Protocol):
    """Judges what an operation brought back: a compiled `expect:`, or something like it."""

    def judge(self, observation: Observation, tenant: str) -> tuple[Assertion, ...]:
        """The assertions; never an exception for what was observed."""


def expectations_of(item: DeclaredCheck, default: Mapping[str, Any] | None = None) -> tuple[Expectation, ...]:
    """What is declared, and of the default what is not said otherwise: a fast 500 is no success.

    `default` is the operation's own unless another one is given.
    """
    declared = (item.expectation,) if item.expectation is not None else ()
    named = {subject for each in declared for subject in each.subjects}
    default = item.operation.default_expect() if default is None else default
    rest = {subject: matcher for subject, matcher in default.items() if subject not in named}
    return (*declared, compile_expectation(rest)) if rest else declared


@dataclass(frozen=True, slots=True)
class Judged:
    """Performs an operation and judges what it brought back; with `poll`, again and again until it holds.

    Without any expectation it is enough that the operation was answered. Warnings do not make polling go on.
    """

    operation: Operation
    expectations: tuple[Judge, ...] = ()
    poll: Poll | None = None
    tenant: str = SHARED

    def __call__(self, context: Context) -> Outcome:
        """Raises CallError, with what is known in its `partial`, when the conversation went wrong."""
        return self._until(context, self.poll) if self.poll else self._once(context)

    def _once(self, context: Context) -> Outcome:
        try:
            observation = context.perform(self.operation)
        except CallError as error:
            error.partial = Outcome((), reproduce=reproduce(context, self.operation), cause=cause_of_error(error))
            raise
        assertions = self._judge(observation)
        held = holds(assertions)
        return Outcome(
            assertions,
            observation.phases,
            reproduce="" if held else reproduce(context, self.operation),
            cause="" if held else cause_of(assertions, observation.facts.get("status"), context.integration),
        )

    def _judge(self, observation: Observation) -> tuple[Assertion, ...]:
        if self.expectations:
            return tuple(found for each in self.expectations for found in each.judge(observation, self.tenant))
        took = f" in {show(observation.phases['total'], 'duration')}" if "total" in observation.phases else ""
        return (passed("answered", f"answered{took}", "an answer", f"answered{took}", self.tenant),)

    def _until(self, context: Context, poll: Poll) -> Outcome:
        started, polls, pause = time.monotonic(), 0, poll.interval
        while True:
            outcome, polls = self._tolerant(context), polls + 1
            waited = time.monotonic() - started
            if holds(outcome.assertions) or waited >= poll.timeout:
                return _polled(outcome, polls, waited)
            context.progress(f"not yet after {show(waited, 'duration')}: {_complaint(outcome)}")
            context.sleep(min(max(pause, _SHORTEST_PAUSE), poll.timeout - waited))
            pause = min(pause * poll.backoff, poll.timeout)

    def _tolerant(self, context: Context) -> Outcome:
        """One try while polling: no connection, or no answer, means that it is not there yet."""
        try:
            return self._once(context)
        except CallError as error:
            if not error.transient:
                raise
            said = Assertion(
                name=error.rung,
                status="failed",
                message=f"{error.rung}: {error.message}",
                expected="an answer",
                actual=error.message,
                tenant_id=self.tenant,
            )
            partial: Outcome = error.partial
            return replace(partial, assertions=(said,), rung=error.rung)


def passed(name: str, message: str, expected: str, actual: str, tenant: str) -> Assertion:
    """An assertion that holds."""
    return Assertion(name=name, status="passed", message=message, expected=expected, actual=actual, tenant_id=tenant)


def holds(assertions: tuple[Assertion, ...]) -> bool:
    """Whether nothing failed; a warning is no failure."""
    return not any(item.status == "failed" and item.severity == "fail" for item in assertions)


def _complaint(outcome: Outcome) -> str:
    return next(item.message for item in outcome.assertions if item.status == "failed" and item.severity == "fail")


def _polled(outcome: Outcome, polls: int, waited: float) -> Outcome:
    metrics: Mapping[str, float] = {**outcome.metrics, "polls": polls, "waited_ms": round(waited * 1000, 3)}
    if holds(outcome.assertions):
        return replace(outcome, metrics=metrics)
    tries = f"it did not hold within {show(waited, 'duration')} ({polls} poll{'s' if polls > 1 else ''})"
    return replace(outcome, metrics=metrics, cause=f"{tries}; {outcome.cause}" if outcome.cause else tries)


def reproduce(context: Context, operation: Operation | None = None) -> str:
    """A command that shows the same by hand, without secrets."""
    integration: Any = context.integration
    command = operation.reproduce(integration) if operation is not None else ""
    return redact(command or integration.reproduce())
