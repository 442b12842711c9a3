"""Removing what a journey put anywhere: noted before it is written, removed at the end, or later from the ledger."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_sysint.checks._flows.book import Book
from pytest_sysint.checks._flows.plan import is_once
from pytest_sysint.checks._flows.steps import Step
from pytest_sysint.checks._flows.values import BUILT_IN, CORRELATION, Values
from pytest_sysint.core.check import Context
from pytest_sysint.core.errors import CallError, SysintError
from pytest_sysint.core.ledger import Gone, Item

_BLOCK = 100
"""How many records are noted at once: a file is not flushed ten thousand times."""
_GONE = frozenset({404, 410})


@dataclass
class Cleaner:
    """Knows which records of a journey may be anywhere, and removes them."""

    steps: Sequence[Step]
    book: Book
    context: Context
    entries: list[tuple[str, int, int]] = field(default_factory=list)
    """(name of the ledger's entry, first record, how many)."""
    left: dict[int, str] = field(default_factory=dict)
    """Records that could not be removed, with why."""
    _noted: int = 0
    _malformed_noted: bool = False

    @property
    def needed(self) -> frozenset[str]:
        """The placeholders without which a record cannot be removed."""
        return frozenset(name for step in self.steps for name in step.names)

    def note(self, at: int) -> None:
        """A record is about to be sent: it is put down in the ledger, with those that follow.

        Raises:
            CallError: when that is not possible; then nothing may be sent.

        """
        records = self.book.records
        if not self.steps or (at < self._noted if records.is_good(at) else self._malformed_noted):
            return
        first, end = (at, min(at + _BLOCK, records.good)) if records.is_good(at) else (records.good, len(records))
        items = [self._item(self.book.records.values(each)) for each in range(first, end)]
        try:
            entry = self.context.ledger.promise(items)
        except OSError as error:
            said = f"the ledger of what must be undone cannot be written: {error.strerror or error}"
            raise CallError(
                said, rung="write", hint="without it nothing is sent: free some space, or set --sysint-reports-dir"
            ) from None
        self.entries.append((entry, first, end - first))
        if records.is_good(at):
            self._noted = end
        else:
            self._malformed_noted = True

    def _item(self, values: Values) -> Item:
        known = {name for name in self.needed if name in BUILT_IN | {CORRELATION} or "." in name}
        return {name: values(name) for name in sorted(known | {CORRELATION})}

    def learn(self, at: int, captured: dict[str, Any]) -> None:
        """What was captured of a record, as far as removing it needs that."""
        more = {name: value for name, value in captured.items() if name in self.needed}
        if more:
            for entry, first, count in self.entries:
                if first <= at < first + count:
                    self.context.ledger.learn(entry, at - first, more)

    # ---- removing ----

    def clean(self) -> None:
        """Remove every record that may have been sent. Never raises: what is left behind is told."""
        started = [at for at in range(len(self.book.records)) if self.book.records.started[at]]
        if not self.steps or not self.entries:
            return
        if started:
            self._remove(started)
        for entry, first, count in self.entries:
            gone = [at - first for at in range(first, first + count) if at not in self.left]
            self.context.ledger.undone(entry, gone)

    def _remove(self, records: Sequence[int]) -> None:
        for step in self.steps:
            if is_once(step):
                said = try_to_remove(step, self.book.records.values(records[0]), self.context)
                self.left.update(dict.fromkeys(records, said) if said else {})
            else:
                self._each(step, records)

    def _each(self, step: Step, records: Sequence[int]) -> None:
        left, lock = iter(records), threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    at = next(left, None)
                if at is None:
                    return
                said = try_to_remove(step, self.book.records.values(at), self.context)
                if said:
                    self.left[at] = said

        count = min(self.book.journey.keys.concurrency, len(records))
        threads = [threading.Thread(target=work, name=f"sysint-undo-{n}", daemon=True) for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def remove(step: Step, values: Any, context: Context) -> str:
    """Remove one record; gives why it could not be, or nothing when it is gone.

    Raises:
        CallError: when the conversation went wrong.

    """
    try:
        operation = step.build(values)
    except KeyError as error:
        # What it is removed by was learnt from the answer to its sending, and there was none.
        return f"it is not known by which '{error.args[0]}' it would have to be removed"
    # Not through the context: neither a budget nor the end of the run may keep it from being done.
    observation = operation.perform(context.other(step.on), context.timeout)
    return "" if observation.facts.get("status") in _GONE else step.failure(observation)


def try_to_remove(step: Step, values: Values, context: Context) -> str:
    """The same, and never an exception: what could not be removed is told, and the others are removed all the same."""
    try:
        return remove(step, values, context)
    except SysintError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - whatever a client library raises, the record is still there
        return f"{type(error).__name__}: {error}"


@dataclass(frozen=True, slots=True)
class Undo:
    """Removes a record of an earlier run, from what the ledger has of it."""

    steps: tuple[Step, ...]

    def __call__(self, context: Context, item: Item) -> str:
        """Why it cannot be removed; empty when it is gone."""
        return "; ".join(filter(None, (self._remove(step, item, context) for step in self.steps)))

    def _remove(self, step: Step, item: Item, context: Context) -> str:
        try:
            return remove(step, _Known(item), context)
        except Gone:
            return ""


class _Known:
    """The values of a record as the ledger has them."""

    index = 0

    def __init__(self, item: Item) -> None:
        self._item = item

    def __call__(self, name: str) -> Any:
        return self._item[name]
