"""Matchers made of matchers: not, all, any, length, and the quantifiers each, some, none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_sysint.expectations.leaves import Exists, Pattern, Same, kind_of
from pytest_sysint.expectations.values import show, size
from pytest_sysint.expectations.verdicts import (
    HOLDS,
    MISSING,
    Many,
    Matcher,
    Verdict,
    conjunction,
    disjunction,
    of_each,
)


class _Composite(Matcher):
    """Its parts judge also what is not there."""

    def absent(self) -> Verdict:
        return self.see(MISSING)


@dataclass(frozen=True, slots=True)
class Not(_Composite):
    """The other way round. What could not be judged stays so."""

    inner: Matcher

    @property
    def whole(self) -> bool:
        return self.inner.whole

    @property
    def text(self) -> str:
        said = self.inner.text
        if isinstance(self.inner, Same):
            return f"!={said.removeprefix('==')}"
        return f"!{said}" if isinstance(self.inner, Pattern) else f"not {said}"

    def see(self, value: Any) -> Verdict:
        verdict = self.inner.judge(value)
        return Verdict(None if verdict.holds is None else not verdict.holds, verdict.detail)


@dataclass(frozen=True, slots=True)
class All(_Composite):
    """Every part holds. A part that judges items is excused where there are none and another part allows that."""

    parts: tuple[Matcher, ...]

    @property
    def whole(self) -> bool:
        return any(part.whole for part in self.parts)

    @property
    def text(self) -> str:
        return " and ".join(part.text for part in self.parts)

    def see(self, value: Any) -> Verdict:
        parts = self._without_excused(value)
        verdicts = [part.judge(value) for part in parts]
        holds = conjunction(verdict.holds for verdict in verdicts)
        return HOLDS if holds else Verdict(holds, _first_detail(verdicts))

    def _without_excused(self, value: Any) -> tuple[Matcher, ...]:
        if not (isinstance(value, (list, tuple)) and len(value) == 0 and any(map(_allows_nothing, self.parts))):
            return self.parts
        judges_items = (part for part in self.parts if isinstance(part, Quantified))
        judges_nodes = (part for part in self.parts if isinstance(value, Many) and not part.whole)
        excused = [*judges_items, *judges_nodes]
        return tuple(part for part in self.parts if part not in excused)


def _allows_nothing(part: Matcher) -> bool:
    return isinstance(part, Length) or (isinstance(part, Exists) and not part.wanted)


def _first_detail(verdicts: list[Verdict]) -> str:
    return next((verdict.detail for verdict in verdicts if not verdict.holds and verdict.detail), "")


@dataclass(frozen=True, slots=True)
class AnyOf(_Composite):
    """At least one part holds."""

    parts: tuple[Matcher, ...]

    @property
    def whole(self) -> bool:
        return any(part.whole for part in self.parts)

    @property
    def text(self) -> str:
        return " or ".join(part.text for part in self.parts)

    def see(self, value: Any) -> Verdict:
        verdicts = [part.judge(value) for part in self.parts]
        holds = disjunction(verdict.holds for verdict in verdicts)
        return HOLDS if holds else Verdict(holds, _first_detail(verdicts))


@dataclass(frozen=True, slots=True)
class Length(Matcher):
    """The number of characters, bytes, items, keys or selected nodes."""

    inner: Matcher

    @property
    def whole(self) -> bool:
        return True

    @property
    def text(self) -> str:
        return f"length {self.inner.text}"

    def see(self, value: Any) -> Verdict:
        found = size(value)
        if found is None:
            return Verdict(None, f"{kind_of(value)} has no length")
        return Verdict(self.inner.see(found).holds, f"its length is {found:,}")


@dataclass(frozen=True, slots=True)
class Quantified(Matcher):
    """`each`, `some` or `none` of the items of a list, or of the selected nodes."""

    word: str
    inner: Matcher

    @property
    def whole(self) -> bool:
        return True

    @property
    def text(self) -> str:
        return f"{self.word} {self.inner.text}"

    def see(self, value: Any) -> Verdict:
        if not isinstance(value, (list, tuple)):
            return Verdict(None, f"{kind_of(value)} has no items")
        if not value:
            return Verdict(None, f"it has no items, so '{self.word}' judged nothing; add `length` to allow that")
        return of_each(self.inner, list(value)) if self.word == "each" else self._count(list(value))

    def _count(self, items: list[Any]) -> Verdict:
        verdicts = [self.inner.judge(item) for item in items]
        some = disjunction(verdict.holds for verdict in verdicts)
        if self.word == "some":
            return HOLDS if some else Verdict(some, f"none of {len(items)} does")
        if some is False:
            return HOLDS
        first = next(index for index, verdict in enumerate(verdicts) if verdict.holds is some)
        detail = verdicts[first].detail if some is None else ""
        said = f"item {first} was {show(items[first])}{f': {detail}' if detail else ''}"
        return Verdict(None if some is None else False, said)
