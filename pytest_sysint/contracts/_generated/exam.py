"""The examiner: sends cases, holds each answer against the document, and keeps what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from hypothesis.errors import HypothesisException

from pytest_sysint.contracts._generated.applies import applies
from pytest_sysint.contracts._generated.bridge import Bridge, Halt
from pytest_sysint.contracts._generated.coverage import Coverage, sent_by
from pytest_sysint.contracts._generated.finding import Finding, Tally, said
from pytest_sysint.contracts._generated.library import (
    CHECKS,
    Case,
    CheckContext,
    Failure,
    FailureGroup,
    Response,
    Tested,
)
from pytest_sysint.contracts._generated.sending import Generated
from pytest_sysint.core.records import Exchange

_SHRINKING_REQUESTS = 150


class Clock:
    """How long an examination may take, and how much of that may go into making a failing request smaller.

    Its own time counts: that of its thread's work and of its conversations. Many examinations at a time have to share a
    processor, and waiting for it is nobody's fault. It belongs to the thread that made it.
    """

    def __init__(self, seconds: float, shrinking: float) -> None:
        self.seconds = seconds
        self._shrinking = shrinking
        self._began = time.thread_time()
        self._talked = 0.0
        self._left = _SHRINKING_REQUESTS
        self._found: float | None = None

    @property
    def spent(self) -> float:
        """Seconds so far."""
        return time.thread_time() - self._began + self._talked

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.spent >= self.seconds

    def talked(self, seconds: float) -> None:
        """So long took a conversation."""
        self._talked += seconds

    def found(self) -> None:
        """From now on every request is one for a smaller example."""
        if self._found is None:
            self._found = self.spent

    def tick(self) -> None:
        """Ahead of each request.

        Raises:
            Halt: when the time is up.

        """
        if self._found is not None:
            self._left -= 1
            if self._left < 0 or self.spent - self._found > self._shrinking:
                raise Halt
        if self.over:
            raise Halt

    def rest(self) -> None:
        """The search for a smaller example is over."""
        self._found, self._left = None, _SHRINKING_REQUESTS


class Examiner:
    """Sends cases and judges their answers; keeps what was found."""

    def __init__(
        self,
        bridge: Bridge,
        base: str,
        checks: Iterable[str],
        coverage: Coverage,
        pardons: Callable[[Failure], bool] = lambda _: False,
    ) -> None:
        self.bridge = bridge
        self._pardons = pardons
        self.tallies = {name: Tally() for name in checks}
        self.coverage = coverage
        self.trouble: list[str] = []
        """Why requests could not be made from the document."""
        self.telling: dict[int, Exchange] = {}
        """The first exchange of each status."""
        self.before: tuple[Generated, ...] = ()
        """The requests that led to the one that is judged."""
        self.occasions: frozenset[str] = frozenset()
        """Checks over several requests that those before give an occasion to."""
        self._base = base
        self._enforced: set[str] = set()
        self._failures: list[tuple[str, Failure]] = []
        self._checks = [self._observed(name) for name in self.tallies]

    def arguments(self, operation: Tested) -> dict[str, Any]:
        """What `Case.call` is given for an operation."""
        return self.bridge.arguments(self._base, operation)

    def judge(self, case: Case) -> list[tuple[str, Failure]]:
        """Send one case; what did not hold, by the name of the check.

        Raises:
            Halt: when the conversation went wrong, or schemathesis could not judge it.

        """
        try:
            response = case.call(**self.arguments(case.operation))
            self.note(case, response)
            return self.judge_answer(case, response)
        except HypothesisException:
            raise
        except Exception as error:
            raise Halt(error) from error

    def judge_answer(self, case: Case, response: Response, **more: Any) -> list[tuple[str, Failure]]:
        """Judge what was answered to a case."""
        self._failures = []
        arguments = self.arguments(case.operation)
        case.validate_response(
            response,
            checks=list(self._checks),
            headers=arguments["headers"],
            transport_kwargs={name: value for name, value in arguments.items() if value is not None},
            **more,
        )
        return self._failures

    def note(self, case: Case, response: Response) -> None:
        """Count an answer, and keep the first of its status to be shown."""
        self.coverage.note(response.status_code, sent_by(case) | self._own(), response.content)
        exchange = self.bridge.last[1].facts.get("exchange") if self.bridge.last else None
        if exchange is not None:
            self.telling.setdefault(response.status_code, exchange)

    def _own(self) -> set[str]:
        """The parameters that the integration itself gives."""
        carried = self.bridge.carried
        names = {name.lower() for name in (*carried.headers, *carried.secret_headers)}
        return {
            each
            for each in self.coverage.parameters
            if (each.startswith("header ") and each[7:].lower() in names)
            or (each.startswith("query ") and each[6:] in carried.secret_parameters)
        }

    def _observed(self, name: str) -> Callable[[CheckContext, Response, Case], bool | None]:
        """A check of schemathesis whose outcome is kept in place of being raised."""
        check: Any = CHECKS.get_one(name)

        def run(context: CheckContext, response: Response, case: Case) -> bool | None:
            context.auth_enforced_operations = self._enforced
            sent = self.bridge.last
            try:
                skipped = bool(check(context, response, case))
            except (Failure, FailureGroup) as error:
                self._keep(name, error)
                return None
            finally:
                self.bridge.last = sent
            if not skipped and (name in self.occasions or applies(name, case, response)):
                self.tallies[name].applied += 1
            return skipped

        run.__name__ = name
        return run

    def _keep(self, name: str, error: Failure | FailureGroup) -> None:
        failures = error.exceptions if isinstance(error, FailureGroup) else (error,)
        for failure in failures:
            if isinstance(failure, Failure) and self._pardons(failure):
                self.tallies[name].applied += 1
            elif isinstance(failure, Failure) and self.bridge.last is not None:
                operation, observation = self.bridge.last
                text = said(failure.title, failure.message)
                self.tallies[name].keep(Finding(name, text, operation, observation, self.before))
                self._failures.append((name, failure))
