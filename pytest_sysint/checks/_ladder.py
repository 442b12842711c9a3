"""The probe ladder: is it there, encrypted, does it know us, does it answer. The first rung that breaks decides."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_sysint.checks._causes import cause_of_error
from pytest_sysint.checks._operation import passed, reproduce
from pytest_sysint.core.check import Context, Outcome
from pytest_sysint.core.errors import CallError
from pytest_sysint.core.integration import Rung, Stopwatch
from pytest_sysint.core.records import SHARED, Assertion
from pytest_sysint.core.units import show

_LEAST_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Ladder:
    """Climbs all rungs of an integration. Every rung is an assertion, and a phase with its time."""

    tenant: str = SHARED

    def __call__(self, context: Context) -> Outcome:
        """Raises the CallError of the rung that broke, with the rungs that held in its `partial`."""
        climb = _Climb(context, self.tenant)
        try:
            for rung in context.integration.rungs():
                climb.take(rung)
        except CallError as error:
            error.partial = climb.outcome(reproduce=reproduce(context), cause=cause_of_error(error))
            raise
        return climb.outcome() if climb.assertions else Outcome((self._nothing(),))

    def _nothing(self) -> Assertion:
        return Assertion(
            name="reachable",
            status="failed",
            message="the type has no rungs: nothing was judged",
            expected="at least one rung",
            tenant_id=self.tenant,
        )


@dataclass(slots=True)
class _Climb:
    context: Context
    tenant: str
    assertions: list[Assertion] = field(default_factory=list)
    watch: Stopwatch = field(default_factory=Stopwatch)

    def take(self, rung: Rung) -> None:
        """One rung. All share the time of one conversation, but each has a quarter of it, also after slow ones."""
        started = self.watch.elapsed()
        left = max(self.context.timeout - started, self.context.timeout * _LEAST_SHARE)
        try:
            seen = rung.climb(left)
        except CallError as error:
            error.rung = rung.name
            raise
        finally:
            self.watch.lap(rung.name)
        message = f"{rung.name}: {seen}, in {show(self.watch.elapsed() - started, 'duration')}"
        self.assertions.append(passed(rung.name, message, f"{rung.name} holds", seen, self.tenant))

    def outcome(self, *, reproduce: str = "", cause: str = "") -> Outcome:
        """What held so far, with the times of all rungs that were tried."""
        return Outcome(tuple(self.assertions), self.watch.phases(), reproduce=reproduce, cause=cause)
