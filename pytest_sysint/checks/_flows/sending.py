"""Sending the records: so many a second, so many at once, in order where an order is to be kept."""

from __future__ import annotations

import contextvars
import queue
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pytest_sysint.checks._flows.book import ACCEPTED, BROKEN, REFUSED, SENDING, Book, clock
from pytest_sysint.checks._flows.cleaning import Cleaner
from pytest_sysint.checks._flows.values import Values
from pytest_sysint.core.check import Context
from pytest_sysint.core.errors import CallError, Denied
from pytest_sysint.core.integration import Observation, Operation

_GIVE_UP = 5
"""So many in a row without an answer: nobody is there any more."""
_WAITING = 2
"""How many records a lane has made ready ahead."""
_POLL = 0.2
_BESIDE = frozenset({401, 403, 404, 405, 408, 429})
"""Answers that say no, but not because of what was sent."""
Job = tuple[int, Operation, Values]


@dataclass
class Lanes:
    """Threads that send. Records of one key take the same lane, so that their order is that of sending."""

    context: Context
    book: Book
    cleaner: Cleaner
    queues: list[queue.Queue[Job | None]] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)
    broken: CallError | None = None
    """Why sending was given up."""
    _in_a_row: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Start the threads: with keys a queue each, without any one queue for all, in one sequence a single one."""
        book = self.book
        count = min(book.journey.keys.concurrency, len(book.records))
        if book.journey.in_order and not book.order_by:
            count = 1
        several = count if book.order_by else 1
        self.queues = [queue.Queue(_WAITING * (count // several)) for _ in range(several)]
        for number in range(count):
            source = self.queues[number % several]
            run = contextvars.copy_context().run
            thread = threading.Thread(target=run, args=(self._work, source), name=f"sysint-send-{number}", daemon=True)
            thread.start()
            self.threads.append(thread)

    def give(self, at: int, operation: Operation, values: Values) -> None:
        """Hand over a record; waits while the lanes have enough."""
        keys = self.book.records.order_keys
        key = keys[at] if self.book.order_by and at < len(keys) else ""
        chosen = self.queues[zlib.crc32(key.encode()) % len(self.queues)]
        while self.broken is None:
            try:
                chosen.put((at, operation, values), timeout=_POLL)
            except queue.Full:
                self.context.sleep(0)
            else:
                return

    def end(self) -> None:
        """Wait until all that was handed over is sent."""
        for number in range(len(self.threads)):
            chosen = self.queues[number % len(self.queues)]
            while any(thread.is_alive() for thread in self.threads):
                try:
                    chosen.put(None, timeout=_POLL)
                except queue.Full:
                    continue
                break
        for thread in self.threads:
            thread.join()

    def abandon(self) -> None:
        """Send nothing more; what is on its way comes to its end."""
        self.broken = self.broken or CallError("the run was stopped")
        self.end()

    def _work(self, source: queue.Queue[Job | None]) -> None:
        while (job := source.get()) is not None:
            if self.broken is None:
                self._send(*job)

    def _send(self, at: int, operation: Operation, values: Values) -> None:
        book, records = self.book, self.book.records
        for repeated in range(book.journey.keys.repeat if records.is_good(at) else 1):
            began = clock()
            if not repeated:
                records.started[at] = began
                records.state[at] = SENDING
            try:
                observation = self.context.perform(operation, book.step(at).on)
            except CallError as error:
                self._failed(at, error, repeated)
                return
            except BaseException as error:  # noqa: BLE001 - a thread must not die unheard: what is sent depends on it
                self._failed(at, CallError(f"{type(error).__name__}: {error}"), repeated)
                return
            self._answered(at, observation, values, repeated)

    def _answered(self, at: int, observation: Observation, values: Values, repeated: int) -> None:
        records, step = self.book.records, self.book.step(at)
        with self._lock:
            self._in_a_row = 0
        records.answered[at] = clock()
        if repeated:
            # Whether the source says again what it said, or that it knows the record already, is its own affair.
            if _is_crash(observation):
                records.refuse(at, f"the repetition was answered with {observation.facts['status']}", BROKEN)
            return
        said = step.failure(observation)
        if said:
            fault = records.is_good(at) or observation.facts.get("status") not in _BESIDE
            records.refuse(at, said, REFUSED if fault and not _is_crash(observation) else BROKEN)
            return
        records.state[at] = ACCEPTED
        if records.is_good(at):
            found = {name: place.find(observation.payload) for name, place in self.book.journey.capture.items()}
            captured = {name: value for name, value in found.items() if value is not None}
            self.cleaner.learn(at, captured)
            self.book.learn(at, captured)

    def _failed(self, at: int, error: CallError, repeated: int) -> None:
        records = self.book.records
        records.answered[at] = clock()
        unanswered = error.transient or type(error) is CallError
        if repeated:
            # A repetition that nobody took shows nothing of what the same twice leaves; nor that nobody is there, who
            # has answered just now.
            if unanswered:
                records.refuse(at, f"the repetition was not answered: {error.message}", BROKEN)
            return
        records.refuse(at, error.message, BROKEN if unanswered or isinstance(error, Denied) else REFUSED)
        with self._lock:
            self._in_a_row = self._in_a_row + 1 if unanswered else 0
            if self._in_a_row >= min(_GIVE_UP, len(records)):
                self.broken = error


def _is_crash(observation: Observation) -> bool:
    """Whether the other side fell over, which is no way to refuse something."""
    status = observation.facts.get("status")
    return isinstance(status, int) and status >= 500


@contextmanager
def lanes(context: Context, book: Book, cleaner: Cleaner) -> Iterator[Lanes]:
    """Lanes that are brought to their end in any case."""
    found = Lanes(context, book, cleaner)
    found.start()
    try:
        yield found
    except BaseException:
        found.abandon()
        raise
    found.end()


def send_all(context: Context, book: Book, cleaner: Cleaner) -> CallError | None:
    """Send every record, the malformed ones before the others. Gives why it was given up, None when it was not."""
    records, rate = book.records, book.journey.keys.rate
    with lanes(context, book, cleaner) as first:
        for at in range(records.good, len(records)):
            _hand_over(first, at)
    if first.broken is not None:
        return first.broken
    book.sending_began = clock()
    with lanes(context, book, cleaner) as rest:
        for at in range(records.good):
            if rate is not None:
                ahead = book.sending_began + at / rate - clock()
                if ahead > 0:
                    context.sleep(ahead)
            if rest.broken is not None:
                break
            _hand_over(rest, at)
            if at % 500 == 499:
                context.progress(f"{at + 1:,} of {records.good:,} records sent")
    book.sending_ended = clock()
    return rest.broken


def _hand_over(lanes_: Lanes, at: int) -> None:
    book = lanes_.book
    lanes_.context.sleep(0)  # the run may have been stopped
    lanes_.cleaner.note(at)
    values = book.prepare(at)
    try:
        operation = book.step(at).build(values)
    except CallError as error:
        book.records.refuse(at, error.message)
        return
    lanes_.give(at, operation, values)
