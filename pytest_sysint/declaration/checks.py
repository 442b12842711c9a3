"""One declared check: an operation of the type, what is expected of it, and how it is tried.

- name: residents are readable
  query: SELECT count(*) AS n FROM residents
  expect: {"$[0].n": ">= 1", latency: "< 500ms"}
- replication_lag: "< 10s"
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import chain, count, islice
from typing import Any, cast

from pydantic import Field

from pytest_sysint.core.check import CHECK_KEYS, Poll, RetryPolicy
from pytest_sysint.core.errors import Mistake, Mistakes, nearest
from pytest_sysint.core.integration import Integration, Measure, Operation
from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import Severity
from pytest_sysint.core.secrets import redact
from pytest_sysint.core.units import Dimension, Duration
from pytest_sysint.declaration.explain import Gathered, came, mask, read_model
from pytest_sysint.declaration.references import Unset
from pytest_sysint.declaration.resolving import markers
from pytest_sysint.declaration.shapes import fields_by_key, model_schema
from pytest_sysint.declaration.values import RetryKeys
from pytest_sysint.declaration.words import suggest
from pytest_sysint.expectations import Expectation, compile_expectation, json_schema

Type = type[Integration[Any]]

_SLUG_LENGTH = 60
_LOOKED_AT = 20
"""How many keys of a check without an operation are compared with the known operations."""


@dataclass(frozen=True, slots=True)
class DeclaredCheck:
    """One declared check, ready to be carried out."""

    name: str
    slug: str
    """The last part of the node id."""
    operation: Operation
    expectation: Expectation | None
    """None when nothing is expected beyond an answer."""
    poll: Poll | None = None
    timeout: float | None = None
    severity: Severity | None = None
    retry: RetryPolicy | None = None
    budget: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    tenants: tuple[str, ...] | None = None
    """The tenants that it is for; None for all of the integration's."""
    line: int = 0
    """Where it is declared, from 1; 0 when that is not known."""


class CheckKeys(Declared):
    """The keys that every declared check may have."""

    name: str = Field("", description="What it is called in reports; its node id follows from it.")
    description: str = Field("", description="What it shows, in a sentence or two, for readers of the report.")
    expect: dict[str, Any] | None = Field(None, description="What must hold of the answer: subject -> matcher.")
    poll: Poll | None = Field(None, description="Ask again until the expectations hold, or this time is over.")
    timeout: Duration | None = Field(
        None, gt=0, description="The time for one conversation; default: the integration's."
    )
    severity: Severity | None = Field(None, description="How bad a failure is; default: the integration's.")
    tenants: tuple[str, ...] | None = Field(
        None, description="The tenants that it is for; default: all that there are."
    )
    retry: RetryKeys | None = Field(None, description="How connection errors and timeouts are tried again.")
    budget: str = Field("", description="The budget that its calls count against; default: the integration's.")
    tags: tuple[str, ...] = Field((), description="Words to find it by.")


def read_check(raw: Mapping[str, Any], cls: Type) -> DeclaredCheck:
    """Read one declared check of a type.

    Raises:
        Mistakes: everything that is wrong with it, with paths relative to `raw`.

    """
    chosen = _operation(raw, cls)
    fields = fields_by_key(chosen)
    mistakes = Gathered()
    mistakes.keep(*_unknown(raw, fields))
    operation = mistakes.attempt(read_model, chosen, {key: raw[key] for key in raw if key in fields})
    keys = mistakes.attempt(read_model, CheckKeys, {key: raw[key] for key in raw if key in CHECK_KEYS})
    if operation is None or keys is None:
        raise Mistakes(*mistakes.found)
    if "expect" in raw and keys.expect is None:
        mistakes.keep(Mistake(("expect",), "expects nothing; leave the key out, or give a map of subjects"))
    expectation = mistakes.attempt(_expectation, operation, keys.expect, raw)
    if mistakes.failed:
        raise Mistakes(*mistakes.found)
    # A node id must not hold what a reference in the operation resolved to.
    name = keys.name or redact(operation.title())
    carried = {each: getattr(keys, each) for each in _CARRIED}
    line = getattr(raw, "line", 0)
    return DeclaredCheck(name, slug_of(name), operation, expectation, line=line, **carried)


_CARRIED = ("poll", "timeout", "severity", "retry", "budget", "tags", "description", "tenants")


@cache
def operations_of(cls: Type) -> Mapping[str, type[Operation]]:
    """The operations of a type under the keys by which they are declared."""
    return {operation.key(): operation for operation in cls.operations}


def _operation(raw: Any, cls: Type) -> type[Operation]:
    operations = operations_of(cls)
    words = ", ".join(operations) or "this type has none"
    if not isinstance(raw, Mapping):
        raise Mistakes(Mistake((), f"expected a check, a map with one operation ({words}), got {came(raw)}"))
    named = [operations[key] for key in raw if key in operations]
    if len(named) > 1:
        # A key may be an operation of its own and a field of another one.
        named = [one for one in named if all(other.key() in fields_by_key(one) for other in named)] or named
    if len(named) > 1:
        several = " and ".join(f"'{one.key()}'" for one in named)
        raise Mistakes(Mistake((), f"{several}: a check has one operation; make it two checks"))
    if named:
        return named[0]
    for key in islice(raw, _LOOKED_AT):
        if key not in CHECK_KEYS and (guess := nearest(key, operations)):
            raise Mistakes(Mistake((key,), f"unknown operation, did you mean '{guess}'? (operations: {words})"))
    raise Mistakes(Mistake((), f"names no operation (operations: {words})"))


def _unknown(raw: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterable[Mistake]:
    allowed = CHECK_KEYS | fields.keys()
    return [Mistake((key,), f"unknown key{suggest(key, allowed)}") for key in raw if key not in allowed]


def _expectation(operation: Operation, expect: dict[str, Any] | None, raw: Mapping[str, Any]) -> Expectation | None:
    """Compile `expect:`; the number that a measure reads is one more subject, with the measure's own dimension."""
    measured = operation.key() if isinstance(operation, Measure) else ""
    clauses = {measured: getattr(operation, measured), **(expect or {})} if measured else expect
    if clauses is None:
        return None
    judged = [raw.get("expect"), raw.get(measured)]
    if any(isinstance(text, Unset) for text in markers(judged)):
        raise Mistakes
    dimension = operation.dimension if isinstance(operation, Measure) else ""
    try:
        return _compiled(json.dumps(clauses), measured, dimension)
    except Mistakes as error:
        found = error.mistakes
    under = {mistake: () if mistake.path[:1] == (measured,) else ("expect",) for mistake in found}
    raise Mistakes(*(Mistake((*under[each], *each.path), mask(each.message, judged)) for each in found))


@lru_cache(maxsize=1024)
def _compiled(clauses: str, measured: str, dimension: str) -> Expectation:
    """Thousands of checks expect the same few things: each is compiled once."""
    dimensions = {measured: cast("Dimension", dimension)} if measured else {}
    return compile_expectation(json.loads(clauses), dimensions)


def slug_of(name: str) -> str:
    """A name as it stands in a node id: small letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_LENGTH].rstrip("-") or "check"


def told_apart(slugs: Iterable[str]) -> list[str]:
    """Slugs that stand side by side, no two the same: of two checks with one slug a plan would drop one."""
    found: dict[str, None] = {}
    for slug in slugs:
        numbered = (f"{slug}-{number}" for number in count(2))
        found[next(each for each in chain([slug], numbered) if each not in found)] = None
    return list(found)


def read_checks(raw: Any, cls: Type) -> tuple[DeclaredCheck, ...]:
    """Read a list of checks, or a single one. Unnamed checks of one slug are told apart by `-2`, `-3`, ...

    Raises:
        Mistakes: everything that is wrong with any of them, and names that stand twice.

    """
    if not isinstance(raw, (list, Mapping)) or not raw:
        raise Mistakes(Mistake((), f"expected a list of checks, got {came(raw) if raw else 'nothing in it'}"))
    if isinstance(raw, Mapping):
        return (read_check(raw, cls),)
    mistakes = Gathered()
    taken: set[str] = set()
    checks: list[DeclaredCheck] = []
    for index, item in enumerate(raw):
        check = mistakes.attempt(_read_at, index, item, cls)
        if check is None:
            continue
        if check.slug in taken and "name" in item:
            said = f"another check above it has this name (node id '{check.slug}')"
            mistakes.keep(Mistake((index, "name"), said))
        taken.add(check.slug)
        checks.append(check)
    if mistakes.failed:
        raise Mistakes(*mistakes.found)
    slugs = told_apart(check.slug for check in checks)
    return tuple(replace(check, slug=slug) for check, slug in zip(checks, slugs, strict=True))


def _read_at(index: int, raw: Any, cls: Type) -> DeclaredCheck:
    try:
        return read_check(raw, cls)
    except Mistakes as error:
        raise error.under(index) from None


def check_schema(cls: Type) -> dict[str, Any]:
    """The JSON Schema of one declared check of a type: one form per operation."""
    common = model_schema(CheckKeys)["properties"]
    common["expect"] = json_schema()
    forms = []
    for key, operation in operations_of(cls).items():
        own = model_schema(operation)
        forms.append(
            {
                "title": key,
                "type": "object",
                "description": own.get("description", ""),
                "properties": {**own.get("properties", {}), **common},
                "required": own.get("required", []) or [key],
                "additionalProperties": False,
            }
        )
    return {"anyOf": forms} if forms else {"not": {}, "description": "this type has no operations"}
