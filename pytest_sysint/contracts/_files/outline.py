"""How a value looks, without telling it: what stands in a file is often about people, and reports travel far."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_ROOM = 40


def outline(value: Any) -> str:
    """A value in words: letters become `a` and `A`, digits `9`, what stands between them is kept."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return f'text like "{_masked(value)}"' if value else "an empty text"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float, Decimal)):
        return f"a number like {_masked(f'{value:f}' if isinstance(value, Decimal) else repr(value))}"
    if isinstance(value, Mapping):
        return f"a map of {len(value)}"
    return f"a list of {len(value)}" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"


def _masked(text: str) -> str:
    begun = "".join(map(_sort, text[:_ROOM]))
    return begun if len(text) <= _ROOM else f'{begun}..." ({len(text):,} characters)'.removesuffix('"')


def _sort(letter: str) -> str:
    if letter.isdigit():
        return "9"
    if letter.isalpha():
        return "A" if letter.isupper() else "a"
    return letter if letter.isprintable() else "?"
