"""`idempotent:`: the same write twice under one key is done once, and under another key once more.

idempotent: {header: Idempotency-Key, id: $.id, unchanged: {request: GET /residents, value: $.total}}
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from pytest_sysint.contracts._words import Asked, Probed, Subject
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import Assertion
from pytest_sysint.declaration.checks import read_check
from pytest_sysint.declaration.explain import came, read_model
from pytest_sysint.declaration.shapes import model_schema
from pytest_sysint.expectations.subjects import subject
from pytest_sysint.expectations.values import plain, same, show
from pytest_sysint.expectations.verdicts import MISSING

_HEADERS = "headers"


class Unchanged(Declared):
    """What the second write must leave as it is."""

    request: str = Field(description="What is asked, such as GET /residents.")
    query: dict[str, Any] = Field(default_factory=dict, description="Query parameters of that request.")
    value: str = Field("$", description="What of the answer is compared; default: all of its body.")


class IdempotentKeys(Declared):
    """The same write twice under one key is done once."""

    header: str = Field("Idempotency-Key", min_length=1, description="The header with the key of a write.")
    id: str = Field("", description="What tells two results apart, such as $.id; default: the whole body.")
    unchanged: Unchanged | None = Field(None, description="A listing or a count that the repeated write leaves alone.")
    another: bool = Field(True, description="Whether the same write under another key must make another.")


@dataclass(frozen=True, slots=True)
class Idempotent:
    """Writes again under the same key, then under another."""

    keys: IdempotentKeys
    conversations: int

    def prepare(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._under_key(raw)

    def _under_key(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        name = self.keys.header
        given = {each: value for each, value in (raw.get(_HEADERS) or {}).items() if each.lower() != name.lower()}
        return {**raw, _HEADERS: {**given, name: f"sysint-{uuid.uuid4().hex}"}}

    def probe(self, asked: Asked) -> Probed:
        """The verdicts on the repeated write, on what it left alone, and on the write under another key."""
        before = self._look(asked)
        again = asked.context.perform(asked.operation)
        found = [self._status(again, asked, "again"), *self._answer(again, asked)]
        asked.made(again)
        culprit = asked.operation
        after = self._look(asked)
        if before is not None and after is not None:
            found.append(self._unchanged(before, after, asked.tenant))
        if self.keys.another:
            culprit = asked.another(self._under_key(asked.raw))
            other = asked.context.perform(culprit)
            asked.made(other)
            found += [self._status(other, asked, "another"), *self._another(other, asked)]
        failed = any(each.status == "failed" for each in found)
        return Probed(tuple(found), asked.operation if failed else None)

    def _look(self, asked: Asked) -> Any:
        """What must not change; None where nothing is declared."""
        if self.keys.unchanged is None:
            return None
        raw = asked.fill({"request": self.keys.unchanged.request, "query": self.keys.unchanged.query})
        return _value(self.keys.unchanged.value, asked.context.perform(asked.another(raw)))

    def _status(self, answer: Observation, asked: Asked, which: str) -> Assertion:
        first, status = asked.observation.facts.get("status"), answer.facts.get("status")
        key = "the same key" if which == "again" else "another key"
        holds = _succeeded(answer)
        said = f"the status under {key} was {status}, after {first} at first"
        return _said(f"idempotent {which} status", holds, said, "a success, as at first", status, asked.tenant)

    def _answer(self, answer: Observation, asked: Asked) -> list[Assertion]:
        path = self.keys.id or "$"
        first, second = _value(path, asked.observation), _value(path, answer)
        what = f"{path} under the same key"
        if isinstance(first, _Nothing) or isinstance(second, _Nothing):
            lacking = first if isinstance(first, _Nothing) else second
            return [_said("idempotent answer", False, f"{what}: {lacking.said}", "a value", None, asked.tenant)]
        said = f"{what} was {show(second)}, and {show(first)} at first"
        return [_said("idempotent answer", same(second, first), said, "the same answer twice", second, asked.tenant)]

    def _unchanged(self, before: Any, after: Any, tenant: str) -> Assertion:
        assert self.keys.unchanged is not None
        what = f"{self.keys.unchanged.value} of {self.keys.unchanged.request}"
        if isinstance(before, _Nothing):
            return _said("idempotent unchanged", False, f"{what}: {before.said}", "a value", None, tenant)
        said = f"{what} was {show(before)} after the first write, and {show(after)} after the second under its key"
        return _said("idempotent unchanged", same(after, before), said, "nothing changed", after, tenant)

    def _another(self, answer: Observation, asked: Asked) -> list[Assertion]:
        path = self.keys.id or "$"
        first, other = _value(path, asked.observation), _value(path, answer)
        said = f"{path} under another key was {show(other)}, and {show(first)} at first"
        differs = not isinstance(other, _Nothing) and not same(other, first)
        return [_said("idempotent another", differs, said, "another one under another key", other, asked.tenant)]


@dataclass(frozen=True, slots=True)
class _Nothing:
    """Stands for a value that is not there."""

    said: str


def _value(path: str, observation: Observation) -> Any:
    found = subject(path).select(observation)
    return _Nothing(found.lacking) if found.value is MISSING else found.value


def _succeeded(observation: Observation) -> bool:
    status = observation.facts.get("status")
    return isinstance(status, int) and 200 <= status < 300


def _said(name: str, holds: bool, said: str, expected: str, actual: Any, tenant: str) -> Assertion:
    return Assertion(
        name=name,
        status="passed" if holds else "failed",
        message=said if holds else f"{said}; expected {expected}",
        expected=expected,
        actual=None if isinstance(actual, _Nothing) else plain(actual),
        tenant_id=tenant,
    )


class IdempotentWord:
    """The word `idempotent`."""

    schema: ClassVar[Mapping[str, Any]] = {
        "description": "The same write twice under one key is done once, and under another key once more.",
        "anyOf": [{"const": True}, model_schema(IdempotentKeys)],
    }
    http: ClassVar[bool] = True
    default_expect: ClassVar[Mapping[str, Any] | None] = {"status": {"between": [200, 299]}}

    def read(self, value: Any, of: Subject) -> Idempotent:
        """Raises Mistakes with everything that is wrong with it."""
        if value is not True and not isinstance(value, Mapping):
            raise Mistakes(Mistake((), f"expected true or a map such as {{id: $.id}}, got {came(value)}"))
        keys = read_model(IdempotentKeys, {} if value is True else value)
        if keys.unchanged is not None:
            _check_unchanged(keys.unchanged, of)
        try:
            subject(keys.id or "$")
        except ValueError as error:
            raise Mistakes(Mistake(("id",), str(error))) from None
        return Idempotent(keys, 1 + 2 * (keys.unchanged is not None) + keys.another)


def _check_unchanged(unchanged: Unchanged, of: Subject) -> None:
    try:
        look = read_check({"request": unchanged.request, "query": unchanged.query}, of.cls)
        subject(unchanged.value)
    except Mistakes as error:
        raise error.under("unchanged") from None
    except ValueError as error:
        raise Mistakes(Mistake(("unchanged", "value"), str(error))) from None
    if look.operation.effect() != "read":
        raise Mistakes(Mistake(("unchanged", "request"), "looking must not write: use GET"))
