"""One operation of a flow, with what differs from record to record left open until it is carried out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_sysint.checks._flows.form import Type
from pytest_sysint.checks._flows.places import Place, put
from pytest_sysint.checks._flows.templates import fill, names_in
from pytest_sysint.checks._flows.values import BUILT_IN, CORRELATION, Values
from pytest_sysint.core.errors import Mistakes, Rejected
from pytest_sysint.core.integration import Observation, Operation
from pytest_sysint.core.records import EFFECTS, Effect
from pytest_sysint.declaration.checks import operations_of, read_check
from pytest_sysint.declaration.explain import read_model
from pytest_sysint.declaration.shapes import fields_by_key
from pytest_sysint.expectations import Expectation, compile_expectation

BODY = "json"
"""The field of an operation that holds what is sent as a value."""
CONTENTS = (BODY, "text", "body", "form", "file")
"""The fields of operations that hold what is sent; one of them at a time."""
_HEADERS = "headers"
MARK = "x-sysint-synthetic"
"""The header that tells that a record was made up, and by which run, where the protocol has headers."""


_PARAMETER = re.compile(r"(?<![\w:]):([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class Sample:
    """The placeholders of some record, to read a flow with; what is captured on the way stands for itself."""

    values: Values
    captured: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """The plain names, which a statement may also use as parameters."""
        return BUILT_IN | {CORRELATION} | self.captured

    def __call__(self, name: str) -> Any:
        return f"a-{name}" if name in self.captured else self.values(name)


@dataclass(frozen=True, slots=True)
class Step:
    """An operation on one integration, as a template."""

    on: str
    model: type[Operation]
    raw: Mapping[str, Any] = field(repr=False)
    """The fields of the operation, with placeholders."""
    expectations: tuple[Expectation, ...] = ()
    sample: Operation | None = None
    """The operation as it is for some record: for its title, effect and capabilities."""
    token: Place | None = None
    """Where in the body the record's token is put."""
    marked: bool = False
    """Whether a header tells that the record is synthetic."""

    @property
    def names(self) -> frozenset[str]:
        """The placeholders that it has."""
        return names_in(self.raw) | ({CORRELATION} if self.token is not None else frozenset())

    @property
    def title(self) -> str:
        """One line for people."""
        return self.sample.title() if self.sample is not None else ""

    @property
    def effect(self) -> Effect:
        """What it does to the other side."""
        return self.sample.effect() if self.sample is not None else "read"

    def body(self, values: Values) -> Any:
        """What is sent as a value for a record: the same each time that it is asked for."""
        found = fill(self.raw.get(BODY), values)
        if self.token is not None and self.token.steps is not None:
            found = put(found, self.token.steps, values(CORRELATION))
        return found

    def build(self, values: Values) -> Operation:
        """The operation for one record.

        Raises:
            Rejected: when the values of the record do not fit into it.
            KeyError: when it has a placeholder whose value is not known.

        """
        raw = {name: fill(value, values) for name, value in self.raw.items() if name != BODY}
        if self.marked:
            raw[_HEADERS] = {MARK: values("run"), **raw.get(_HEADERS, {})}
        try:
            if BODY in self.raw:
                raw[BODY] = self.body(values)
            return read_model(self.model, raw)
        except KeyError:
            raise
        except (Mistakes, LookupError) as error:
            said = f"'{error.args[0]}' leads nowhere" if isinstance(error, LookupError) else str(error)
            raise Rejected(f"{self.title}: record {values.index} cannot be put into it: {said}", rung="write") from None

    def failure(self, observation: Observation) -> str:
        """Why an answer is not what is expected; empty when it is."""
        judged = (each for expectation in self.expectations for each in expectation.judge(observation))
        return "; ".join(each.message for each in judged if each.status == "failed" and each.severity == "fail")


def read_step(raw: Mapping[str, Any], cls: Type, on: str, sample: Sample, **more: Any) -> Step:
    """Read the keys of an operation and its `expect:`.

    Raises:
        Mistakes: everything that is wrong with it, with paths relative to `raw`.

    """
    raw = _with_params(raw, cls, sample.names)
    check = read_check(fill(raw, sample), cls)
    fields = fields_by_key(type(check.operation))
    named = set(check.expectation.subjects) if check.expectation is not None else set()
    rest = {name: matcher for name, matcher in check.operation.default_expect().items() if name not in named}
    expectations = (*([check.expectation] if check.expectation is not None else []),)
    expectations += (compile_expectation(rest),) if rest else ()
    own = {name: value for name, value in raw.items() if name in fields}
    return Step(on, type(check.operation), own, expectations, check.operation, **more)


def effects_of(done: Iterable[Step], cleanup: Iterable[Step]) -> dict[str, Effect]:
    """Integration id -> the gravest that is done there. Removing what was put there is part of putting it there."""
    found: dict[str, Effect] = {}
    for on, effect in [*((step.on, step.effect) for step in done), *((step.on, "write") for step in cleanup)]:
        found[on] = max(found.get(on, "read"), effect, key=EFFECTS.index)
    return found


def takes(operation: type[Operation], name: str) -> bool:
    """Whether an operation has a field of that name."""
    return name in fields_by_key(operation)


def _with_params(raw: Mapping[str, Any], cls: Type, known: frozenset[str]) -> Mapping[str, Any]:
    """A statement may name `:correlation` and the like as they are; their values need not be written out."""
    model = next((model for key, model in operations_of(cls).items() if key in raw), None)
    if model is None or not takes(model, "params") or not isinstance(raw.get(model.key()), str):
        return raw
    given = raw.get("params") or {}
    if not isinstance(given, Mapping):
        return raw
    named = {found[1] for found in _PARAMETER.finditer(raw[model.key()])}
    missing = sorted((named & known) - given.keys())
    return {**raw, "params": {**given, **{name: f"{{{name}}}" for name in missing}}} if missing else raw
