"""Seeing the records arrive: each observer in threads of its own, from before the first is sent until all is known."""

from __future__ import annotations

import contextvars
import heapq
import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pytest_sysint.checks._flows.book import SENDING, Book, Sight, clock
from pytest_sysint.checks._flows.places import texts_in
from pytest_sysint.checks._flows.plan import Observer
from pytest_sysint.checks._flows.values import CORRELATION, SYNTHETIC
from pytest_sysint.core.capabilities import Watch, Watchable
from pytest_sysint.core.check import Context
from pytest_sysint.core.errors import CallError
from pytest_sysint.core.integration import Observation, Operation

_SLICE = 0.2
"""Seconds after which a reader looks whether it is to end."""
_FIRST = 0.02
"""Seconds after which a record is looked for a second time; then less and less often."""
_GROWTH = 1.5


class Lookout(ABC):
    """Fills the sight of one observer."""

    def __init__(self, context: Context, book: Book, sight: Sight) -> None:
        self.context = context
        self.book = book
        self.sight = sight
        self.stopped = threading.Event()
        self.threads: list[threading.Thread] = []

    @property
    def observer(self) -> Observer:
        """What it stands for."""
        return self.sight.observer

    @property
    def note(self) -> str:
        """What its looking does to others, in a sentence; empty when they notice nothing."""
        return ""

    @abstractmethod
    def open(self) -> None:
        """Be ready: whatever is sent from now on will be seen.

        Raises:
            CallError: when it cannot look at all.

        """

    def last_look(self) -> None:  # noqa: B027 - who reads a stream has nothing to look at again
        """Look once more at everything, when all has arrived: for what came twice, and what was changed since."""

    def close(self) -> None:
        """End all its threads."""
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def _run(self, work: Callable[[], None], number: int = 0) -> None:
        def guarded() -> None:
            try:
                work()
            except CallError as error:
                self.sight.blind = error
            except Exception as error:  # noqa: BLE001 - whatever goes wrong here makes the observer blind, and nobody hang
                self.sight.blind = CallError(f"{type(error).__name__}: {error}")

        run = contextvars.copy_context().run
        name = f"sysint-{self.observer.name}-{number}"
        thread = threading.Thread(target=run, args=(guarded,), name=name, daemon=True)
        thread.start()
        self.threads.append(thread)

    def _ask(self, operation: Operation) -> Observation | None:
        """What is there now; None when there was no answer, which is tried again while there is time."""
        try:
            observation = self._perform(operation)
        except CallError as error:
            self.sight.trouble = error
            if not (error.transient or self.sight.asked):
                raise
            return None
        self.sight.asked += 1
        return observation

    def _perform(self, operation: Operation) -> Observation:
        """Carry it out. The budget of the check is that of its source: what is asked of others is not counted."""
        on = self.observer.step.on
        if on == self.book.journey.send.on:
            return self.context.perform(operation)
        observation = operation.perform(self.context.other(on), self.context.timeout)
        self.context.note(observation.exchange)
        return observation

    def _items(self, observation: Observation) -> list[Any]:
        """The rows, hits or documents in an answer."""
        if observation.facts.get("exists") is False or self.observer.step.failure(observation):
            return []
        found = observation.payload if self.observer.rows is None else self.observer.rows.find(observation.payload)
        if isinstance(found, list):
            return found if self.observer.counts or not found else [found]
        # An answer without a body is an answer where it has a status, which is as it must be.
        is_there = found is not None or (self.observer.rows is None and "status" in observation.facts)
        return [found] if is_there else []


class Watcher(Lookout):
    """Reads messages as they come."""

    watch: Watch

    def open(self) -> None:
        operation = self.observer.step.build(self.book.records.values(0))
        assert isinstance(operation, Watchable)
        integration = self.context.other(self.observer.step.on)
        self.watch = operation.watch(integration, self.context.timeout)
        self.sight.asked += 1
        self._run(self._read)

    @property
    def note(self) -> str:
        return f"{self.observer.name}: {self.watch.disturbs}" if self.watch.disturbs else ""

    def _read(self) -> None:
        recognise = self._recogniser()
        while not self.stopped.is_set():
            messages = self.watch.read(_SLICE)
            moment = clock()
            for message in messages:
                self.sight.take(recognise(message), message, moment)

    def _recogniser(self) -> Callable[[Mapping[str, Any]], Any]:
        place = self.observer.match
        if place is not None:
            return place.find
        if self.book.journey.token == SYNTHETIC and self.observer.by == f"{{{CORRELATION}}}":
            run = self.book.records.values(0)("run")
            pattern = re.compile(re.escape(f"sysint-{run}-") + r"\d+")
            return lambda message: next((m[0] for text in texts_in(message) if (m := pattern.search(text))), None)
        return self._any_of

    def _any_of(self, message: Mapping[str, Any]) -> str | None:
        texts = list(texts_in(message))
        return next((token for token in self.sight.recognised() if any(token in text for text in texts)), None)

    def close(self) -> None:
        super().close()
        self.watch.close()


class Sweeper(Lookout):
    """Asks for all records at once, again and again."""

    def open(self) -> None:
        self._look(judge=False)
        self._run(self._sweep)

    def _sweep(self) -> None:
        while not self.stopped.wait(self.observer.every):
            self._look(judge=False)

    def last_look(self) -> None:
        self._look(judge=True)

    def _look(self, *, judge: bool) -> None:
        observation = self._ask(self.observer.step.build(self.book.records.values(0)))
        if observation is not None:
            place = self.observer.match
            rows = self._items(observation)
            found = [(place.find(row) if place is not None else self._anywhere(row), row) for row in rows]
            self.sight.sweep(found, clock(), judge=judge)

    def _anywhere(self, row: Any) -> str | None:
        texts = list(texts_in(row))
        return next((token for token in self.sight.recognised() if any(token in text for text in texts)), None)


class Seeker(Lookout):
    """Looks for each record on its own, less and less often, until it is there."""

    def __init__(self, context: Context, book: Book, sight: Sight) -> None:
        super().__init__(context, book, sight)
        self._due: list[tuple[float, int, float]] = []
        self._turn = threading.Condition()
        self._next = 0
        """The first record that was not taken up yet."""
        self._waiting: list[int] = []
        """Records whose way to this observer has not begun: their turn comes when the one before has seen them."""

    def open(self) -> None:
        count = min(self.book.journey.keys.concurrency, len(self.book.records))
        for number in range(count):
            self._run(self._seek, number)

    def _seek(self) -> None:
        while not self.stopped.is_set():
            job = self._take()
            if job is None:
                self.stopped.wait(_FIRST)
                continue
            at, pause = job
            if not self._see(at) and not self.stopped.is_set():
                with self._turn:
                    heapq.heappush(self._due, (clock() + pause, at, min(pause * _GROWTH, self.observer.every * 4)))

    def _take(self) -> tuple[int, float] | None:
        """A record that is to be looked for now."""
        with self._turn:
            self._take_up()
            if self._due and self._due[0][0] <= clock():
                _, at, pause = heapq.heappop(self._due)
                return at, pause
        return None

    def _take_up(self) -> None:
        records, sight = self.book.records, self.sight
        while self._next < len(records) and records.started[self._next]:
            self._waiting.append(self._next)
            self._next += 1
        ready = [at for at in self._waiting if sight.base(at) and records.state[at] != SENDING]
        if ready:
            gone = set(ready)
            self._waiting = [at for at in self._waiting if at not in gone]
            now = clock()
            for at in ready:
                heapq.heappush(self._due, (now, at, _FIRST))

    def _see(self, at: int, *, judge: bool = False) -> bool:
        """Look for a record; whether it is there as often as it must be."""
        try:
            operation = self.observer.step.build(self.book.records.values(at))
        except KeyError:
            return False  # what it is looked for by was not captured
        observation = self._ask(operation)
        if observation is None:
            return False
        self.sight.look(at, self._items(observation), clock(), judge=judge)
        return self.sight.complete(at)

    def last_look(self) -> None:
        once = not (self.observer.counts or self.observer.fields)
        started = self.book.records.started
        left = iter([at for at, count in enumerate(self.sight.counts) if started[at] and not (count and once)])
        lock = threading.Lock()

        def look() -> None:
            while (at := self._following(left, lock)) is not None:
                self._see(at, judge=True)

        first = len(self.threads)
        for number in range(min(self.book.journey.keys.concurrency, len(self.book.records))):
            self._run(look, number)
        for thread in self.threads[first:]:
            thread.join()

    @staticmethod
    def _following(left: Iterator[int], lock: threading.Lock) -> int | None:
        with lock:
            return next(left, None)


KINDS: Mapping[str, type[Lookout]] = {"watch": Watcher, "sweep": Sweeper, "look": Seeker}


def lookout(context: Context, book: Book, sight: Sight) -> Lookout:
    """What looks for one observer."""
    return KINDS[sight.observer.mode](context, book, sight)
