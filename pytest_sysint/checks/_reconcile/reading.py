"""From what is declared under `reconcile:` to a `Plan`, all but its two sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_sysint.checks._reconcile.keys import CompareKeys, FieldKeys
from pytest_sysint.checks._reconcile.plan import Field, Plan, Side
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.units import Dimension
from pytest_sysint.declaration.explain import came
from pytest_sysint.declaration.words import suggest
from pytest_sysint.expectations import Expectation, compile_expectation

Named = str | list[str] | dict[str, str | FieldKeys]
COUNTS = ("missing", "unexpected", "duplicated")
"""Verdicts on rows that need a key."""


def make_plan(source: Side, target: Side, keys: CompareKeys) -> Plan:
    """The plan.

    Raises:
        Mistakes: for keys that do not go together.

    """
    key = _fields(keys.key)
    everything = keys.compare == "all"
    fields = () if everything else _fields(keys.compare)
    wrong = [*_loose(key, keys, compared=everything or bool(fields)), *_tolerant(key, fields, keys)]
    if wrong:
        raise Mistakes(*wrong)
    hidden = frozenset[str]() if keys.hide == "all" else frozenset(keys.hide)
    return Plan(
        source=source,
        target=target,
        key=key,
        fields=fields,
        everything=everything,
        ignore=frozenset(keys.ignore),
        checksum=keys.checksum,
        sample=keys.sample,
        hide=hidden,
        hide_all=keys.hide == "all",
    )


def _fields(named: Named) -> tuple[Field, ...]:
    if isinstance(named, str):
        return (Field(named, named),)
    if isinstance(named, list):
        return tuple(Field(name, name) for name in named)
    return tuple(_field(target, source) for target, source in named.items())


def _field(target: str, given: str | FieldKeys) -> Field:
    if isinstance(given, str):
        return Field(target, given)
    return Field(target, given.source or target, given.as_, given.tolerance)


def _loose(key: tuple[Field, ...], keys: CompareKeys, *, compared: bool) -> list[Mistake]:
    """Keys that have no meaning without another one."""
    wrong = []
    if compared and not key:
        wrong.append(Mistake(("compare",), "values are compared of rows with the same key: say by `key` what that is"))
    if not compared:
        said = "has no meaning without `compare`: no values are compared"
        wrong += [Mistake((name,), said) for name in ("checksum", "sample", "hide") if getattr(keys, name)]
    if keys.ignore and keys.compare != "all":
        wrong.append(Mistake(("ignore",), "goes with `compare: all`; here only what is named is compared"))
    return wrong


def _tolerant(key: tuple[Field, ...], fields: tuple[Field, ...], keys: CompareKeys) -> list[Mistake]:
    said = "a key is the same or it is not"
    wrong = [Mistake(("key", one.target, "tolerance"), said) for one in key if one.tolerance is not None]
    if keys.checksum:
        said = "cannot be held against a checksum: leave out one of the two"
        loose = (one.target for one in fields if one.tolerance is not None)
        wrong += [Mistake(("compare", name, "tolerance"), said) for name in loose]
    return wrong


def read_expect(raw: Any, plan: Plan, *, given: bool) -> Expectation:
    """What is expected, with what must hold anyway.

    Raises:
        Mistakes: for subjects that this comparison does not have, and matchers that cannot be read.

    """
    if given and not (isinstance(raw, Mapping) and raw):
        raise Mistakes(Mistake((), f"expected a map, subject -> matcher, got {came(raw) if raw else 'nothing in it'}"))
    known, expect = _subjects(plan), dict(raw or {})
    wrong = [
        Mistake((name,), f"is nothing that this reconciliation tells{suggest(name, known)}")
        for name in expect
        if name not in known and not (plan.everything and not plan.checksum and name.startswith("fields."))
    ]
    if wrong:
        raise Mistakes(*wrong)
    wanted = [*COUNTS, *(["different"] if plan.compares else [])] if plan.key else ["difference"]
    anyway = {name: 0 for name in wanted if name not in expect}
    return compile_expectation({**anyway, **expect}, known)


def _subjects(plan: Plan) -> dict[str, Dimension]:
    found: dict[str, Dimension] = dict.fromkeys(("source", "target", "difference"), "number")
    if plan.key:
        found |= dict.fromkeys(COUNTS, "number")
        found["matching"] = "ratio"
    if plan.compares:
        found["different"] = "number"
        found |= {f"fields.{one.target}": "number" for one in plan.fields} if not plan.checksum else {}
    if plan.sample:
        found["sampled"] = "number"
    return found
