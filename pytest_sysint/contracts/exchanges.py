"""Declared exchanges: a request and what must come back, or several in order, with what one takes from another.

exchanges:
  - name: a resident is made, read and removed
    steps:
      - request: POST /residents
        json: {given: Ada}
        expect: {status: 201}
        capture: {id: $.id}
      - request: GET /residents/{id}
        expect: {status: 200, $.id: "{id}"}
    cleanup:
      - request: DELETE /residents/{id}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pytest_sysint.contracts._check import contract_check
from pytest_sysint.contracts._exchange import Exchange
from pytest_sysint.contracts._placeholders import UNIQUE
from pytest_sysint.contracts._steps import CAPTURE, STEP_KEYS, Step, read_step
from pytest_sysint.contracts._words import Type, words
from pytest_sysint.core.check import CHECK_KEYS, Check
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.records import EFFECTS
from pytest_sysint.declaration.checks import CheckKeys, check_schema, slug_of, told_apart
from pytest_sysint.declaration.explain import Gathered, came, read_model
from pytest_sysint.declaration.model import DeclaredIntegration
from pytest_sysint.declaration.words import suggest

_STEPS = "steps"
_CLEANUP = "cleanup"
_WHOLE = CHECK_KEYS - {"expect", "poll"}
"""Keys of every check that say something of the exchange as a whole."""
_STEP_ALONE = CHECK_KEYS - STEP_KEYS
_FORMS = "a list of exchanges, each with one operation or with `steps`"


@dataclass(frozen=True, slots=True)
class DeclaredExchange:
    """One exchange, read."""

    name: str
    slug: str
    keys: CheckKeys
    steps: tuple[Step, ...]
    cleanup: tuple[Step, ...]
    several: bool
    line: int


class Exchanges:
    """The form `exchanges`."""

    def suits(self, cls: Type) -> bool:
        """Every type that has operations."""
        return bool(cls.operations)

    def needs(self) -> str:
        """What a type must be able to do."""
        return "a type with operations"

    def read(self, raw: Any, cls: Type, folder: Path, _whole: dict[str, Any]) -> tuple[DeclaredExchange, ...]:
        """Read the list of exchanges.

        Raises:
            Mistakes: everything that is wrong with any of them, and names that stand twice.

        """
        if not isinstance(raw, list) or not raw:
            raise Mistakes(Mistake((), f"expected {_FORMS}; got {came(raw) if raw else 'nothing in it'}"))
        mistakes = Gathered()
        taken: set[str] = set()
        found: list[DeclaredExchange] = []
        for index, item in enumerate(raw):
            exchange = mistakes.attempt(_under, (index,), partial(_read, item, cls, folder))
            if exchange is None:
                continue
            if exchange.slug in taken and "name" in item:
                mistakes.keep(Mistake((index, "name"), f"another exchange above it has this name ('{exchange.slug}')"))
            taken.add(exchange.slug)
            found.append(exchange)
        if mistakes.failed:
            raise Mistakes(*mistakes.found)
        slugs = told_apart(each.slug for each in found)
        return tuple(replace(each, slug=slug) for each, slug in zip(found, slugs, strict=True))

    def schema(self, cls: Type) -> dict[str, Any]:
        """The JSON Schema of the list."""
        return _schema(cls)

    def checks(self, value: tuple[DeclaredExchange, ...], declared: DeclaredIntegration) -> Iterator[Check]:
        """One check for each exchange that is for the integration's tenant."""
        for each in value:
            if each.keys.tenants is None or declared.tenant in each.keys.tenants:
                yield _check(each, declared)


def _check(each: DeclaredExchange, declared: DeclaredIntegration) -> Check:
    keys = each.keys
    polls = [step.check.poll for step in (*each.steps, *each.cleanup) if step.check.poll is not None]
    longest = sum(poll.timeout for poll in polls)
    return contract_check(
        declared,
        each.name,
        Exchange(each.steps, each.cleanup, each.several, declared.tenant),
        " -> ".join(step.check.operation.title() for step in each.steps),
        slug=each.slug,
        severity=keys.severity or declared.severity,
        effect=max((step.check.operation.effect() for step in (*each.steps, *each.cleanup)), key=EFFECTS.index),
        timeout=keys.timeout or declared.timeout,
        poll=polls[0].model_copy(update={"timeout": longest}) if polls else None,
        conversations=max(3, sum(step.conversations for step in (*each.steps, *each.cleanup))),
        retry=keys.retry or declared.retry,
        budget=keys.budget or declared.budget,
        description=keys.description,
        line=each.line,
        tags=(*declared.tags, *keys.tags),
    )


def _under(path: tuple[str | int, ...], read: Any) -> Any:
    try:
        return read()
    except Mistakes as error:
        raise error.under(*path) from None


def _read(raw: Any, cls: Type, folder: Path) -> DeclaredExchange:
    if not isinstance(raw, Mapping):
        raise Mistakes(Mistake((), f"expected an exchange, a map with one operation or with `steps`; got {came(raw)}"))
    several = _STEPS in raw
    mistakes = Gathered()
    keys = mistakes.attempt(read_model, CheckKeys, {key: raw[key] for key in raw if key in _WHOLE})
    if several:
        mistakes.keep(*_misplaced(raw))
        steps = mistakes.attempt(_read_steps, _STEPS, raw[_STEPS], cls, folder, {UNIQUE}) or ()
    else:
        own = _without(raw, {*_STEP_ALONE, _CLEANUP})
        single = mistakes.attempt(read_step, own, cls, folder, {UNIQUE})
        steps = (single,) if single is not None else ()
    known = {UNIQUE, *(name for step in steps for name in step.capture)}
    cleanup: tuple[Step, ...] | None = ()
    if _CLEANUP in raw and not mistakes.failed:
        cleanup = mistakes.attempt(_read_steps, _CLEANUP, raw[_CLEANUP], cls, folder, known)
    if mistakes.failed or keys is None or cleanup is None:
        raise Mistakes(*mistakes.found)
    name = keys.name or steps[0].label
    line = getattr(raw, "line", 0)
    return DeclaredExchange(name, f"exchange-{slug_of(name)}", keys, steps, cleanup, several, line)


def _without(raw: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: raw[key] for key in raw if key not in set(keys)}


def _misplaced(raw: Mapping[str, Any]) -> Iterator[Mistake]:
    """What stands beside `steps` and does not belong there."""
    allowed = {*_WHOLE, _STEPS, _CLEANUP}
    for key in raw:
        if key in words() or key in (CAPTURE, "expect", "poll"):
            yield Mistake((key,), f"put `{key}` into the step that it is about")
        elif key not in allowed:
            yield Mistake((key,), f"unknown key{suggest(str(key), allowed)}")
    if "name" not in raw:
        yield Mistake((), "an exchange of several steps needs a `name`")


def _read_steps(key: str, raw: Any, cls: Type, folder: Path, known: set[str]) -> tuple[Step, ...]:
    if not isinstance(raw, list) or not raw:
        raise Mistakes(Mistake((key,), f"expected a list of steps; got {came(raw) if raw else 'nothing in it'}"))
    mistakes, known = Gathered(), set(known)
    steps: list[Step] = []
    for index, item in enumerate(raw):
        if isinstance(item, Mapping):
            mistakes.keep(
                *(
                    Mistake((key, index, name), f"`{name}` is of the whole exchange; put it beside `{_STEPS}`")
                    for name in item
                    if name in _STEP_ALONE
                )
            )
        step = mistakes.attempt(_under, (key, index), partial(read_step, item, cls, folder, frozenset(known)))
        # A later step is not blamed for what a broken one would have captured.
        captured = item.get(CAPTURE) if isinstance(item, Mapping) else None
        known |= set(captured) if isinstance(captured, Mapping) else set()
        steps += [step] if step is not None else []
    if mistakes.failed:
        raise Mistakes(*mistakes.found)
    return tuple(steps)


def _schema(cls: Type) -> dict[str, Any]:
    # In parts that are the same for every type, or within one: the schema of a declaration holds each part once.
    own = {
        CAPTURE: {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": "string"},
            "description": "Names for what later steps take from the answer: `{id: $.id}` is `{id}` in their texts.",
        },
        **{key: dict(word.schema) for key, word in words().items()},
    }
    operations, keys = _operations(cls), _keys_of_checks(cls)
    parts = [{"properties": each} for each in (operations, own, {key: keys[key] for key in keys if key in STEP_KEYS})]
    steps = {"type": "array", "minItems": 1, "items": _map_of(parts)}
    whole = {
        **_without(keys, STEP_KEYS),
        _STEPS: {**steps, "description": "Several operations in order; the first that fails ends the exchange."},
        _CLEANUP: {**steps, "description": "Steps that are always done at the end."},
    }
    return {
        "description": f"What is asked and must be answered: {_FORMS}.",
        "type": "array",
        "minItems": 1,
        "items": _map_of([*parts, {"properties": whole}]),
    }


def _map_of(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "object", "minProperties": 1, "allOf": parts, "unevaluatedProperties": False}


def _operations(cls: Type) -> dict[str, Any]:
    """The keys of all operations in one map: a form for each operation would make the schema many times as large."""
    found: dict[str, Any] = {}
    for form in check_schema(cls)["anyOf"]:
        for key, part in _without(form["properties"], CHECK_KEYS).items():
            found[key] = part if found.get(key, part) == part else {"description": part.get("description", "")}
    return found


def _keys_of_checks(cls: Type) -> dict[str, Any]:
    properties = check_schema(cls)["anyOf"][0]["properties"]
    return {key: part for key, part in properties.items() if key in CHECK_KEYS}


FORM = Exchanges()
