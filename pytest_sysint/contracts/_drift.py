"""What has changed between two descriptions of one type, and how grave each change is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_sysint.core.description import NOT_KNOWN, Change, Drift, Section

GRADES: tuple[Drift, ...] = ("breaking", "additive", "cosmetic")
_WORDS_FOR_PEOPLE = frozenset({"comment", "description"})
_ROOM = 160

Items = Mapping[str, Mapping[str, Any]]
Unknown = Mapping[tuple[str, ...], str]
"""The way to a property from the section, `("versioning", "status")`, -> why it is not known. `*` at its end stands for
all that is not there."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One change, judged."""

    change: Change
    grade: Drift
    unknown: str = ""
    """Why it is not known whether what is not there went."""

    @property
    def where(self) -> str:
        """The way to it: `tables.residents.columns.born`."""
        return ".".join((self.change.section, self.change.name, *self.change.path))

    @property
    def what(self) -> str:
        """What happened, in words."""
        before, after = self.change.before, self.change.after
        if self.unknown:
            return f"is not known now: {self.unknown}; it was {shown(before)}"
        if _has_come(self.change):
            return f"came: {shown(after)}"
        if after is None:
            return f"went: it was {shown(before)}"
        if is_order(before, after):
            return f"is in another order: {shown(before)} -> {shown(after)}"
        return f"changed: {shown(before)} -> {shown(after)}"

    def __str__(self) -> str:
        sign = "+" if _has_come(self.change) else "-" if self.change.after is None else "~"
        sign = "?" if self.unknown else sign
        return f"{sign} {self.grade:<8}  {self.where} {self.what}"


def shown(value: Any) -> str:
    """A value in one short line."""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _ROOM else f"{text[:_ROOM]}..."


def plain(value: Any) -> Any:
    """A description as it comes back from a file."""
    return json.loads(json.dumps(value, default=str))


def recorded(section: Section, items: Items) -> dict[str, Any]:
    """Of a section's items, what a snapshot keeps."""
    return {name: _without(item, _left_out(section)) for name, item in plain(items).items() if name != NOT_KNOWN}


def _left_out(section: Section) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(path.split(".")) for path in section.left_out)


def unknown(section: Section, items: Items) -> Unknown:
    """Of what a snapshot keeps of a section, what the other side does not tell now."""
    left_out = _left_out(section)
    return {way: why for way, why in _unknown((), items) if not any(_fits(way[1:], path) for path in left_out)}


def _unknown(way: tuple[str, ...], holder: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, value in holder.items():
        if key == NOT_KNOWN:
            yield from (((*way, name), str(why)) for name, why in value.items())
        elif isinstance(value, Mapping):
            yield from _unknown((*way, key), value)


def _fits(way: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return len(way) == len(path) and all(part in ("*", name) for name, part in zip(way, path, strict=True))


def _without(value: Any, left_out: tuple[tuple[str, ...], ...]) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, inner in value.items():
        paths = tuple(path[1:] for path in left_out if path and path[0] in (key, "*"))
        if () not in paths:
            kept[key] = _without(inner, paths)
    return kept


def counted(sections: Mapping[str, Items]) -> str:
    """How many items there are of each section: `tables: 12, views: 2`."""
    return ", ".join(f"{name}: {len(items)}" for name, items in sections.items())


def differences(section: Section, before: Items, after: Items, unknown: Unknown | None = None) -> list[Difference]:
    """Every change of a section, in the order of its names. `unknown` is what is not known of `after`."""
    found: list[Difference] = []
    for name in sorted({*before, *after}):
        changes = _changes(section.name, name, (), before.get(name), after.get(name))
        found += [_difference(section, change, unknown or {}) for change in changes]
    return found


def _difference(section: Section, change: Change, unknown: Unknown) -> Difference:
    way = (change.name, *change.path)
    why = unknown.get(way) or unknown.get((*way[:-1], "*"), "")
    if why and change.after is None:
        return Difference(change, "breaking", why)  # never taken for absent, and what was promised is not seen
    return Difference(change, _grade(section, change))


def by_grade(found: Iterable[Difference]) -> dict[Drift, int]:
    """How many differences there are of each grade."""
    counts = Counter(each.grade for each in found)
    return {grade: counts[grade] for grade in GRADES}


def _changes(section: str, name: str, path: tuple[str, ...], before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            yield from _changes(section, name, (*path, key), before.get(key), after.get(key))
        orders = [[key for key in one if key in other] for one, other in ((before, after), (after, before))]
        if orders[0] != orders[1]:
            yield Change(section, name, path, *orders)
    elif before != after:
        yield Change(section, name, path, before, after)


def _grade(section: Section, change: Change) -> Drift:
    return section.drift(change) or _by_rule(change)


def _by_rule(change: Change) -> Drift:
    if change.path[-1:] and change.path[-1] in _WORDS_FOR_PEOPLE:
        return "cosmetic"
    if _has_come(change):
        return "additive"
    return "cosmetic" if is_order(change.before, change.after) else "breaking"


def _has_come(change: Change) -> bool:
    return change.before is None and change.after is not None


def is_order(before: Any, after: Any) -> bool:
    """Whether two lists hold the same things in another order."""
    if not isinstance(before, list) or not isinstance(after, list):
        return False
    return sorted(map(json.dumps, before)) == sorted(map(json.dumps, after))
