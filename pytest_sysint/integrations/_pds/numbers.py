"""NHS numbers, and which of them belong to nobody."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\d{10}")
_MADE_UP = re.compile(r"999\d{7}|90000000\d\d")


def is_number(text: str) -> bool:
    """Whether it is an NHS number: ten digits of which the last is right (modulus 11)."""
    if not (text.isascii() and _NUMBER.fullmatch(text)):
        return False
    rest = sum(int(digit) * weight for digit, weight in zip(text, range(10, 1, -1), strict=False)) % 11
    return (11 - rest) % 11 == int(text[9])


def is_made_up(text: str) -> bool:
    """Whether it is of a range that is never given to a person, or of the public sandbox."""
    return _MADE_UP.fullmatch(text) is not None
