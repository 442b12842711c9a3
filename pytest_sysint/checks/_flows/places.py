"""Where something stands in a record: in its payload by a path, or among what goes with it (key, headers, ...)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_sysint.core.integration import Observation
from pytest_sysint.expectations.subjects import Subject, subject
from pytest_sysint.expectations.verdicts import MISSING, Many

_STEP = re.compile(r"\.(?P<name>[A-Za-z_][\w-]*)|\[(?P<index>\d+)\]|\['(?P<quoted>[^'\\]+)'\]")

Steps = tuple["str | int", ...]


def plain_steps(path: str) -> Steps | None:
    """The steps of a path that leads to one place, `$.name.given[0]`; None for one that may select several."""
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None:
            return None
        steps.append(int(found["index"]) if found["index"] else found["name"] or found["quoted"])
        position = found.end()
    return tuple(steps)


def put(value: Any, steps: Steps, what: Any) -> Any:
    """A copy of the value with `what` in that place; maps on the way that are missing are made.

    Raises:
        LookupError: when something else than a map or a long enough list stands on the way.

    """
    if not steps:
        return what
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if not isinstance(value, list):
            raise LookupError(step)
        return [put(item, rest, what) if index == step else item for index, item in enumerate(value)]
    if not isinstance(value, Mapping):
        raise LookupError(step)
    return {**value, step: put(value.get(step, {}), rest, what)}


@dataclass(frozen=True, slots=True)
class Place:
    """A place by its name: `$.externalId`, `key`, `headers.x-correlation-id`, `external_id` (a column)."""

    written: str
    steps: Steps | None = None
    subject: Subject | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, written: str) -> Place:
        """Read one.

        Raises:
            ValueError: when it is neither a JSONPath nor names joined by dots.

        """
        return cls(written, plain_steps(written) if written.startswith("$") else None, subject(written))

    @property
    def in_payload(self) -> bool:
        """Whether it is a path into the payload."""
        return self.written.startswith("$")

    def find(self, item: Any) -> Any:
        """What stands there in a row, a document or a message; None when nothing does."""
        message = is_message(item)
        payload = item["payload"] if message else item
        if self.steps is not None:
            return _follow(payload, self.steps)
        if self.written.isidentifier():
            own = item if message and self.written in item else payload
            return own.get(self.written) if isinstance(own, dict) else None
        assert self.subject is not None
        facts = payload if isinstance(payload, Mapping) else {}
        if message:
            facts = {**facts, **{name: value for name, value in item.items() if name != "payload"}}
        found = self.subject.select(Observation(payload, facts)).value
        if found is MISSING:
            return None
        return (found[0] if len(found) == 1 else list(found) or None) if isinstance(found, Many) else found


def _follow(value: Any, steps: Steps) -> Any:
    # Plain JSON values, looked at once for each message: the check for the class itself is the fast one.
    for step in steps:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
    return value


def is_message(item: Any) -> bool:
    """Whether it is a message with its key and headers (see `core.capabilities.Consumes`), and not a bare payload."""
    return isinstance(item, dict) and "payload" in item and "headers" in item and "key" in item


def texts_in(value: Any) -> Iterator[str]:
    """Every text within a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from texts_in(child)
    elif isinstance(value, (list, tuple)):
        for child in value:
            yield from texts_in(child)


def remove(value: Any, steps: Steps) -> Any:
    """A copy of the value without what stands in that place.

    Raises:
        LookupError: when nothing stands there.

    """
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if not isinstance(value, list) or step >= len(value):
            raise LookupError(step)
        return [
            remove(item, rest) if index == step else item for index, item in enumerate(value) if rest or index != step
        ]
    if not isinstance(value, Mapping) or step not in value:
        raise LookupError(step)
    return {key: remove(item, rest) if key == step else item for key, item in value.items() if rest or key != step}
