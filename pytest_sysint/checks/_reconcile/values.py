"""Values of different systems in one form, as text, so that what means the same is the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from typing import Any, Literal

As = Literal["text", "number", "boolean", "date", "datetime"]
Value = str | None

_WORDS = {
    "true": "true", "t": "true", "yes": "true", "y": "true", "1": "true",
    "false": "false", "f": "false", "no": "false", "n": "false", "0": "false",
}  # fmt: skip
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Rounds nothing: two numbers of 38 digits that differ in the last are not the same."""
_LONGEST = 1000
"""Digits from which a number is written with its exponent: `1e999999` would be a million characters."""


def text(value: Any) -> Value:
    """Any plain value. A whole number is the same as int, float and text; maps and lists are written as JSON."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return str(value)


def number(value: Any) -> Value:
    """`1.50`, `1.5` and `15e-1` are the same; what is no number stays as it is."""
    written = text(value)
    if written is None:
        return None
    try:
        found = Decimal(written.strip())
    except InvalidOperation:
        return written
    if not found.is_finite():
        return written
    if not found:
        return "0"
    plain = found.normalize(_EXACT)
    return format(plain, "f") if abs(plain.adjusted()) < _LONGEST else str(plain)


def boolean(value: Any) -> Value:
    """`t`, `yes`, `1` and true are the same."""
    written = text(value)
    return None if written is None else _WORDS.get(written.strip().lower(), written)


def day(value: Any) -> Value:
    """The date, also of a moment."""
    written = text(value)
    if written is None:
        return None
    try:
        return datetime.fromisoformat(written.strip()).date().isoformat()
    except ValueError:
        return written


def moment(value: Any) -> Value:
    """A moment in UTC; without a time zone it stays without."""
    written = text(value)
    if written is None:
        return None
    try:
        found = datetime.fromisoformat(written.strip())
    except ValueError:
        return written
    return (found.astimezone(UTC) if found.tzinfo else found).isoformat()


READERS: dict[As, Callable[[Any], Value]] = {
    "text": text,
    "number": number,
    "boolean": boolean,
    "date": day,
    "datetime": moment,
}
"""What `as:` says -> how a value is read."""


def column(values: Sequence[Any], read: Callable[[Any], Value]) -> Sequence[Value]:
    """All values of a column. What is text or a whole number, as nearly all is, need not be looked at closely."""
    if read is text:
        return [
            value if (kind := type(value)) is str else str(value) if kind is int else text(value) for value in values
        ]
    return [read(value) for value in values]
