"""The nearest valid word, with an end: a file of a hundred thousand mistakes is refused as quickly as one of ten."""

from __future__ import annotations

from collections.abc import Collection

from pytest_sysint.core.errors import did_you_mean

MAX_GUESSES = 300
"""How many words of one load are compared with what is allowed; those after them are told without a guess."""
_MOST_ALLOWED = 500
_LONGEST = 80


class _Guesses:
    left = MAX_GUESSES


def begin() -> None:
    """A new load has its guesses again."""
    _Guesses.left = MAX_GUESSES


def suggest(word: str, allowed: Collection[str]) -> str:
    """A sentence part as `core.errors.did_you_mean` gives it; without a guess where one would cost too much."""
    if len(allowed) > _MOST_ALLOWED:
        return f" ({len(allowed):,} are known)"
    if _Guesses.left <= 0 or len(word) > _LONGEST:
        return did_you_mean("", allowed)
    _Guesses.left -= 1
    return did_you_mean(word, allowed)
