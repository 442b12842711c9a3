"""`tolerates:`: what a newer client may send, an unknown field or enum value, is taken or refused, and breaks nothing.

tolerates: {new_field: true, unknown_enum: $.status}
tolerates: {new_field: accepted, unknown_enum: {path: $.status, answer: refused}}
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from pytest_sysint.contracts._error_shapes import trace_in
from pytest_sysint.contracts._words import Asked, Probed, Subject
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import Assertion
from pytest_sysint.declaration.explain import came, read_model
from pytest_sysint.declaration.shapes import model_schema
from pytest_sysint.expectations.subjects import locate, subject

_FIELD = "sysintUnknownField"
_VALUE = "SYSINT_UNKNOWN_VALUE"
_JSON = "json"

Answer = Literal["either", "accepted", "refused"]


class UnknownEnum(Declared):
    """An enum value that nobody has declared."""

    path: str = Field(description="Where in the request's JSON the enum stands: $.status.")
    answer: Answer = Field("either", description="What is right: accepted, refused (a clean 4xx), or either.")


class ToleratesKeys(Declared):
    """What a newer client may send breaks nothing."""

    new_field: Literal[True, "accepted", "refused"] | None = Field(
        None, description="A field that nobody knows: accepted, refused (a clean 4xx), or true for either."
    )
    unknown_enum: str | UnknownEnum | None = Field(
        None, description="An enum value that nobody knows, where this JSONPath leads to in the request's JSON."
    )


@dataclass(frozen=True, slots=True)
class _Change:
    """One thing that is sent otherwise."""

    name: str
    what: str
    parts: tuple[str | int, ...]
    """The way to the value that is replaced or added."""
    value: Any
    answer: Answer

    def of(self, body: Any) -> Any:
        changed = copy.deepcopy(body)
        holder = changed
        for part in self.parts[:-1]:
            holder = holder[part]
        holder[self.parts[-1]] = self.value
        return changed


@dataclass(frozen=True, slots=True)
class Tolerates:
    """Sends the step's request again, each time with one thing that is not known."""

    keys: ToleratesKeys
    conversations: int

    def prepare(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        return raw

    def probe(self, asked: Asked) -> Probed:
        """Two assertions for each change: how it was answered, and that the answer tells nothing of the inside."""
        found: list[Assertion] = []
        culprit = None
        for change in _changes(self.keys, asked.raw[_JSON]):
            operation = asked.another({**asked.raw, _JSON: change.of(asked.raw[_JSON])})
            answer = asked.context.perform(operation)
            asked.made(answer)
            verdicts = _judge(change, answer, asked.tenant)
            found += verdicts
            if culprit is None and any(each.status == "failed" for each in verdicts):
                culprit = operation
        return Probed(tuple(found), culprit)


def _judge(change: _Change, answer: Observation, tenant: str) -> list[Assertion]:
    status = int(answer.facts.get("status", 0))
    was: Answer | None = "accepted" if status < 400 else "refused" if status < 500 and status != 429 else None
    expected = {
        "either": "a success or a clean 4xx",
        "accepted": "a success",
        "refused": "a clean 4xx",
    }[change.answer]
    holds = was is not None and change.answer in ("either", was)
    trace = trace_in(answer)
    told = [(change.name, holds, f"{change.what}: the status was {status}", expected)]
    if was is not None:
        said = f"the body shows the inside of the service: {trace[:120]}" if trace else "no stack trace in the body"
        told.append((f"{change.name} body", not trace, f"{change.what}: {said}", "an answer without a stack trace"))
    return [
        Assertion(
            name=name,
            status="passed" if holds else "failed",
            message=said if holds else f"{said}; expected {expected}",
            expected=expected,
            actual=status if name == change.name else trace or None,
            tenant_id=tenant,
        )
        for name, holds, said, expected in told
    ]


def _changes(keys: ToleratesKeys, body: Any) -> list[_Change]:
    """What is sent otherwise.

    Raises:
        Mistakes: when the body has no place for it.

    """
    changes = []
    if keys.new_field is not None:
        answer: Answer = "either" if keys.new_field is True else keys.new_field
        if not isinstance(body, Mapping):
            raise Mistakes(Mistake(("new_field",), f"the `json` of the request must be a map, it is {came(body)}"))
        changes.append(_Change("tolerates new field", f"with the unknown field '{_FIELD}'", (_FIELD,), "x", answer))
    if keys.unknown_enum is not None:
        enum = keys.unknown_enum
        path, answer = (enum, "either") if isinstance(enum, str) else (enum.path, enum.answer)
        try:
            places = locate(path, body)
        except ValueError as error:
            raise Mistakes(Mistake(("unknown_enum",), str(error))) from None
        if not places or not places[0]:
            said = subject(path).select(Observation(body)).lacking or "it leads to the whole body"
            raise Mistakes(Mistake(("unknown_enum",), f"{said}, in the `json` of the request"))
        what = f"with '{_VALUE}' at {path}"
        changes.append(_Change("tolerates unknown enum", what, places[0], _VALUE, answer))
    return changes


class ToleratesWord:
    """The word `tolerates`."""

    schema: ClassVar[Mapping[str, Any]] = {
        **model_schema(ToleratesKeys),
        "minProperties": 1,
        "description": "An unknown field or enum value is accepted or cleanly refused, never answered by a failure.",
    }
    http: ClassVar[bool] = True
    default_expect: ClassVar[Mapping[str, Any] | None] = None

    def read(self, value: Any, of: Subject) -> Tolerates:
        """Raises Mistakes with everything that is wrong with it."""
        if not isinstance(value, Mapping) or not value:
            said = f"expected a map such as {{new_field: true}}, got {came(value) if value else 'nothing in it'}"
            raise Mistakes(Mistake((), said))
        keys = read_model(ToleratesKeys, value)
        if _JSON not in of.raw:
            raise Mistakes(Mistake((), "it changes the `json` of the request, and there is none"))
        return Tolerates(keys, len(_changes(keys, of.raw[_JSON])))
