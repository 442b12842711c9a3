"""One step of an exchange: an operation, what is expected of it, and what later steps take from its answer."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pytest_sysint.checks._operation import Judge, Judged, expectations_of, holds, passed, reproduce
from pytest_sysint.contracts._placeholders import UNIQUE, as_text, fill, placeholders, written
from pytest_sysint.contracts._words import Asked, Probe, Subject, Type, words
from pytest_sysint.core.capabilities import Requestable
from pytest_sysint.core.check import CHECK_KEYS, Context, Outcome
from pytest_sysint.core.errors import CallError, Mistake, Mistakes, nearest
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.records import Assertion
from pytest_sysint.core.secrets import learn, redact, telling
from pytest_sysint.declaration.checks import DeclaredCheck, operations_of, read_check
from pytest_sysint.declaration.explain import Gathered, came
from pytest_sysint.declaration.shapes import fields_by_key
from pytest_sysint.declaration.words import suggest
from pytest_sysint.expectations.subjects import subject
from pytest_sysint.expectations.values import show
from pytest_sysint.expectations.verdicts import MISSING, Many

STEP_KEYS = frozenset({"name", "description", "expect", "poll"})
"""The keys of every check that a step may have; the others are the whole exchange's."""
CAPTURE = "capture"
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Step:
    """One step, read."""

    cls: Type
    raw: Mapping[str, Any]
    """The keys that make the declared check: the operation's own, `expect`, `poll`, ..."""
    check: DeclaredCheck
    """Read from the keys as they are written; it is carried out only where they hold no placeholder."""
    judgements: tuple[Judge, ...] = ()
    probes: tuple[Probe, ...] = ()
    default_expect: Mapping[str, Any] | None = None
    capture: Mapping[str, str] = field(default_factory=dict)
    """Name -> the subject that it takes."""
    needs: frozenset[str] = frozenset()
    """The placeholders in it, its judgements included."""

    @property
    def label(self) -> str:
        """What it is called where a person reads of it."""
        return self.check.name

    @property
    def conversations(self) -> int:
        """How many conversations it may hold."""
        return 1 + sum(probe.conversations for probe in self.probes)

    def run(self, context: Context, values: dict[str, Any], tenant: str, made: list[dict[str, Any]]) -> Outcome:
        """Carry it out, judge it, and put what it captures into `values`. What more it made goes into `made`.

        Raises:
            CallError: when a conversation goes wrong, with what is known in its `partial`.
            Mistakes: when what was captured cannot be used in it.

        """
        url = str(context.integration.settings.url)
        raw = self._filled(self.raw, values, url)
        for probe in self.probes:
            raw = dict(probe.prepare(raw))
        check = self.check if raw == self.raw else read_check(raw, self.cls)
        seen = _Seen(self.capture)
        own = (*expectations_of(check, self.default_expect), *self.judgements)
        outcome = Judged(check.operation, (*own, seen), check.poll, tenant)(context)
        if not outcome.assertions:
            outcome = replace(outcome, assertions=(passed("answered", "answered", "an answer", "answered", tenant),))
        before = dict(values)
        values.update(seen.captured)
        if not holds(outcome.assertions) or seen.observation is None:
            return outcome

        def note(observation: Observation) -> None:
            more = _Seen(self.capture)
            more.judge(observation, tenant)
            made.append(more.captured)

        asked = Asked(
            operation=check.operation,
            raw={key: value for key, value in raw.items() if key not in CHECK_KEYS},
            observation=seen.observation,
            another=lambda keys: read_check(dict(keys), self.cls).operation,
            fill=lambda keys: self._filled(keys, before, url),
            judge=lambda observation: tuple(found for each in own for found in each.judge(observation, tenant)),
            made=note,
            context=context,
            tenant=tenant,
        )
        return self._probed(asked, outcome)

    def _probed(self, asked: Asked, outcome: Outcome) -> Outcome:
        for probe in self.probes:
            try:
                found = probe.probe(asked)
            except CallError as error:
                error.partial = replace(outcome, reproduce=reproduce(asked.context, asked.operation))
                raise
            command = reproduce(asked.context, found.culprit or asked.operation)
            outcome = replace(
                outcome,
                assertions=(*outcome.assertions, *found.assertions),
                metrics={**outcome.metrics, **found.metrics},
                reproduce=outcome.reproduce or ("" if holds(found.assertions) else command),
            )
        return outcome

    def _filled(self, raw: Mapping[str, Any], values: Mapping[str, Any], url: str) -> dict[str, Any]:
        try:
            filled = fill(raw, values, url)
            if filled == raw:
                return filled
            read_check(filled, self.cls)
        except ValueError as error:
            raise Mistakes(Mistake((), str(error))) from None
        except Mistakes as error:
            filled = as_text(filled, {mistake.path for mistake in error.mistakes})
        return filled


class _Seen:
    """Keeps the last answer, and what is captured of it."""

    def __init__(self, capture: Mapping[str, str]) -> None:
        self.captured: dict[str, Any] = {}
        self.observation: Observation | None = None
        self._capture = capture

    def judge(self, observation: Observation, tenant: str) -> tuple[Assertion, ...]:
        """An assertion for each capture: one that finds nothing fails."""
        self.observation, self.captured = observation, {}
        return tuple(self._take(name, written, tenant) for name, written in self._capture.items())

    def _take(self, name: str, path: str, tenant: str) -> Assertion:
        selection = subject(path).select(observation=self.observation or Observation())
        value = selection.value
        if isinstance(value, Many):
            value = value[0] if value else MISSING
        there = value is not MISSING and value is not None
        if there:
            self.captured[name] = value
            if telling(name):
                learn(written(value))
        lacking = selection.lacking or f"'{path}' is null"
        return Assertion(
            name=f"capture {name}",
            status="passed" if there else "failed",
            message=f"captured {name} = {show(value)}" if there else f"nothing to capture as '{name}': {lacking}",
            expected=f"a value at {path}",
            actual=show(value) if there else None,
            tenant_id=tenant,
        )


def read_step(raw: Any, cls: Type, folder: Path, known: Collection[str]) -> Step:
    """Read one step. `known` are the names captured before it.

    Raises:
        Mistakes: everything that is wrong with it.

    """
    if not isinstance(raw, Mapping):
        raise Mistakes(Mistake((), f"expected a step, a map with one operation; got {came(raw)}"))
    mistakes = Gathered()
    mistakes.keep(*_misspelt(raw, cls))
    own = {key: raw[key] for key in raw if key not in words() and key != CAPTURE}
    needs = list(placeholders({key: raw[key] for key in raw if key != CAPTURE}))
    for path, name in needs:
        if name not in known:
            said = f"nothing is captured as '{name}' before this{suggest(name, known)}; write {{{{{name}}}}} for a"
            mistakes.keep(Mistake(path, f"{said} plain {{{name}}}"))
    check = mistakes.attempt(_read_written, own, cls) if not mistakes.failed else None
    judgements = mistakes.attempt(_read_words, raw, cls, folder)
    capture = mistakes.attempt(_read_capture, raw[CAPTURE]) if CAPTURE in raw else {}
    if mistakes.failed or check is None or judgements is None or capture is None:
        raise Mistakes(*mistakes.found)
    defaults = [words()[key].default_expect for key in raw if key in words()]
    return Step(
        cls,
        own,
        replace(check, line=getattr(raw, "line", 0)),
        tuple(each for each in judgements if not isinstance(each, Probe)),
        tuple(each for each in judgements if isinstance(each, Probe)),
        next((each for each in defaults if each is not None), None),
        capture,
        frozenset(name for _, name in needs),
    )


def _misspelt(raw: Mapping[str, Any], cls: Type) -> list[Mistake]:
    """Keys that are nearly a word of ours: `read_check` knows those of checks and operations alone."""
    ours = {*words(), CAPTURE}
    known = {*ours, *CHECK_KEYS, *operations_of(cls)}
    fields = {key for operation in operations_of(cls).values() for key in fields_by_key(operation)}
    strange = [key for key in raw if key not in known | fields]
    guesses = {key: nearest(str(key), [*known, *fields]) for key in strange}
    return [Mistake((key,), f"unknown key{suggest(str(key), ours)}") for key in strange if guesses[key] in ours]


def _read_written(raw: Mapping[str, Any], cls: Type) -> DeclaredCheck:
    """The check as it is written. Where that only fails for a placeholder, with something in its place."""
    names = {name for _, name in placeholders(dict(raw))}
    try:
        return read_check(raw, cls)
    except Mistakes:
        if not names:
            raise
        for stand_in in ("/1", 1):
            try:
                check = read_check(fill(raw, dict.fromkeys(names, stand_in)), cls)
            except Mistakes:
                continue
            return check if "name" in raw else replace(check, name=redact(str(raw[check.operation.key()])))
        raise


def _read_words(raw: Mapping[str, Any], cls: Type, folder: Path) -> list[Judge | Probe]:
    mistakes, found = Gathered(), []
    for key in raw:
        if key in words():
            judgement = mistakes.attempt(_read_word, key, Subject(cls, folder, raw))
            found += [judgement] if judgement is not None else []
    if mistakes.failed:
        raise Mistakes(*mistakes.found)
    return found


def _read_word(key: str, of: Subject) -> Judge | Probe:
    word = words()[key]
    if word.http and not (issubclass(of.cls, Requestable) and "request" in of.raw):
        raise Mistakes(Mistake((key,), f"'{key}' judges an HTTP request, which this is not"))
    try:
        return word.read(of.raw[key], of)
    except Mistakes as error:
        raise error.under(key) from None


def _read_capture(raw: Any) -> Mapping[str, str]:
    if not isinstance(raw, Mapping) or not raw:
        raise Mistakes(Mistake((CAPTURE,), f"expected names and what they take, such as {{id: $.id}}; got {came(raw)}"))
    mistakes = Gathered()
    for name, path in raw.items():
        if not _NAME.fullmatch(str(name)) or name == UNIQUE:
            said = "is always there" if name == UNIQUE else "is no name: letters, digits and _"
            mistakes.keep(Mistake((CAPTURE, name), f"'{name}' {said}"))
        if not isinstance(path, str):
            mistakes.keep(Mistake((CAPTURE, name), f"expected a path such as $.id or headers.etag, got {came(path)}"))
            continue
        try:
            subject(path)
        except ValueError as error:
            mistakes.keep(Mistake((CAPTURE, name), str(error)))
    if mistakes.failed:
        raise Mistakes(*mistakes.found)
    return dict(raw)
