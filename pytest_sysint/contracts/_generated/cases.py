"""The cases of one operation: the examples of the document, edge values, and what Hypothesis draws."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, strategies
from hypothesis.errors import HypothesisException, Unsatisfiable

from pytest_sysint.contracts._generated.bridge import Halt
from pytest_sysint.contracts._generated.exam import Clock, Examiner
from pytest_sysint.contracts._generated.library import (
    NO_FEEDBACK,
    Case,
    CoverageGenerator,
    CoveragePhaseData,
    CoverageScenario,
    ExamplesGenerator,
    Failure,
    GenerationMode,
    GenerationSession,
    Override,
    ParameterLocation,
    SchemathesisError,
    Tested,
)

_EDGES_LOOKED_AT = 600


@cache
def warm_up() -> None:
    """Have Hypothesis make its tables of characters and constants, ahead of any examination's time: it takes seconds on
    a machine that has none yet.
    """
    settings(1)(hypothesis.given(strategies.text(), strategies.integers())(lambda _, __: None))()


def examine(
    operation: Tested,
    examiner: Examiner,
    clock: Clock,
    *,
    examples: int,
    seed: int,
    fixed: Override,
    wrong: bool | None = None,
) -> None:
    """Send up to `examples` requests to an operation, and some more to make a failing one smaller.

    `wrong` says whether there are requests that its document forbids; None leaves that to its edge values.

    Raises:
        CallError: when a conversation went wrong.

    """
    try:
        negatives = _known_cases(operation, examiner, examples, fixed)
        rest = max(examples - examiner.bridge.sent, 2)
        _drawn(operation, examiner, clock, GenerationMode.POSITIVE, rest - rest // 2, seed, fixed)
        if negatives if wrong is None else wrong:
            _drawn(operation, examiner, clock, GenerationMode.NEGATIVE, rest // 2, seed, fixed)
    except Halt as halt:
        if isinstance(halt.error, SchemathesisError):
            examiner.trouble.append(str(halt.error))
        elif halt.error is not None:
            raise halt.error from None
    except (SchemathesisError, Unsatisfiable) as error:
        examiner.trouble.append(str(error))


def other_methods(operation: Tested, examiner: Examiner, fixed: Override) -> None:
    """Send one request by each method that the path of the operation does not have.

    Raises:
        CallError: when a conversation went wrong.

    """
    try:
        for case in _coverage(operation, fixed, [GenerationMode.NEGATIVE]):
            if case.method.lower() != operation.method.lower():
                examiner.judge(case)
    except Halt as halt:
        if halt.error is not None:
            raise halt.error from None


def _known_cases(operation: Tested, examiner: Examiner, examples: int, fixed: Override) -> bool:
    """The examples of the document, then edge values; whether there is anything that can be made invalid."""
    written = ExamplesGenerator(operation=operation, override=fixed, feedback=NO_FEEDBACK, fill_missing=False)
    for case in islice(written, examples):
        examiner.judge(case)
    edges = [case for case in _edges(operation, fixed) if not _of_fixed(case, fixed) or _leaves_out_header(case)]
    for case in _chosen(edges, max(examples - examiner.bridge.sent, 0) * 3 // 5):
        examiner.judge(case)
    return any(_is_negative(case) and not _is_probe(case) and not _of_fixed(case, fixed) for case in edges)


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
    some = islice(_coverage(operation, fixed), _EDGES_LOOKED_AT)
    return (case for case in some if case.method.lower() == operation.method.lower())


def _coverage(operation: Tested, fixed: Override, modes: list[GenerationMode] | None = None) -> Iterator[Case]:
    """Requests that leave the usual ones in one way each; those by other methods come after all of the parameters'."""
    generation = operation.schema.config.generation_for(operation=operation, phase="coverage")
    cases = CoverageGenerator(
        operation=operation,
        generation_modes=modes or generation.modes,
        generation_config=generation,
        auth_storage=None,
        override=fixed,
        feedback=NO_FEEDBACK,
        session=GenerationSession(),
    )
    return iter(cases)


def _chosen(cases: list[Case], count: int) -> list[Case]:
    """So many of them: first those that leave out a required header, which nothing else tries; right and wrong ones."""
    first = [case for case in cases if _leaves_out_header(case)][:count]
    others = [case for case in cases if not _leaves_out_header(case)]
    wrong = [case for case in others if _is_negative(case)]
    right = [case for case in others if not _is_negative(case)]
    room = count - len(first)
    some = _spread(right, max(room // 2, room - len(wrong)))
    return first + some + _spread(wrong, room - len(some))


def _spread(cases: list[Case], count: int) -> list[Case]:
    """So many of them, from all over, the first and the last among them."""
    if count >= len(cases) or count < 2:
        return cases[: max(count, 0)]
    return [cases[index * (len(cases) - 1) // (count - 1)] for index in range(count)]


def _scenario(case: Case) -> CoverageScenario | None:
    data = case.meta.phase.data if case.meta is not None else None
    return data.scenario if isinstance(data, CoveragePhaseData) else None


def _leaves_out_header(case: Case) -> bool:
    data = case.meta.phase.data if case.meta is not None else None
    of_header = isinstance(data, CoveragePhaseData) and data.parameter_location is ParameterLocation.HEADER
    return of_header and _scenario(case) is CoverageScenario.MISSING_PARAMETER


def _of_fixed(case: Case, fixed: Override) -> bool:
    """Whether it is about a parameter that has one value in all requests."""
    data = case.meta.phase.data if case.meta is not None else None
    name = str(data.parameter) if isinstance(data, CoveragePhaseData) else ""
    return any(name in held for _, held in fixed.items())


def _is_negative(case: Case) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_negative


def _is_probe(case: Case) -> bool:
    return _scenario(case) in (CoverageScenario.MALFORMED_CONTENT_TYPE, CoverageScenario.UNSUPPORTED_CONTENT_TYPE)
