"""One journey from its first record to its verdict, and what is left behind afterwards: nothing."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace

from pytest_sysint.checks._flows import sending
from pytest_sysint.checks._flows.book import ACCEPTED, Book, Sight, clock
from pytest_sysint.checks._flows.cleaning import Cleaner
from pytest_sysint.checks._flows.observing import lookout
from pytest_sysint.checks._flows.plan import Journey
from pytest_sysint.checks._flows.verdict import conclude
from pytest_sysint.core.check import Context, Outcome
from pytest_sysint.core.integration import Stopwatch

_STEP = 0.02
_TELL = 2.0
_LEAST_GRACE, _MOST_GRACE = 1.0, 5.0
"""Seconds that is still waited for what is overdue, within these bounds as long again: late is not lost."""


@dataclass(frozen=True, slots=True)
class Run:
    """Carries out a journey for one tenant. Each attempt has records of its own."""

    journey: Journey
    tenant: str

    def __call__(self, context: Context) -> Outcome:
        """Raises CallError when nothing could be sent, or an observer could not even begin."""
        source = self.journey.source(uuid.uuid4().hex[:8], self.tenant)
        book, watch = Book(self.journey, source), Stopwatch()
        cleaner = Cleaner(self.journey.cleanup, book, context)
        with context.ledger.held() if self.journey.cleanup else nullcontext():
            try:
                outcome = self._travel(context, book, cleaner, watch)
            finally:
                cleaner.clean()
                watch.lap("cleanup")
        outcome = conclude(outcome, book, cleaner, self.tenant)
        return replace(outcome, phases=watch.phases())

    def _travel(self, context: Context, book: Book, cleaner: Cleaner, watch: Stopwatch) -> Outcome:
        with ExitStack() as stack:
            outlooks = []
            for sight in book.sights:
                found = lookout(context, book, sight)
                found.open()
                stack.callback(found.close)
                outlooks.append(found)
            watch.lap("open")
            broken = sending.send_all(context, book, cleaner)
            watch.lap("send")
            if broken is not None and not book.records.in_state(ACCEPTED):
                raise broken
            _await(context, book)
            _settle(context, book)
            for each in outlooks:
                each.last_look()
            watch.lap("observe")
            notes = tuple(filter(None, (each.note for each in outlooks)))
        return Outcome((), cause="; ".join(notes))


def _await(context: Context, book: Book) -> None:
    """Wait until every record is where it must be, or its time is over; or an observer can see no longer."""
    waiting = {id(sight): _awaited(book, sight) for sight in book.sights}
    total, told = sum(map(len, waiting.values())), clock()
    while not any(sight.blind for sight in book.sights):
        now = clock()
        for sight in book.sights:
            grace = _grace(book, sight)
            waiting[id(sight)] = [
                at for at in waiting[id(sight)] if not sight.complete(at) and now < sight.due(at) + grace
            ]
        missing = sum(map(len, waiting.values()))
        if not missing:
            return
        if now - told > _TELL:
            told = now
            context.progress(f"{total - missing:,} of {total:,} arrivals seen")
        context.sleep(_STEP)


def _awaited(book: Book, sight: Sight) -> Sequence[int]:
    """The records that must come to an observer."""
    return book.records.in_state(ACCEPTED, good=sight is not book.letter)


def _grace(book: Book, sight: Sight) -> float:
    """How long is still waited for what is overdue; not where nothing is to come at all."""
    if "observed" in book.journey.expectation.subjects:
        return 0.0
    return min(max(sight.observer.within, _LEAST_GRACE), _MOST_GRACE)


def _settle(context: Context, book: Book) -> None:
    """Watch on until nothing new has come for a while."""
    quiet = book.journey.keys.settle
    began = clock()
    end = began + 10 * quiet
    while not any(sight.blind for sight in book.sights):
        last = max(began, *(sight.last for sight in book.sights))
        left = min(last + quiet, end) - clock()
        if left <= 0:
            return
        context.sleep(min(left, _STEP * 5))
