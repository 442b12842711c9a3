"""The examination of one operation: requests made from its document, each answer held against what it says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.errors import HypothesisException, Unsatisfiable
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import CHECKS, CheckContext
from schemathesis.core.errors import SchemathesisError
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation.drivers import CoverageGenerator, ExamplesGenerator
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.generation.meta import CoveragePhaseData, CoverageScenario
from schemathesis.generation.overrides import Override
from schemathesis.schemas import APIOperation

from pytest_sysint.contracts._generated.applies import applies
from pytest_sysint.contracts._generated.bridge import Bridge, Halt
from pytest_sysint.contracts._generated.coverage import Coverage, sent_by
from pytest_sysint.contracts._generated.finding import Finding, Tally, said
from pytest_sysint.core.errors import CallError

Tested = APIOperation[Any, Any, Any, Any]

_SHRINKING_REQUESTS = 150
_EDGES_LOOKED_AT = 600


class Clock:
    """How long an examination may take, and how much of that may go into making a failing request smaller."""

    def __init__(self, seconds: float, shrinking: float) -> None:
        self.started = time.monotonic()
        self._until = self.started + seconds
        self._shrinking = shrinking
        self._left = _SHRINKING_REQUESTS
        self._found: float | None = None

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._until

    def found(self) -> None:
        """From now on every request is one for a smaller example."""
        if self._found is None:
            self._found = time.monotonic()

    def tick(self) -> None:
        """Ahead of each request.

        Raises:
            Halt: when the time is up.

        """
        if self._found is not None:
            self._left -= 1
            if self._left < 0 or time.monotonic() - self._found > self._shrinking:
                raise Halt
        if self.over:
            raise Halt

    def rest(self) -> None:
        """The search for a smaller example is over."""
        self._found, self._left = None, _SHRINKING_REQUESTS


class Examiner:
    """Sends cases and judges their answers; keeps what was found."""

    def __init__(self, bridge: Bridge, base: str, checks: Iterable[str], coverage: Coverage) -> None:
        self.bridge = bridge
        self.tallies = {name: Tally() for name in checks}
        self.coverage = coverage
        self.trouble: list[str] = []
        """Why requests could not be made from the document."""
        self._arguments = bridge.arguments(base)
        self._transport = {name: value for name, value in self._arguments.items() if value is not None}
        self._enforced: set[str] = set()
        self._failures: list[tuple[str, Failure]] = []
        self._checks = [self._observed(name) for name in self.tallies]

    def judge(self, case: Case, **more: Any) -> list[tuple[str, Failure]]:
        """Send one case; what did not hold, by the name of the check.

        Raises:
            Halt: when the conversation went wrong, or schemathesis could not judge it.

        """
        self._failures = []
        try:
            response = case.call(**self._arguments)
            self.coverage.note(response.status_code, sent_by(case) | self._own())
            case.validate_response(
                response,
                checks=list(self._checks),
                headers=self._arguments["headers"],
                transport_kwargs=dict(self._transport),
                **more,
            )
        except HypothesisException:
            raise
        except Exception as error:
            raise Halt(error) from error
        return self._failures

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
            if not skipped and applies(name, case, response):
                self.tallies[name].applied += 1
            return skipped

        run.__name__ = name
        return run

    def _keep(self, name: str, error: Failure | FailureGroup) -> None:
        failures = error.exceptions if isinstance(error, FailureGroup) else (error,)
        for failure in failures:
            if isinstance(failure, Failure) and self.bridge.last is not None:
                operation, observation = self.bridge.last
                self.tallies[name].keep(Finding(name, said(failure.title, failure.message), operation, observation))
                self._failures.append((name, failure))


def examine(operation: Tested, examiner: Examiner, clock: Clock, *, examples: int, seed: int, fixed: Override) -> None:
    """Send up to `examples` requests to an operation, and some more to make a failing one smaller.

    Raises:
        CallError: when a conversation went wrong.

    """
    try:
        negatives = _known_cases(operation, examiner, examples, fixed)
        rest = max(examples - examiner.bridge.sent, 2)
        _drawn(operation, examiner, clock, GenerationMode.POSITIVE, rest - rest // 2, seed, fixed)
        if negatives:
            _drawn(operation, examiner, clock, GenerationMode.NEGATIVE, rest // 2, seed, fixed)
    except Halt as halt:
        if isinstance(halt.error, SchemathesisError):
            examiner.trouble.append(str(halt.error))
        elif halt.error is not None:
            raise halt.error from None
    except (SchemathesisError, Unsatisfiable) as error:
        examiner.trouble.append(str(error))


def _known_cases(operation: Tested, examiner: Examiner, examples: int, fixed: Override) -> bool:
    """The examples of the document, then edge values; whether there is anything that can be made invalid."""
    written = ExamplesGenerator(operation=operation, override=fixed, feedback=NO_FEEDBACK, fill_missing=False)
    for case in islice(written, examples):
        examiner.judge(case)
    edges = list(_edges(operation, fixed))
    for case in _spread(edges, (examples - examiner.bridge.sent + 1) // 2):
        examiner.judge(case)
    return any(_is_negative(case) and not _is_probe(case) for case in edges)


def _drawn(
    operation: Tested, examiner: Examiner, clock: Clock, mode: GenerationMode, count: int, seed: int, fixed: Override
) -> None:
    """Cases drawn by Hypothesis; what fails for the first time is made smaller."""
    settled = {name for name, tally in examiner.tallies.items() if tally.finding}

    def judge(case: Case) -> None:
        new = [failure for name, failure in examiner.judge(case) if name not in settled]
        if new:
            clock.found()
            raise new[0]

    strategy = operation.as_strategy(generation_mode=mode, feedback=NO_FEEDBACK, **fixed.as_strategy_kwargs())
    test = hypothesis.seed(seed)(settings(count)(hypothesis.given(strategy)(judge)))
    try:
        test()
    except (Failure, ExceptionGroup, HypothesisException) as error:
        if isinstance(error, Unsatisfiable) and mode is GenerationMode.POSITIVE:
            raise
    finally:
        clock.rest()


def settings(count: int, **more: Any) -> hypothesis.settings:
    """Hypothesis without a memory, without a clock and without a word of its own."""
    return hypothesis.settings(
        max_examples=max(count, 1),
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        **more,
    )


def _edges(operation: Tested, fixed: Override) -> Iterator[Case]:
    """Edge values of each parameter, one at a time, right and wrong ones."""
    generation = operation.schema.config.generation_for(operation=operation, phase="coverage")
    cases = CoverageGenerator(
        operation=operation,
        generation_modes=generation.modes,
        generation_config=generation,
        auth_storage=None,
        override=fixed,
        feedback=NO_FEEDBACK,
    )
    for case in islice(cases, _EDGES_LOOKED_AT):
        if case.method.lower() == operation.method.lower():
            yield case


def _spread(cases: list[Case], count: int) -> list[Case]:
    """So many of them, from all over: first those that leave out a required header, which nothing else tries."""
    first = [case for case in cases if _scenario(case) is CoverageScenario.MISSING_PARAMETER and _of_header(case)]
    others = [case for case in cases if case not in first]
    room = min(max(count - len(first), 0), len(others))
    return first + [others[index * len(others) // room] for index in range(room)]


def _scenario(case: Case) -> CoverageScenario | None:
    data = case.meta.phase.data if case.meta is not None else None
    return data.scenario if isinstance(data, CoveragePhaseData) else None


def _of_header(case: Case) -> bool:
    data = case.meta.phase.data if case.meta is not None else None
    return isinstance(data, CoveragePhaseData) and str(data.parameter_location) == "header"


def _is_negative(case: Case) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_negative


def _is_probe(case: Case) -> bool:
    return _scenario(case) in (CoverageScenario.MALFORMED_CONTENT_TYPE, CoverageScenario.UNSUPPORTED_CONTENT_TYPE)


