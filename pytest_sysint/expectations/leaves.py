"""Matchers that look at one value: equality, order, patterns, membership, type, presence, JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pytest_sysint.core import units
from pytest_sysint.core.units import Dimension
from pytest_sysint.expectations.values import (
    Number,
    compare,
    is_integral,
    json_values,
    moment,
    number,
    same,
    show,
    text,
)
from pytest_sysint.expectations.verdicts import FAILS, HOLDS, Many, Matcher, Verdict

if TYPE_CHECKING:
    import regex
    from jsonschema.protocols import Validator

_PATTERN_SECONDS = 2.0
_VIOLATION_ROOM = 300


def _verdict(holds: bool) -> Verdict:
    return HOLDS if holds else FAILS


@dataclass(frozen=True, slots=True)
class Equals(Matcher):
    """The value itself; a list also stands for all that a path selects."""

    expected: Any
    shown: str = ""

    @property
    def whole(self) -> bool:
        return isinstance(self.expected, list)

    @property
    def text(self) -> str:
        return self.shown or show(self.expected)

    def see(self, value: Any) -> Verdict:
        return _verdict(same(list(value) if isinstance(value, tuple) else value, self.expected))


@dataclass(frozen=True, slots=True)
class Operand:
    """What stands behind an operator: a text, and the number or point in time that it may also be read as."""

    written: str
    number: Number | None = None
    moment: datetime | None = None
    quoted: str | None = None
    """The text between the quotes, where it is written in quotes."""
    dimension: Dimension | None = None
    """What its unit measures, where it has one."""


@dataclass(frozen=True, slots=True)
class Same(Matcher):
    """`== x`: the operand is read as what the value is: `== 5` holds for the number 5 and for the text "5"."""

    operand: Operand

    @property
    def text(self) -> str:
        return f"== {self.operand.written}"

    def see(self, value: Any) -> Verdict:
        return _verdict(self._same(value))

    def _same(self, value: Any) -> bool:
        operand = self.operand
        if operand.quoted is not None:
            return same(value, operand.quoted)
        if value is None or isinstance(value, bool):
            return operand.written == ("null" if value is None else str(value).lower())
        if isinstance(value, Number):
            return operand.number is not None and compare(value, operand.number) == 0
        return same(value, operand.written)


_ORDERS: dict[str, Callable[[int], bool]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


@dataclass(frozen=True, slots=True)
class Ordered(Matcher):
    """`< x`, `<= x`, `> x`, `>= x` for numbers, quantities and points in time."""

    operator: str
    operand: Operand

    @property
    def text(self) -> str:
        return f"{self.operator} {self.operand.written}"

    def see(self, value: Any) -> Verdict:
        sign, comparable = _order(value, self.operand)
        if not comparable:
            return Verdict(None, f"{kind_of(value)} cannot be compared with {self.operand.written}")
        return _verdict(sign is not None and _ORDERS[self.operator](sign))


def _order(value: Any, operand: Operand) -> tuple[int | None, bool]:
    """How a value stands to an operand, and whether it stands to it at all."""
    if operand.moment is not None:
        point = moment(value)
        return (None, False) if point is None else ((point > operand.moment) - (point < operand.moment), True)
    found = number(value)
    if found is None or operand.number is None:
        return None, False
    return compare(found, operand.number), True


@dataclass(frozen=True, slots=True)
class Between(Matcher):
    """Not below the first bound and not above the second."""

    low: Operand
    high: Operand

    @property
    def text(self) -> str:
        return f"between {self.low.written} and {self.high.written}"

    def see(self, value: Any) -> Verdict:
        floor, ceiling = Ordered(">=", self.low).see(value), Ordered("<=", self.high).see(value)
        return ceiling if floor.holds else floor


@dataclass(frozen=True, slots=True)
class Pattern(Matcher):
    """A regular expression that is found somewhere in the text of a scalar."""

    pattern: regex.Pattern[str]

    @property
    def text(self) -> str:
        return f"~ {self.pattern.pattern}"

    def see(self, value: Any) -> Verdict:
        written = text(value)
        if written is None:
            return Verdict(None, f"{kind_of(value)} has no text to match")
        try:
            return _verdict(self.pattern.search(written, timeout=_PATTERN_SECONDS) is not None)
        except TimeoutError:
            room = f"{len(written):,} characters"
            return Verdict(None, f"the pattern took more than {_PATTERN_SECONDS:g}s on {room}; make it simpler")


@dataclass(frozen=True, slots=True)
class In(Matcher):
    """One of several values."""

    allowed: tuple[Matcher, ...]

    @property
    def text(self) -> str:
        return f"one of {', '.join(item.text for item in self.allowed)}"

    def see(self, value: Any) -> Verdict:
        return _verdict(any(item.see(value).holds for item in self.allowed))


@dataclass(frozen=True, slots=True)
class Contains(Matcher):
    """A text holds a part, a list an item, a map a key or a smaller map; a list of parts means all of them."""

    part: Any

    @property
    def whole(self) -> bool:
        return True

    @property
    def text(self) -> str:
        return f"to contain {show(self.part)}"

    def see(self, value: Any) -> Verdict:
        for part in self.part if isinstance(self.part, list) else [self.part]:
            found = _contains(value, part)
            if not found:
                lacking = f"{show(part)} is not in it" if found is False else f"{kind_of(value)} cannot contain that"
                return Verdict(found, lacking)
        return HOLDS


def _contains(value: Any, part: Any) -> bool | None:
    if isinstance(value, Mapping):
        return (
            _holds_map(value, part) if isinstance(part, Mapping) else part in value if isinstance(part, str) else None
        )
    if isinstance(value, (list, tuple)):
        return any(same(item, part) or (isinstance(part, Mapping) and _holds_map(item, part)) for item in value)
    whole, wanted = text(value), text(part)
    return None if whole is None or wanted is None else wanted in whole


def _holds_map(value: Any, part: Mapping[str, Any]) -> bool:
    """Whether a map has all that a smaller one has, at every depth."""
    if not isinstance(value, Mapping):
        return False
    for key, wanted in part.items():
        if key not in value:
            return False
        found = value[key]
        if not (_holds_map(found, wanted) if isinstance(wanted, Mapping) else same(found, wanted)):
            return False
    return True


def kind_of(value: Any) -> str:
    """What a value is, for people: `a text`, `a list`, `null`."""
    for types, words in _KINDS:
        if isinstance(value, types):
            return words
    return f"a {type(value).__name__}"


_KINDS: tuple[tuple[Any, str], ...] = (
    (type(None), "null"),
    (bool, "a boolean"),
    ((int, float, Decimal), "a number"),
    (str, "a text"),
    (Mapping, "a map"),
    ((list, tuple), "a list"),
)


def _is_number(value: Any) -> bool:
    return isinstance(value, Number) and not isinstance(value, bool)


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, UUID) or (isinstance(value, str) and bool(UUID(value)))
    except ValueError:
        return False


_DATE = re.compile(r"\d{4}-\d\d-\d\d")

TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(json_values(value), str),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and is_integral(value),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, (list, tuple)),
    "object": lambda value: isinstance(value, Mapping),
    "uuid": _is_uuid,
    "date": lambda value: bool(_DATE.fullmatch(text(value) or "")) and moment(value) is not None,
    "datetime": lambda value: not _DATE.fullmatch(text(value) or "") and moment(value) is not None,
}
"""The words of JSON Schema, as the value would stand in JSON, and three that databases know."""


@dataclass(frozen=True, slots=True)
class Type(Matcher):
    """One of some types."""

    names: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"type {' or '.join(self.names)}"

    def see(self, value: Any) -> Verdict:
        fits = any(TYPES[name](value) for name in self.names)
        return HOLDS if fits else Verdict(False, f"it is {kind_of(value)}")


@dataclass(frozen=True, slots=True)
class Exists(Matcher):
    """Whether the subject is there at all; null is there."""

    wanted: bool

    @property
    def whole(self) -> bool:
        return True

    @property
    def text(self) -> str:
        return "to exist" if self.wanted else "not to exist"

    def absent(self) -> Verdict:
        return _verdict(not self.wanted)

    def see(self, value: Any) -> Verdict:
        is_empty = isinstance(value, Many) and not value
        return self.absent() if is_empty else _verdict(self.wanted)


@dataclass(frozen=True, slots=True)
class Schema(Matcher):
    """A JSON Schema."""

    validator: Validator

    @property
    def text(self) -> str:
        return "to fit the schema"

    def see(self, value: Any) -> Verdict:
        from jsonschema.exceptions import best_match

        found = best_match(self.validator.iter_errors(json_values(value)))
        if found is None:
            return HOLDS
        message = found.message if len(found.message) <= _VIOLATION_ROOM else f"{found.message[:_VIOLATION_ROOM]}..."
        return Verdict(False, f"{found.json_path}: {message}")


def operand(written: str, dimension: Dimension | None) -> Operand:
    """Read what stands behind an operator of order.

    Raises:
        ValueError: when it is neither a number, nor a quantity of the dimension, nor a point in time.

    """
    written = written.strip()
    if dimension not in (None, "number"):
        return Operand(written, units.quantity(written, dimension), dimension=dimension)
    bare = number(written)
    if bare is not None:
        return Operand(written, bare)
    point = moment(written)
    if point is not None:
        return Operand(written, moment=point)
    found = units.parse(written)
    if dimension == "number" and found.dimension != "number":
        raise ValueError(f"'{written}' is a {found.dimension}, but this subject has no unit; write a bare number")
    return Operand(written, found.value, dimension=found.dimension)
