"""Operations one after the other, along the links of a document: what one answers is what the next is asked with."""

from __future__ import annotations

from typing import Any

import hypothesis
from hypothesis.errors import HypothesisException

from pytest_sysint.contracts._generated.bridge import Halt
from pytest_sysint.contracts._generated.cases import settings
from pytest_sysint.contracts._generated.exam import Clock, Examiner
from pytest_sysint.contracts._generated.library import Case, Failure, ParameterLocation, Response
from pytest_sysint.contracts._generated.sending import Generated

_STEPS = 6


class Walk:
    """Walks along the links of a schema. What was found is the examiner's; here is how far it came."""

    def __init__(self, schema: Any, examiner: Examiner, clock: Clock) -> None:
        self._schema = schema
        self._examiner = examiner
        self._clock = clock
        self._settled = {name for name, tally in examiner.tallies.items() if tally.finding}
        self.walks = 0
        self.steps = 0

    def go(self, count: int, seed: int) -> None:
        """Up to `count` walks of a few steps.

        Raises:
            Halt: when a conversation went wrong.

        """
        machine = hypothesis.seed(seed)(self._machine())
        try:
            machine.run(settings=settings(count, stateful_step_count=_STEPS))
        except (Failure, ExceptionGroup, HypothesisException):
            pass  # it was kept when it was found; this ends the search for a smaller one
        except Halt as halt:
            if halt.error is not None:
                raise
        finally:
            self._clock.rest()

    def _machine(self) -> Any:
        walk, examiner, base = self, self._examiner, self._schema.as_state_machine()

        class Machine(base):  # type: ignore[misc, valid-type]
            def setup(self) -> None:
                walk.walks += 1
                self._trail: list[tuple[Generated, Case, Response]] = []

            def get_call_kwargs(self, case: Case) -> dict[str, Any]:
                return examiner.arguments(case.operation)

            def call(self, case: Case, **arguments: Any) -> Response:
                response: Response = walk.send(super().call, case, arguments)
                return response

            def validate_response(self, response: Response, case: Case, *_: Any, **__: Any) -> None:
                walk.judge(self._trail, case, response, self.recorder)

        return Machine

    def send(self, call: Any, case: Case, arguments: dict[str, Any]) -> Response:
        """One step."""
        try:
            response: Response = call(case, **arguments)
        except HypothesisException:
            raise
        except Exception as error:
            raise Halt(error) from error
        self.steps += 1
        self._examiner.note(case, response)
        return response

    def judge(self, trail: list[tuple[Generated, Case, Response]], case: Case, response: Response, seen: Any) -> None:
        """Hold the answer of a step against the document and against the steps before."""
        examiner = self._examiner
        examiner.before = tuple(operation for operation, _, _ in trail)
        examiner.occasions = _occasions(trail, case, {name.lower() for name in examiner.bridge.own()})
        assert examiner.bridge.last is not None
        trail.append((examiner.bridge.last[0], case, response))
        try:
            found = examiner.judge_answer(case, response, recorder=seen)
        except HypothesisException:
            raise
        except Exception as error:
            raise Halt(error) from error
        new = [failure for name, failure in found if name not in self._settled]
        if new:
            self._clock.found()
            raise new[0]


def _occasions(trail: list[tuple[Generated, Case, Response]], case: Case, own: set[str]) -> frozenset[str]:
    """Which checks over several requests have something to judge here."""
    done = {earlier.method for _, earlier, answer in trail if 200 <= answer.status_code < 300}
    found = {"use_after_free"} if "DELETE" in done and case.method in ("GET", "HEAD") else set()
    given = [each for each in case.operation.iter_parameters() if each.name.lower() not in own]
    linked = bool(given) and all(each.location is ParameterLocation.PATH for each in given)
    return frozenset(found | ({"ensure_resource_availability"} if "POST" in done and linked else set()))
