"""What is there, held against what is promised: one assertion per promise."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pytest_sysint.contracts._promises import Promise
from pytest_sysint.core.description import NOT_KNOWN
from pytest_sysint.core.errors import nearest
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.records import Assertion

_SHOWN = 12


def judge_item(promise: Promise, name: str, section: str, items: Mapping[str, Any], tenant: str) -> list[Assertion]:
    """The assertions about one item of a section, never none. Names are paths from the item."""
    return list(_Judge(name, tenant).member(promise, (name,), items, f"the {section}"))


class _Judge:
    def __init__(self, item: str, tenant: str) -> None:
        self._item = item
        self._tenant = tenant

    def member(
        self, promise: Promise, path: tuple[str, ...], holder: Mapping[str, Any], among: str
    ) -> Iterator[Assertion]:
        """One thing among others with names, or a part of a thing."""
        name, found = path[-1], holder.get(path[-1])
        unknown = _unknown(found, "") or ("" if found is not None else _unknown(holder, name))
        if unknown and (found is None or not promise.parts):
            yield self._not_known(path, unknown)
        elif promise.absent:
            yield self._say(path, found is None, "absent", "absent" if found is None else "there")
        elif found is None:
            yield self._missing(path, name, holder, among)
        elif not promise.parts:
            yield self._say(path, True, "there", "there")
        else:
            yield from self._inside(promise, path, found)

    def _inside(self, promise: Promise, path: tuple[str, ...], found: Any) -> Iterator[Assertion]:
        holder = found if isinstance(found, Mapping) else {}
        for key, part in promise.parts.items():
            where = (*path, key)
            if not isinstance(part, Promise):
                yield from part.judge(self._observed(path, key, holder), self._tenant)
            elif part.named and key not in holder and _unknown(holder, key):
                yield self._not_known(where, _unknown(holder, key))
                continue
            elif part.named:
                yield from self._inside(part, where, holder.get(key) or {})
            else:
                yield from self.member(part, where, holder, f"the {'.'.join(path[1:]) or 'properties'} of {self._item}")
            if promise.only and isinstance(part, Promise) and part.named:
                yield self._nothing_else(part, where, holder.get(key) or {})

    def _observed(self, path: tuple[str, ...], key: str, holder: Mapping[str, Any]) -> Observation:
        if key in holder:
            return Observation(holder[key])
        known = {name: value for name, value in holder.items() if name != NOT_KNOWN}
        lacking = f"there is no '{key}' in {self._called(path)}{_near(key, known)}"
        if _unknown(holder, key):
            lacking = f"'{key}' of {self._called(path)} is not known: {_unknown(holder, key)}"
        return Observation(facts={"lacking": lacking})

    def _not_known(self, path: tuple[str, ...], why: str) -> Assertion:
        return self._assertion(path, False, f"{self._called(path)} is not known: {why}", "known", "not known")

    def _nothing_else(self, part: Promise, path: tuple[str, ...], found: Mapping[str, Any]) -> Assertion:
        more = sorted(set(found) - {name for name, each in part.parts.items() if not _absent(each)})
        message = (
            f"{self._called(path)} hold {_listed(more)} beside what is declared"
            if more
            else (f"{self._called(path)} hold nothing beside what is declared")
        )
        return self._assertion((*path, "only"), not more, message, "nothing else", more)

    def _missing(self, path: tuple[str, ...], name: str, holder: Mapping[str, Any], among: str) -> Assertion:
        message = f"there is no '{name}' among {among}{_near(name, holder)}"
        return self._assertion(path, False, message, "there", nearest(name, holder))

    def _say(self, path: tuple[str, ...], held: bool, expected: str, actual: str) -> Assertion:
        return self._assertion(path, held, f"{self._called(path)} is {actual}, expected {expected}", expected, actual)

    def _assertion(self, path: tuple[str, ...], held: bool, message: str, expected: Any, actual: Any) -> Assertion:
        return Assertion(
            name=".".join(path[1:]) or path[0],
            status="passed" if held else "failed",
            message=message,
            expected=expected,
            actual=actual,
            tenant_id=self._tenant,
        )

    def _called(self, path: tuple[str, ...]) -> str:
        inner = ".".join(path[1:])
        return f"{inner} of {self._item}" if inner else self._item


def _unknown(item: Any, key: str) -> str:
    """Why a property of an item is not known; without a key, why all of it is not. Empty where it is known."""
    reasons = item.get(NOT_KNOWN) if isinstance(item, Mapping) else None
    return str(reasons.get(key, reasons.get("*", ""))) if isinstance(reasons, Mapping) else ""


def _absent(part: Any) -> bool:
    return isinstance(part, Promise) and part.absent


def _near(name: str, known: Collection[str]) -> str:
    guess = nearest(name, known)
    if not known:
        return ""
    return f"{f', did you mean {guess!r}?' if guess else ''} (there is: {_listed(sorted(known))})"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f", ... ({len(names)} in all)" if len(names) > _SHOWN else "")
