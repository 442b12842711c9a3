"""What must have become of a record at an observer, field by field: `map: {given_name: $.name.given}`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pytest_sysint.checks._flows.places import Place, is_message
from pytest_sysint.checks._flows.templates import fill, names_in
from pytest_sysint.checks._flows.values import Values
from pytest_sysint.core.errors import Mistake, Mistakes, did_you_mean
from pytest_sysint.core.integration import Observation
from pytest_sysint.declaration.explain import came
from pytest_sysint.expectations import Expectation, compile_expectation
from pytest_sysint.expectations.values import moment, number, same, show, text


def _text(value: Any) -> Any:
    return text(value)


def _upper(value: Any) -> Any:
    written = text(value)
    return None if written is None else written.upper()


def _lower(value: Any) -> Any:
    written = text(value)
    return None if written is None else written.lower()


def _strip(value: Any) -> Any:
    written = text(value)
    return None if written is None else written.strip()


def _date(value: Any) -> Any:
    found = moment(value)
    return None if found is None else found.date().isoformat()


def _instant(value: Any) -> Any:
    found = moment(value)
    return None if found is None else found.timestamp()


def _digits(value: Any) -> Any:
    written = text(value)
    return None if written is None else "".join(filter(str.isdigit, written))


TRANSFORMATIONS: Mapping[str, Callable[[Any], Any]] = {
    "text": _text,
    "number": number,
    "upper": _upper,
    "lower": _lower,
    "strip": _strip,
    "digits": _digits,
    "date": _date,
    "instant": _instant,
}
"""Name -> what becomes of the value on both sides before they are compared."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field at the observer and what it must be: a value that was sent, a text, or whatever a matcher says."""

    target: Place
    source: Place | None = None
    transformation: str = ""
    template: Any = None
    expectation: Expectation | None = None

    def differs(self, item: Any, sent: Any, values: Values) -> str:
        """What is wrong with it in what was seen, in a sentence; empty when nothing is."""
        if self.expectation is not None:
            judged = self.expectation.judge(_observed(item))
            return "; ".join(each.message for each in judged if each.status == "failed")
        expected = fill(self.template, values) if self.source is None else self.source.find(sent)
        actual = self.target.find(item)
        change = TRANSFORMATIONS.get(self.transformation)
        if same(*((change(actual), change(expected)) if change else (actual, expected))):
            return ""
        origin = f" ({self.source.written} of what was sent)" if self.source else ""
        return f"{self.target.written} was {show(_plain(actual))}, expected {show(_plain(expected))}{origin}"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def _observed(item: Any) -> Observation:
    if not is_message(item):
        return Observation(item, item if isinstance(item, Mapping) else {})
    payload = item["payload"]
    own = {name: value for name, value in item.items() if name != "payload"}
    return Observation(payload, {**(payload if isinstance(payload, Mapping) else {}), **own})


def read_map(raw: Any) -> tuple[Field, ...]:
    """Read a `map:`.

    Raises:
        Mistakes: everything that is wrong with it, with paths relative to `raw`.

    """
    if not isinstance(raw, Mapping) or not raw:
        raise Mistakes(Mistake((), f"expected a map, field -> what it must be, got {came(raw) if raw else 'nothing'}"))
    fields: list[Field] = []
    mistakes: list[Mistake] = []
    for name, wanted in raw.items():
        try:
            fields.append(_field(str(name), wanted))
        except Mistakes as error:
            mistakes += error.under(str(name)).mistakes
    if mistakes:
        raise Mistakes(*mistakes)
    return tuple(fields)


def _field(name: str, wanted: Any) -> Field:
    target = _place(name)
    if isinstance(wanted, str) and wanted.startswith("$"):
        return Field(target, _place(wanted))
    if isinstance(wanted, Mapping) and "from" in wanted:
        return _transformed(target, wanted)
    if names_in(wanted):
        return Field(target, template=wanted)
    try:
        return Field(target, expectation=compile_expectation({name: wanted}))
    except Mistakes as error:
        raise Mistakes(*(Mistake(mistake.path[1:], mistake.message) for mistake in error.mistakes)) from None


def _transformed(target: Place, wanted: Mapping[str, Any]) -> Field:
    beside = [key for key in wanted if key not in ("from", "as")]
    if beside:
        said = f"unknown key{did_you_mean(str(beside[0]), ('from', 'as'))}"
        raise Mistakes(Mistake((str(beside[0]),), said))
    source, change = wanted["from"], wanted.get("as", "")
    if not isinstance(source, str) or not source.startswith("$"):
        raise Mistakes(Mistake(("from",), f"expected a path into what is sent, such as $.name, got {came(source)}"))
    if change and change not in TRANSFORMATIONS:
        raise Mistakes(Mistake(("as",), f"unknown transformation{did_you_mean(str(change), TRANSFORMATIONS)}"))
    return Field(target, _place(source), str(change))


def _place(written: str) -> Place:
    try:
        return Place.of(written)
    except ValueError as error:
        raise Mistakes(Mistake((), str(error))) from None


def sources(fields: Iterable[Field]) -> list[str]:
    """The paths into what is sent that fields are compared with."""
    return [field.source.written for field in fields if field.source is not None]


def map_schema() -> dict[str, Any]:
    """The JSON Schema of a `map:`."""
    transformed = {
        "type": "object",
        "required": ["from"],
        "additionalProperties": False,
        "properties": {
            "from": {"type": "string", "description": "The path of the value in what is sent."},
            "as": {"enum": list(TRANSFORMATIONS), "description": "What both values become before they are compared."},
        },
    }
    return {
        "description": "What each field must be at the observer: the path of a value that was sent, `{from, as}`, a "
        "text with placeholders, or a matcher.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"anyOf": [transformed, {}]},
    }
