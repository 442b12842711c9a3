"""What a matcher says about a value, and what it is given: one value, the values of several nodes, or nothing.

A verdict has three states. `holds` is True or False where the matcher could judge, and None where it could not: the
subject is not there, is of a type that the matcher says nothing about, or there was nothing to judge. Only True
passes, and `not` leaves None as it is: what could not be judged is never turned into a pass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pytest_sysint.expectations.values import show


@dataclass(frozen=True, slots=True)
class Verdict:
    """`detail` says, in a few words, what about the value decided; empty where the value says it all."""

    holds: bool | None
    detail: str = ""


HOLDS = Verdict(True)
FAILS = Verdict(False)


class Missing:
    """Stands for a subject that is not there; null is a value and is there."""


MISSING = Missing()
NOT_THERE = Verdict(None)


class Many(list[Any]):
    """The values of all nodes that a path selects which may select several (`*`, `..`, slices, filters)."""


class Matcher(ABC):
    """Judges one value. Frozen, and used by many threads at once."""

    @property
    def whole(self) -> bool:
        """Whether it judges the list of selected nodes as one value, instead of each of them."""
        return False

    @property
    @abstractmethod
    def text(self) -> str:
        """What is expected, as it stands in a message after `expected`."""

    def judge(self, value: Any) -> Verdict:
        """The verdict on a value, on `Many` values, or on `MISSING`."""
        if value is MISSING:
            return self.absent()
        if isinstance(value, Many) and not self.whole:
            return of_each(self, value)
        return self.see(value)

    def absent(self) -> Verdict:
        """The verdict when the subject is not there."""
        return NOT_THERE

    @abstractmethod
    def see(self, value: Any) -> Verdict:
        """The verdict on one value that is there."""


def of_each(matcher: Matcher, items: list[Any]) -> Verdict:
    """Every item must hold. Over nothing there is no verdict."""
    if not items:
        return Verdict(None, "nothing was judged")
    verdicts = [matcher.judge(item) for item in items]
    bad = [index for index, verdict in enumerate(verdicts) if not verdict.holds]
    if not bad:
        return HOLDS
    first = bad[0]
    detail = verdicts[first].detail
    said = f"item {first} was {show(items[first])}{f': {detail}' if detail else ''}"
    count = f"{len(bad)} of {len(items)} do not hold, first: " if len(items) > 1 else ""
    return Verdict(conjunction(verdict.holds for verdict in verdicts), count + said)


def conjunction(states: Iterable[bool | None]) -> bool | None:
    """False when one is False, else None when one is None, else True."""
    found = set(states)
    return False if False in found else None if None in found else True


def disjunction(states: Iterable[bool | None]) -> bool | None:
    """True when one is True, else None when one is None, else False."""
    found = set(states)
    return True if True in found else None if None in found else False
