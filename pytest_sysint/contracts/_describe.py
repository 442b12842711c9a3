"""Asking a type what it holds. Checks that run side by side share one answer: a database is not read once per table."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import Field

from pytest_sysint.core.errors import CallError, TimedOut
from pytest_sysint.core.integration import Observation, Operation, Stopwatch, exchange

_FRESH_SECONDS = 1.0
"""How long an answer is good for other checks: they were asked to run at the same time."""
_GRACE = 0.5

Items = Mapping[str, Mapping[str, Any]]


class Describe(Operation):
    """What is there of some sections; the description is the payload."""

    describe: tuple[str, ...] = Field(description="The sections.")
    show: str = Field(default="", description="The item that is shown in the exchange.")

    def title(self) -> str:
        return f"describe {', '.join(self.describe)}"

    def perform(self, integration: Any, timeout: float) -> Observation:
        watch = Stopwatch()
        found = {section: _SHARED.items(integration, section, timeout) for section in self.describe}
        return Observation(found, {}, watch.phases(), exchange(self.title(), self.show, self._shown(found), watch))

    def _shown(self, found: Mapping[str, Items]) -> str:
        if not self.show:
            return "\n".join(f"{section}: {len(items)}" for section, items in found.items())
        items = found[self.describe[0]]
        return written(items[self.show]) if self.show in items else f"there is: {', '.join(items) or 'nothing'}"


class Look(Operation):
    """What is there of one item whose name the declaration chose; None as payload when nothing is."""

    look: str = Field(description="The section.")
    name_of_item: str = Field(description="The item's name, such as a pattern.")
    by: Callable[[Any, str, float], Mapping[str, Any] | None] = Field(description="How the type looks at it.")

    def title(self) -> str:
        return f"{self.look}: {self.name_of_item}"

    def perform(self, integration: Any, timeout: float) -> Observation:
        watch = Stopwatch()
        found = self.by(integration, self.name_of_item, timeout)
        shown = "nothing" if found is None else written(found)
        return Observation(found, {}, watch.phases(), exchange(self.title(), self.name_of_item, shown, watch))


def written(value: Any) -> str:
    """A description as people read it."""
    import yaml

    # Through JSON, so that whatever a driver left in it is a plain value.
    plain = json.loads(json.dumps(value, default=str))
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120))


class _Shared:
    """The last answer for each integration and section."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: WeakKeyDictionary[Any, dict[str, tuple[Future[Items], float]]] = WeakKeyDictionary()

    def items(self, integration: Any, section: str, timeout: float) -> Items:
        """The items of a section: as somebody else is just being told, or was told a moment ago, or asked now."""
        answer, is_mine = self._take(integration, section)
        if is_mine:
            self._ask(answer, integration, section, timeout)
        try:
            return answer.result(timeout + _GRACE)
        except NotYet:
            raise TimedOut(f"the {section} were not described within {timeout:g}s", rung="read") from None
        except CallError as error:
            raise (error if is_mine else copy.copy(error)) from None

    def _take(self, integration: Any, section: str) -> tuple[Future[Items], bool]:
        with self._lock:
            answers = self._answers.setdefault(integration, {})
            answer, since = answers.get(section, (None, 0.0))
            if answer is not None and _is_good(answer, since):
                return answer, False
            answer = Future()
            answers[section] = (answer, time.monotonic())
            return answer, True

    def _ask(self, answer: Future[Items], integration: Any, section: str, timeout: float) -> None:
        try:
            answer.set_result(integration.describe((section,), timeout).get(section, {}))
        except BaseException as error:
            answer.set_exception(error)
            if not isinstance(error, CallError):
                raise


def _is_good(answer: Future[Items], since: float) -> bool:
    if not answer.done():
        return True
    return answer.exception() is None and time.monotonic() - since < _FRESH_SECONDS


_SHARED = _Shared()
