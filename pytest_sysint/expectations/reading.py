"""From what a declaration says to a matcher. All mistakes of one matcher are collected, none is raised."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pytest_sysint.core import units
from pytest_sysint.core.errors import Mistake, did_you_mean
from pytest_sysint.core.units import Dimension
from pytest_sysint.expectations.composites import All, AnyOf, Length, Not, Quantified
from pytest_sysint.expectations.leaves import (
    TYPES,
    Between,
    Contains,
    Equals,
    Exists,
    In,
    Operand,
    Ordered,
    Pattern,
    Same,
    Schema,
    Type,
    operand,
)
from pytest_sysint.expectations.values import number, show
from pytest_sysint.expectations.verdicts import Matcher

Path = tuple[str | int, ...]

_OPERATOR = re.compile(r"(<=|>=|==|!=|!~|<|>|~)\s*(.*)", re.DOTALL)
_NOTHING = "judges nothing"
NEVER = Equals(None)
"""Stands where a matcher could not be read; the mistake is what counts."""


class Reader:
    """Reads the matchers of one subject, whose dimension is known or not."""

    def __init__(self, dimension: Dimension | None) -> None:
        self.dimension = dimension
        self.mistakes: list[Mistake] = []

    def wrong(self, path: Path, message: str) -> Matcher:
        """Keep a mistake."""
        self.mistakes.append(Mistake(path, message))
        return NEVER

    def matcher(self, raw: Any, path: Path) -> Matcher:
        """A literal, a text with an operator, or a map of matchers."""
        if raw is None:
            return self.wrong(path, f"an empty matcher {_NOTHING}; to expect null, write {{equals: null}}")
        if isinstance(raw, Mapping):
            return self._map(raw, path)
        found = _OPERATOR.fullmatch(raw) if isinstance(raw, str) else None
        return self._operator(found[1], found[2].strip(), path) if found else self.literal(raw, path)

    def literal(self, raw: Any, path: Path) -> Matcher:
        """A value that must be the same; where the subject has a unit, a quantity."""
        if self.dimension in (None, "number") or raw is None:
            return self._equal(raw, path)
        try:
            return Equals(units.quantity(raw, self.dimension), shown=str(raw))
        except ValueError as error:
            return self.wrong(path, str(error))

    def _equal(self, raw: Any, path: Path) -> Matcher:
        if isinstance(raw, (str, int, float, list, Mapping, date, type(None))):
            return Equals(dict(raw) if isinstance(raw, Mapping) else raw)
        return self.wrong(path, f"expected a value, came a {type(raw).__name__}")

    def _operator(self, operator: str, written: str, path: Path) -> Matcher:
        if not written:
            return self.wrong(path, f"nothing stands behind '{operator}'; to expect that text, write {{equals: ...}}")
        if operator in ("~", "!~"):
            found = self.pattern(written, path)
            return Not(found) if operator == "!~" else found
        if operator in ("==", "!="):
            found = self._same(written, path)
            return Not(found) if operator == "!=" else found
        try:
            return Ordered(operator, self.operand(written))
        except ValueError as error:
            text = "; to expect the text itself, write {equals: ...}" if self.dimension in (None, "number") else ""
            return self.wrong(path, f"{error}{text}")

    def operand(self, written: str) -> Operand:
        """What stands behind an operator of order; its unit tells what a subject of unknown dimension is measured in.

        Raises:
            ValueError: when it cannot be compared with.

        """
        found = operand(written, self.dimension)
        self.dimension = self.dimension or found.dimension
        return found

    def _same(self, written: str, path: Path) -> Matcher:
        if self.dimension not in (None, "number"):
            return self.literal(written, path)
        quoted = written[1:-1] if len(written) > 1 and written[0] == written[-1] and written[0] in "\"'" else None
        return Same(Operand(written, number(written), quoted=quoted))

    def _map(self, raw: Mapping[Any, Any], path: Path) -> Matcher:
        if not raw:
            return self.wrong(path, f"an empty matcher {_NOTHING} (allowed: {', '.join(WORDS)})")
        parts = [self._word(word, value, (*path, word)) for word, value in raw.items()]
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _word(self, word: Any, value: Any, path: Path) -> Matcher:
        if word in WORDS:
            return WORDS[word].read(self, value, path)
        if word in SEVERITIES:
            return self.wrong(path, f"'{word}' stands directly under the subject, with no other matcher beside it")
        inside = "; to look into a map, put the field into the path: `$.field`"
        return self.wrong(path, f"unknown matcher '{word}'{did_you_mean(str(word), WORDS)}{inside}")

    def pattern(self, raw: Any, path: Path) -> Matcher:
        """A regular expression."""
        import regex

        if not isinstance(raw, str) or not raw:
            return self.wrong(path, "expected a regular expression, such as '^1-[0-9]+$'")
        try:
            return Pattern(regex.compile(raw))
        except (regex.error, RecursionError, OverflowError) as error:
            return self.wrong(path, f"'{raw}' is not a regular expression: {error}")

    def items(self, raw: Any, path: Path, read: Callable[[Any, Path], Matcher]) -> tuple[Matcher, ...]:
        """A list of at least one matcher."""
        if not isinstance(raw, list) or not raw:
            self.wrong(path, f"expected a list of at least one, came {show(raw, 60)}")
            return ()
        return tuple(read(item, (*path, index)) for index, item in enumerate(raw))

    def unitless(self) -> Reader:
        """A reader for something that has no unit; its mistakes are this one's."""
        inner = Reader("number")
        inner.mistakes = self.mistakes
        return inner


def _equals(reader: Reader, raw: Any, path: Path) -> Matcher:
    return reader.literal(raw, path)


def _not(reader: Reader, raw: Any, path: Path) -> Matcher:
    return Not(reader.matcher(raw, path))


def _in(reader: Reader, raw: Any, path: Path) -> Matcher:
    return In(reader.items(raw, path, reader.literal))


def _contains(reader: Reader, raw: Any, path: Path) -> Matcher:
    if raw in ("", [], {}):
        return reader.wrong(path, f"everything contains {show(raw)}: it {_NOTHING}")
    return Contains(raw)


def _matches(reader: Reader, raw: Any, path: Path) -> Matcher:
    return reader.pattern(raw, path)


def _type(reader: Reader, raw: Any, path: Path) -> Matcher:
    names = tuple("null" if name is None else name for name in (raw if isinstance(raw, list) else [raw]))
    unknown = [name for name in names if name not in TYPES]
    if unknown or not names:
        named = str(unknown[0]) if unknown else ""
        return reader.wrong(path, f"unknown type '{named}'{did_you_mean(named, TYPES)}")
    return Type(names)


def _between(reader: Reader, raw: Any, path: Path) -> Matcher:
    if not isinstance(raw, list) or len(raw) != 2:
        return reader.wrong(path, f"expected a list of two bounds, such as [1, 5], came {show(raw, 60)}")
    try:
        low, high = (reader.operand(str(bound)) for bound in raw)
    except ValueError as error:
        return reader.wrong(path, str(error))
    if (low.moment is None) != (high.moment is None) or _above(low, high):
        return reader.wrong(path, f"nothing is between {low.written} and {high.written}")
    return Between(low, high)


def _above(low: Operand, high: Operand) -> bool:
    if low.moment is not None and high.moment is not None:
        return low.moment > high.moment
    return low.number is not None and high.number is not None and low.number > high.number


def _length(reader: Reader, raw: Any, path: Path) -> Matcher:
    literal = not isinstance(raw, Mapping) and not (isinstance(raw, str) and _OPERATOR.fullmatch(raw))
    if literal and (isinstance(raw, bool) or not isinstance(raw, int) or raw < 0):
        return reader.wrong(path, f"expected a length such as 3 or '>= 1', came {show(raw, 60)}")
    return Length(reader.unitless().matcher(raw, path))


def _exists(reader: Reader, raw: Any, path: Path) -> Matcher:
    return Exists(raw) if isinstance(raw, bool) else reader.wrong(path, f"expected true or false, came {show(raw, 60)}")


def _schema(reader: Reader, raw: Any, path: Path) -> Matcher:
    from pytest_sysint.expectations.jsonschemas import compile_schema

    if not isinstance(raw, Mapping) or not raw:
        said = f"expected a JSON Schema such as {{type: object, required: [id]}}, came {show(raw, 60)}"
        return reader.wrong(path, said)
    try:
        return Schema(compile_schema(raw))
    except ValueError as error:
        return reader.wrong(path, str(error))


def _quantified(word: str) -> Callable[[Reader, Any, Path], Matcher]:
    return lambda reader, raw, path: Quantified(word, reader.matcher(raw, path))


def _any_of(reader: Reader, raw: Any, path: Path) -> Matcher:
    return AnyOf(reader.items(raw, path, reader.matcher))


def _all_of(reader: Reader, raw: Any, path: Path) -> Matcher:
    return All(reader.items(raw, path, reader.matcher))


@dataclass(frozen=True, slots=True)
class Word:
    """One matcher of the map form: how it is read, and how editors describe it."""

    read: Callable[[Reader, Any, Path], Matcher]
    description: str
    schema: Mapping[str, Any]


_MATCHER: dict[str, Any] = {"description": "A matcher: a literal, a text with an operator, or a map of matchers."}
_MATCHERS = {"type": "array", "minItems": 1, "items": _MATCHER}

WORDS: Mapping[str, Word] = {
    "equals": Word(_equals, "The same value; true is not 1, 1 is 1.0.", {}),
    "not": Word(_not, "The matcher within does not hold.", _MATCHER),
    "in": Word(_in, "One of these values.", {"type": "array", "minItems": 1}),
    "contains": Word(_contains, "A part of a text, an item of a list, a key or a smaller map of a map.", {}),
    "matches": Word(_matches, "A regular expression found in the text.", {"type": "string", "format": "regex"}),
    "type": Word(
        _type,
        "The type of the value, or a list of types.",
        {"anyOf": [{"enum": [*TYPES, None]}, {"type": "array", "minItems": 1, "items": {"enum": [*TYPES, None]}}]},
    ),
    "between": Word(
        _between, "Not below the first and not above the second.", {"type": "array", "minItems": 2, "maxItems": 2}
    ),
    "length": Word(
        _length,
        "How many characters, bytes, items, keys or selected nodes.",
        {"type": ["integer", "string", "object"]},
    ),
    "exists": Word(_exists, "Whether it is there; null is there.", {"type": "boolean"}),
    "schema": Word(_schema, "A JSON Schema that the value fits.", {"type": "object", "minProperties": 1}),
    "each": Word(_quantified("each"), "Every item or selected node holds; there must be one.", _MATCHER),
    "some": Word(_quantified("some"), "At least one item or selected node holds.", _MATCHER),
    "none": Word(_quantified("none"), "No item or selected node holds; there must be one.", _MATCHER),
    "any_of": Word(_any_of, "At least one of these matchers holds.", _MATCHERS),
    "all_of": Word(_all_of, "All of these matchers hold.", _MATCHERS),
}

SEVERITIES = ("warn", "fail")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of an `expect:` map, for editors. It holds no references, so it may stand anywhere."""
    words = {name: {"description": word.description, **word.schema} for name, word in WORDS.items()}
    levels = {
        "warn": {"description": "What must hold for the result not to be degraded."},
        "fail": {"description": "What must hold for the result not to fail."},
    }
    matcher = {
        "description": "A literal; a text with an operator (`< 250ms`, `>= 1`, `== x`, `!= x`, `~ regex`, `!~ regex`); "
        "or a map of matchers that all hold.",
        "anyOf": [
            {"type": ["string", "number", "boolean", "array"]},
            {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": words},
            {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": levels},
        ],
    }
    return {
        "type": "object",
        "minProperties": 1,
        "description": "What must hold: subject -> matcher. A subject that begins with `$` is a JSONPath (RFC 9535) "
        "into the payload; the others are the observation's own: status, latency, phases.connect, headers.x, ...",
        "additionalProperties": matcher,
    }
