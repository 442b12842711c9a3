"""From the text of `observe:` to observers: how each of them sees, and by what it knows a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_sysint.checks._flows.keys import ObserveKeys
from pytest_sysint.checks._flows.mapping import read_map
from pytest_sysint.checks._flows.parts import Parts, place, under
from pytest_sysint.checks._flows.places import Place
from pytest_sysint.checks._flows.plan import ANYWHERE, Mode, Observer
from pytest_sysint.checks._flows.steps import Step
from pytest_sysint.checks._flows.templates import names_in
from pytest_sysint.checks._flows.values import CORRELATION, unknown
from pytest_sysint.core.capabilities import Queryable, Watchable
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.declaration.explain import Gathered, came
from pytest_sysint.declaration.words import suggest

_ONCE = frozenset({"run", "tenant", "now"})
_OF_ONE_READING = ("count", "from", "wait")
"""Fields of operations that bring so many messages, of which there is no talk where all are read as they come."""


def read_observers(raw: Any, parts: Parts) -> tuple[Observer, ...]:
    """Every observer of a journey.

    Raises:
        Mistakes: everything that is wrong with any of them.

    """
    if not isinstance(raw, list) or not raw:
        said = f"expected a list of places where the records arrive, got {came(raw)}"
        raise Mistakes(Mistake((), said))
    gathered, found = Gathered(), dict[str, Observer]()
    for index, item in enumerate(raw):
        observer = gathered.attempt(under, (index,), read_observer, item, found, parts)
        if observer is None:
            continue
        if observer.name in found:
            said = f"another observer is called '{observer.name}': give this one a `name`"
            gathered.keep(Mistake((index,), said))
        found[observer.name] = observer
    if gathered.failed:
        raise Mistakes(*gathered.found)
    return tuple(found.values())


def read_observer(raw: Any, before: Mapping[str, Observer], parts: Parts) -> Observer:
    """One observer; `before` are those that it may come after, by name."""
    keys, cls, rest = parts.split(ObserveKeys, raw, "on")
    if keys.after and keys.after not in before:
        said = f"no observer before this one is called '{keys.after}'{suggest(keys.after, before)}"
        raise Mistakes(Mistake(("after",), said))
    step = parts.step(rest, cls, keys.on)
    capture = parts.captures(keys.capture)
    mode = _mode(step, keys)
    fields = under(("map",), read_map, keys.map) if keys.map is not None else ()
    lists = mode != "look" or bool(keys.rows) or issubclass(cls, Queryable)
    if keys.copies > 1 and not lists:
        raise Mistakes(Mistake(("copies",), "this observer sees whether a record is there, not how often"))
    return Observer(
        name=keys.name or keys.on,
        step=step,
        mode=mode,
        within=keys.within,
        every=keys.every,
        match=_match(keys, mode, parts),
        by=_by(keys, parts),
        rows=under(("rows",), place, keys.rows) if keys.rows else None,
        fields=fields,
        capture=capture,
        after=keys.after,
        copies=keys.copies,
        counts=lists,
    )


def _mode(step: Step, keys: ObserveKeys) -> Mode:
    operation: Any = step.sample
    watches = isinstance(operation, Watchable)
    if step.effect == "destructive" and not watches:
        raise Mistakes(Mistake((), f"'{step.title}' destroys what it looks at: an observer must only read"))
    if watches:
        if names_in(step.raw) - _ONCE:
            said = f"'{step.title}' is read for all records at once: `match` tells them apart, no placeholder"
            raise Mistakes(Mistake((), said))
        beside = [key for key in step.raw if key in _OF_ONE_READING]
        if beside:
            said = "has no meaning here: messages are read as they come, from before the first record is sent"
            raise Mistakes(*(Mistake((key,), said) for key in beside))
        return "watch"
    if keys.match:
        return "sweep"
    per_record = names_in(step.raw) - _ONCE
    if not per_record:
        said = "asks for no record: write `{correlation}` (`:correlation` in SQL), or say by `match` where it stands"
        raise Mistakes(Mistake((), said))
    return "look"


def _match(keys: ObserveKeys, mode: Mode, parts: Parts) -> Place | None:
    if mode == "look":
        return None
    written = keys.match or parts.found_at
    if not written:
        raise Mistakes(Mistake((), "say by `match` where the token stands in what is read: `match: $.externalId`"))
    return None if written == ANYWHERE else under(("match",), place, written)


def _by(keys: ObserveKeys, parts: Parts) -> str:
    wrong = unknown(keys.by, columns=parts.columns, more={CORRELATION, *parts.captured})
    if not wrong and not names_in(keys.by):
        wrong = [Mistake((), "is the same for all records: name a placeholder, such as `{correlation}`")]
    if wrong:
        raise Mistakes(*wrong).under("by")
    return keys.by
