"""Values as they come back from other systems: when two are the same, what is a number, and how one is shown.

Payloads are plain JSON values, but drivers also bring Decimal, datetime, UUID and bytes. Those compare with the text
or number that a person would write for them. Types stay strict otherwise: `true` is not 1, "1" is not 1, 1 is 1.0.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

Number = int | float | Decimal

_NUMERIC = re.compile(r"[+-]?\d{1,400}(\.\d{1,400})?([eE][+-]?\d{1,4})?")
_TEXT_ROOM = 1000
_ITEMS_SHOWN = 20
_DEEPEST = 8
_ROOM = 3000
_LONGEST_DECIMAL = 40
_LARGEST_INT_BITS = 4096  # Python refuses to print integers of more than 4300 digits


def same(actual: Any, expected: Any) -> bool:
    """Whether a value seen is the value expected. Never raises but for values nested without end."""
    if actual is None or expected is None:
        return actual is expected
    if isinstance(actual, bool) or isinstance(expected, bool):
        return isinstance(actual, bool) and isinstance(expected, bool) and actual == expected
    if isinstance(actual, Mapping) or isinstance(expected, Mapping):
        return _same_map(actual, expected)
    if isinstance(actual, (list, tuple)) or isinstance(expected, (list, tuple)):
        return _same_list(actual, expected)
    return _same_scalar(actual, expected)


def _same_map(actual: Any, expected: Any) -> bool:
    if not (isinstance(actual, Mapping) and isinstance(expected, Mapping)) or actual.keys() != expected.keys():
        return False
    return all(same(actual[key], expected[key]) for key in expected)


def _same_list(actual: Any, expected: Any) -> bool:
    if not (isinstance(actual, (list, tuple)) and isinstance(expected, (list, tuple))) or len(actual) != len(expected):
        return False
    return all(map(same, actual, expected))


def _same_scalar(actual: Any, expected: Any) -> bool:
    if isinstance(actual, str) and isinstance(expected, str):
        return actual == expected
    if isinstance(actual, Number) and isinstance(expected, Number):
        return compare(actual, expected) == 0
    for one, other in ((actual, expected), (expected, actual)):
        if isinstance(one, str):
            return _reads_as(one, other)
    return bool(_moment_or_self(actual) == _moment_or_self(expected))


def _reads_as(written: str, value: Any) -> bool:
    """Whether a text is how a person would write a value that is not a text."""
    if isinstance(value, Decimal):
        return _NUMERIC.fullmatch(written) is not None and Decimal(written) == value
    if isinstance(value, UUID):
        return written.lower() == str(value)
    if isinstance(value, date):
        found = moment(written)
        return found is not None and found == moment(value)
    return not isinstance(value, Number) and text(value) == written


def _moment_or_self(value: Any) -> Any:
    return moment(value) if isinstance(value, date) else bytes(value) if isinstance(value, _BYTES) else value


_BYTES = (bytes, bytearray, memoryview)


def compare(one: Number, other: Number) -> int | None:
    """-1, 0 or 1 as `one` is smaller than, equal to or larger than `other`; None when either is not a number (NaN).

    A float meets a Decimal as the decimal that it prints as: 0.1 is Decimal("0.1").
    """
    if isinstance(one, Decimal) != isinstance(other, Decimal):
        one, other = (Decimal(repr(side)) if isinstance(side, float) else side for side in (one, other))
    try:
        return -1 if one < other else 1 if one > other else 0 if one == other else None
    except InvalidOperation:
        return None


def number(value: Any) -> Number | None:
    """The value as a number, also when it is the text of one (a header, a Redis value); None when it is not."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Number):
        return value
    if isinstance(value, (str, *_BYTES)):
        written = text(value) or ""
        if _NUMERIC.fullmatch(written):
            return int(written) if written.lstrip("+-").isdigit() else float(written)
    return None


def is_integral(value: Number) -> bool:
    """Whether a number has no fraction: 1, 1.0 and Decimal("1.00")."""
    if isinstance(value, Decimal):
        return value.is_finite() and value.as_integer_ratio()[1] == 1
    return value.is_integer() if isinstance(value, float) else True


def moment(value: Any) -> datetime | None:
    """The point in time that a date, a datetime or its ISO 8601 text names; without a zone it is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return None


def text(value: Any) -> str | None:
    """A scalar as text, for patterns and parts of texts; None for null, lists and maps."""
    if isinstance(value, str):
        return value
    if isinstance(value, _BYTES):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value.bit_length() <= _LARGEST_INT_BITS else None
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value) if isinstance(value, (float, Decimal, UUID)) else None


def size(value: Any) -> int | None:
    """How many characters, bytes, items or keys it has; None for what has no length."""
    return len(value) if isinstance(value, (str, bytes, bytearray, memoryview, list, tuple, Mapping)) else None


def json_values(value: Any) -> Any:
    """The value with everything that JSON has no word for as its text. The same object where nothing had to change."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        items = {str(key): json_values(item) for key, item in value.items()}
        kept = type(value) is dict and items.keys() == value.keys() and all(items[key] is value[key] for key in items)
        return value if kept else items
    if isinstance(value, (list, tuple)):
        parts = [json_values(item) for item in value]
        kept = type(value) is list and all(new is old for new, old in zip(parts, value, strict=True))
        return value if kept else parts
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if is_integral(value) and value.adjusted() < _LONGEST_DECIMAL else float(value)
    shown = text(value)
    return str(value) if shown is None else shown


def plain(value: Any) -> Any:
    """The value as JSON values and cut to a size that a record may hold, saying how much is missing."""
    return _Clipper().clip(value, 0)


class _Clipper:
    """Spends a fixed room on one value, so that a body of 200 MB costs a record no more than any other."""

    def __init__(self) -> None:
        self._left = _ROOM

    def clip(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            return self._map(value, depth)
        if isinstance(value, (list, tuple)):
            return self._list(value, depth)
        return self._scalar(value)

    def _map(self, value: Mapping[Any, Any], depth: int) -> Any:
        shown: dict[str, Any] = {}
        for position, (key, item) in enumerate(value.items()):
            if self._full(position, depth):
                return {**shown, "...": f"{len(value) - position:,} more keys"}
            shown[self._text(str(key))] = self.clip(item, depth + 1)
        return shown

    def _list(self, value: list[Any] | tuple[Any, ...], depth: int) -> Any:
        shown: list[Any] = []
        for position, item in enumerate(value):
            if self._full(position, depth):
                return [*shown, f"... ({len(value) - position:,} more items)"]
            shown.append(self.clip(item, depth + 1))
        return shown

    def _full(self, position: int, depth: int) -> bool:
        self._left -= 2
        return position >= _ITEMS_SHOWN or depth >= _DEEPEST or self._left <= 0

    def _scalar(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int) and value.bit_length() > _LARGEST_INT_BITS:
            return f"an integer of {value.bit_length():,} bits"
        if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            self._left -= 10
            return value
        return self._text(value)

    def _text(self, value: Any) -> str:
        room = max(20, min(_TEXT_ROOM, self._left))
        length = size(value) or 0
        head = value[: room + 4] if isinstance(value, (str, bytes, bytearray, memoryview)) else value
        shown = text(head)
        shown = str(value) if shown is None else shown
        self._left -= min(room, len(shown))
        if max(length, len(shown)) <= room:
            return shown
        unit = "characters" if isinstance(value, str) else "bytes"
        return f"{shown[:room]}... ({max(length, len(shown)) - room:,} more {unit})"


def show(value: Any, room: int = 160) -> str:
    """A value in a sentence: JSON on one line, cut."""
    written = json.dumps(plain(value), ensure_ascii=False)
    return written if len(written) <= room else f"{written[:room]}..."
