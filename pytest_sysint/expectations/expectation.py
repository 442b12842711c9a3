"""An `expect:` map, compiled once and judged as often as needed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pytest_sysint.core import units
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.records import SHARED, Assertion
from pytest_sysint.core.units import Dimension
from pytest_sysint.expectations.reading import SEVERITIES, WORDS, Path, Reader
from pytest_sysint.expectations.subjects import Given, Selection, Subject, dimension_of, subject
from pytest_sysint.expectations.values import Number, plain, show
from pytest_sysint.expectations.verdicts import Matcher, Verdict

_TEXT_ROOM = 300


@dataclass(frozen=True, slots=True)
class _Clause:
    """One subject and what must hold of it, at one severity."""

    name: str
    subject: Subject
    matcher: Matcher
    raw: Any
    severity: Literal["fail", "warn"]
    dimension: Dimension | None

    def judge(self, observation: Observation, tenant: str) -> Assertion:
        selection = self.subject.select(observation)
        verdict = self._verdict(selection.value)
        quantity = "" if selection.lacking else self._quantity(selection.value, verdict)
        return Assertion(
            name=self.name,
            status="passed" if verdict.holds else "failed",
            message=self._message(selection, verdict, quantity),
            expected=plain(self.raw),
            actual=None if selection.lacking else quantity or plain(selection.value),
            severity=self.severity,
            tenant_id=tenant,
        )

    def _verdict(self, value: Any) -> Verdict:
        try:
            return self.matcher.judge(value)
        except RecursionError:
            return Verdict(None, "it is nested too deep to be judged")

    def _message(self, selection: Selection, verdict: Verdict, quantity: str) -> str:
        expected = _cut(self.matcher.text)
        if selection.lacking:
            return f"{selection.lacking}; expected {expected}"
        detail = f": {verdict.detail}" if verdict.detail and not verdict.holds else ""
        return f"{self.name} was {quantity or show(selection.value)}, expected {expected}{detail}"

    def _quantity(self, value: Any, verdict: Verdict) -> str:
        """A number as a person would write it, with as many digits as the verdict turns on; empty without a unit."""
        if self.dimension in (None, "number") or isinstance(value, bool) or not isinstance(value, Number):
            return ""
        number = float(value)
        shown = units.show(number, self.dimension)
        for digits in (6, 15):
            if not math.isfinite(number) or self._is_faithful(shown, number, verdict):
                break
            shown = units.show(number, self.dimension, digits)
        return shown

    def _is_faithful(self, shown: str, number: float, verdict: Verdict) -> bool:
        """Whether a rounded number leads to the same verdict, and does not look like a bound that it is not."""
        rounded = units.parse(shown).value
        looks_like_bound = shown in self.matcher.text and rounded != number
        return not looks_like_bound and self._verdict(rounded).holds == verdict.holds


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_ROOM else f"{text[:_TEXT_ROOM]}..."


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an observation must satisfy. Frozen and safe to use from many threads."""

    clauses: tuple[_Clause, ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        """What is judged, each once, in the order of the declaration."""
        return tuple(dict.fromkeys(clause.name for clause in self.clauses))

    def judge(self, observation: Observation, tenant: str = SHARED) -> tuple[Assertion, ...]:
        """One assertion per subject and severity; never none, and never an exception for what was observed."""
        return tuple(clause.judge(observation, tenant) for clause in self.clauses)


def compile_expectation(raw: Any, dimensions: Mapping[str, Dimension] | None = None) -> Expectation:
    """Read an `expect:` map: subject -> matcher.

    `dimensions` says what subjects are measured in, beside those that everybody knows (latency, phases, size, age).

    Raises:
        Mistakes: everything that is wrong with it, each with its path within the map.

    """
    if not isinstance(raw, Mapping):
        raise Mistakes(Mistake((), f"expected a map of subject and matcher, such as {{status: 200}}, came {show(raw)}"))
    if not raw:
        raise Mistakes(Mistake((), "an empty expectation judges nothing; name a subject, such as {status: 200}"))
    clauses: list[_Clause] = []
    mistakes: list[Mistake] = []
    for name, matcher in raw.items():
        found, wrong = _read(name, matcher, dimensions or {})
        clauses += found
        mistakes += wrong
    if mistakes:
        raise Mistakes(*mistakes)
    return Expectation(tuple(clauses))


def _read(name: Any, raw: Any, dimensions: Mapping[str, Dimension]) -> tuple[list[_Clause], list[Mistake]]:
    if not isinstance(name, str):
        return [], [Mistake((str(name),), f"a subject is a text, came {show(name)}")]
    if name in ("any_of", "all_of", "not", *SEVERITIES):
        return [], [Mistake((name,), f"'{name}' stands under a subject: {{status: {{{name}: ...}}}}")]
    try:
        found = subject(name)
    except ValueError as error:
        return [], [Mistake((name,), str(error))]
    return _clauses(name, found, raw, (name,), dimension_of(name, dimensions))


def compile_value(name: str, raw: Any, dimension: Dimension | None = None) -> Expectation:
    """Read the matcher of one value. It is called `name` in the assertions, and judged as an observation's payload.

    Where there is no value, the observation has a fact `lacking` instead: a sentence that says so.

    Raises:
        Mistakes: everything that is wrong with the matcher, each with its path within it.

    """
    clauses, mistakes = _clauses(name, Given(), raw, (), dimension)
    if mistakes:
        raise Mistakes(*mistakes)
    return Expectation(tuple(clauses))


def _clauses(
    name: str, found: Subject, raw: Any, path: Path, dimension: Dimension | None
) -> tuple[list[_Clause], list[Mistake]]:
    reader = Reader(dimension)
    clauses = [
        _Clause(name, found, reader.matcher(part, where), part, severity, reader.dimension)
        for severity, part, where in _by_severity(reader, raw, path)
    ]
    return clauses, reader.mistakes


def _by_severity(reader: Reader, raw: Any, path: Path) -> list[tuple[Literal["fail", "warn"], Any, Path]]:
    if not isinstance(raw, Mapping) or not any(word in raw for word in SEVERITIES):
        return [("fail", raw, path)]
    beside = [word for word in raw if word not in SEVERITIES]
    if beside:
        known = f"; put '{beside[0]}' into `fail`" if beside[0] in WORDS else ""
        reader.wrong((*path, beside[0]), f"nothing stands beside `warn` and `fail`{known}")
    found: list[tuple[Literal["fail", "warn"], Any, Path]] = []
    if "warn" in raw:
        found.append(("warn", raw["warn"], (*path, "warn")))
    if "fail" in raw:
        found.append(("fail", raw["fail"], (*path, "fail")))
    return found
